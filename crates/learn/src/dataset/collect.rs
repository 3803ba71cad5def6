//! Rows become examples; what is empty, double or bad is dropped and counted.

use std::collections::HashSet;
use std::path::Path;

use serde_json::Value;

use crate::dataset::rows::each_row;
use crate::dataset::{DatasetError, Example, Format, Report};

/// Takes the rows of one file after the other. Duplicates are found across all of them.
#[derive(Debug, Default)]
pub struct Collector {
    format: Option<Format>,
    examples: Vec<Example>,
    seen: HashSet<[u8; 32]>,
    report: Report,
}

impl Collector {
    /// With a `format` every row must have it; without one, that of each file is recognised.
    pub fn new(format: Option<Format>) -> Collector {
        Collector { format, ..Collector::default() }
    }

    /// Takes the rows of the file at `path`, which messages call `name`. Gives the format that they have;
    /// `None` for a file without rows.
    pub fn add_file(&mut self, path: &Path, name: &str) -> Result<Option<Format>, DatasetError> {
        let mut format = self.format;
        let (before, mut columns) = (self.report.rows, None);
        each_row(path, name, |line, row| {
            self.report.rows += 1;
            if let (None, Ok(row)) = (format, &row) {
                format = Format::recognise(row);
                columns.get_or_insert_with(|| names(row));
            }
            match row.and_then(|row| convert(format, &row)) {
                Ok(example) => self.take(example),
                Err(reason) => self.report.count_bad(name, line, reason),
            }
        })?;
        let columns = columns.filter(|_| format.is_none());
        if let Some(columns) = columns {
            return Err(DatasetError::UnknownFormat { file: name.to_owned(), columns });
        }
        Ok(format.filter(|_| self.report.rows > before))
    }

    /// The examples in the order of their rows, unless too many rows are bad.
    pub fn finish(self) -> Result<(Vec<Example>, Report), DatasetError> {
        if self.report.is_too_bad() {
            return Err(DatasetError::TooManyBad { report: Box::new(self.report) });
        }
        Ok((self.examples, self.report))
    }

    fn take(&mut self, example: Option<Example>) {
        match example {
            None => self.report.empty += 1,
            Some(example) if !self.seen.insert(example.digest()) => self.report.duplicates += 1,
            Some(example) => {
                self.report.kept += 1;
                self.examples.push(example);
            }
        }
    }
}

fn convert(format: Option<Format>, row: &Value) -> Result<Option<Example>, String> {
    match format {
        Some(format) => format.example(row),
        None => Err(format!("no columns that hone knows ({})", names(row))),
    }
}

/// The columns of a row, for messages.
fn names(row: &Value) -> String {
    match row {
        Value::Object(row) => {
            let names: Vec<_> = row.keys().take(8).map(|name| name.escape_debug().to_string()).collect();
            let text: String = names.join(", ").chars().take(120).collect();
            if text.is_empty() { "there are none".to_owned() } else { text }
        }
        Value::Array(_) => "the row is a list".to_owned(),
        _ => "the row is a single value".to_owned(),
    }
}
