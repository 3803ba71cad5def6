//! What can go wrong, and what to do about it.

use rusqlite::ErrorCode;
use std::path::PathBuf;

/// Nothing of a call that gave one of these was kept.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// No room for another row. Later calls work again as soon as there is room.
    #[error("the disk is full ({0}): nothing was saved; free some space and do it again")]
    Full(String),
    /// The file is no database of ours, or was damaged.
    #[error("{} is damaged ({why}): take it away and put a copy from the folder `backups` in its place", path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What SQLite says.
        why: String,
    },
    /// A newer hone has written the file.
    #[error("{} was written by a newer hone (layout {found}, this one knows {known}): update hone", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its layout.
        found: u32,
        /// The newest layout that this program knows.
        known: u32,
    },
    /// Another process writes for longer than a call waits.
    #[error("another hone is writing to the same data folder: wait until it is done, then do it again")]
    Busy,
    /// The disk or the file system failed.
    #[error("cannot read or write the data folder: {0}")]
    Io(String),
    /// After an error at which nobody can say what is on the disk, nothing more is taken.
    #[error("the disk has failed ({0}): nothing more is saved until hone is started again")]
    Stopped(String),
    /// There is no such row.
    #[error("there is no {what} `{id}`")]
    NotFound {
        /// What was looked for.
        what: &'static str,
        /// As it was given.
        id: String,
    },
    /// The value cannot be kept; the text says why.
    #[error("{0}")]
    Invalid(String),
    /// SQLite refused; a mistake in this program.
    #[error("the store failed: {0}")]
    Internal(String),
}

impl StoreError {
    /// For a row that is not there.
    pub fn not_found(what: &'static str, id: impl ToString) -> StoreError {
        StoreError::NotFound { what, id: id.to_string() }
    }

    /// For a file of the data folder.
    pub(crate) fn io(what: &str, path: &std::path::Path) -> impl FnOnce(std::io::Error) -> StoreError {
        let place = format!("{what} {}", path.display());
        move |error| match error.kind() {
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => {
                StoreError::Full(format!("{place}: {error}"))
            }
            _ => StoreError::Io(format!("{place}: {error}")),
        }
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> StoreError {
        use rusqlite::ffi;
        let text = error.to_string();
        let Some(failure) = error.sqlite_error() else { return StoreError::Internal(text) };
        match (failure.code, failure.extended_code) {
            // The index of the log is a file too, and needs room.
            (ErrorCode::DiskFull, _) | (_, ffi::SQLITE_IOERR_SHMSIZE) => StoreError::Full(text),
            (ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked, _) => StoreError::Busy,
            (ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase, _) => {
                StoreError::Corrupt { path: "hone.db".into(), why: text }
            }
            (ErrorCode::SystemIoFailure | ErrorCode::CannotOpen, _) => StoreError::Io(text),
            (ErrorCode::PermissionDenied | ErrorCode::ReadOnly, _) => StoreError::Io(text),
            (ErrorCode::TooBig, _) => StoreError::Invalid(format!("too large to be kept: {text}")),
            _ => StoreError::Internal(text),
        }
    }
}

impl From<serde_json::Error> for StoreError {
    fn from(error: serde_json::Error) -> StoreError {
        StoreError::Invalid(format!("bad JSON in the store: {error}"))
    }
}
