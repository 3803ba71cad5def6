//! What can go wrong with training data: each error says what failed and what to do about it.

use std::io;
use std::path::{Path, PathBuf};

use crate::dataset::Report;

/// Why data could not be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs, reason = "each field is a part of the sentence that its message spells out")]
pub enum DatasetError {
    #[error("{file} is no JSON, JSONL or Parquet file: {reason}")]
    NotRows { file: String, reason: String },
    #[error("{file} breaks off or is broken at line {line}: {reason}")]
    Broken { file: String, line: u64, reason: String },
    #[error(
        "{file} has none of the columns that hone knows ({columns}): it reads `instruction` and `output`, \
         `conversations`, `messages`, or `prompt` and `completion`; --format names the one that is meant"
    )]
    UnknownFormat { file: String, columns: String },
    #[error("{} of {} rows are bad, more than 5 %: nothing is taken. The first are {}", report.bad, report.rows,
        report.first_bad_text())]
    TooManyBad { report: Box<Report> },
    #[error("no row is left to learn from: {report}")]
    Empty { report: Box<Report> },
    #[error("`{0}` is no format that hone knows: alpaca, sharegpt, messages or prompt-completion")]
    NoSuchFormat(String),
    #[error("`{text}` is neither a set ({known}) nor a file: `hone data fetch` makes a set")]
    Unknown { text: String, known: String },
    #[error("{reason}: shares are written as 0.1, and together they leave some rows to train on")]
    Shares { reason: String },
    #[error("the weight {0} is not above zero")]
    Weight(f64),
    #[error("{} is no data set: it has no manifest.json. `hone data fetch` makes one", .0.display())]
    NoSet(PathBuf),
    #[error("the data set in {} is damaged ({reason}): fetch or build it again", folder.display())]
    Damaged { folder: PathBuf, reason: String },
    #[error("{action} {}: {source}", path.display())]
    Io { action: &'static str, path: PathBuf, source: io::Error },
}

impl DatasetError {
    /// Adds what was being done with which file to an [`io::Error`].
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> DatasetError + use<> {
        let path = path.to_path_buf();
        move |source| DatasetError::Io { action, path, source }
    }
}
