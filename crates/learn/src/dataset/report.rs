//! What became of the rows of a source.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Bad rows that are kept by file and line.
const FIRST_BAD: usize = 5;

/// Counts of rows: `rows` is the sum of the four others.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Rows that were read.
    pub rows: u64,
    /// Rows that became examples.
    pub kept: u64,
    /// Rows without a question or without an answer.
    pub empty: u64,
    /// Rows that say what one before them says.
    pub duplicates: u64,
    /// Rows that are broken or of another shape.
    pub bad: u64,
    /// The first bad rows.
    pub first_bad: Vec<BadRow>,
}

/// A row that could not be used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BadRow {
    /// The file.
    pub file: String,
    /// Its line, counted from 1; in a Parquet file, its row.
    pub line: u64,
    /// What is wrong.
    pub reason: String,
}

impl Report {
    pub(crate) fn count_bad(&mut self, file: &str, line: u64, reason: String) {
        self.bad += 1;
        if self.first_bad.len() < FIRST_BAD {
            self.first_bad.push(BadRow { file: file.to_owned(), line, reason });
        }
    }

    /// Whether more than 5 % are bad.
    pub(crate) fn is_too_bad(&self) -> bool {
        self.bad.saturating_mul(20) > self.rows
    }

    pub(crate) fn first_bad_text(&self) -> String {
        self.first_bad.iter().map(BadRow::to_string).collect::<Vec<_>>().join("; ")
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Report { rows, kept, empty, duplicates, bad, .. } = self;
        write!(f, "{rows} rows, {kept} kept, {empty} empty, {duplicates} duplicates, {bad} bad")
    }
}

impl fmt::Display for BadRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file, self.line, self.reason)
    }
}
