//! The index of passages (`index.db`): roots, files, passages, their words and their vectors.
//!
//! All of it can be made again from the indexed folders. So a commit is not synced to the disk one by one
//! (`synchronous=NORMAL`: a power cut may take the last batches, never the consistency), and a file with another
//! layout is emptied instead of migrated.

mod passages;
mod roots;
mod schema;
mod vectors;
mod words;

pub use passages::{Change, FileRow, KnownFile, NewPassage, PassageRow};
pub use roots::RootRow;
use rusqlite::Connection;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
pub use vectors::HERE;

/// The open index. Reading does not wait for writing; there is one writer at a time.
pub struct Index {
    writer: Mutex<Connection>,
    reader: Mutex<Connection>,
    /// How many passages had no vector, and in which generation: counting them reads all of both tables.
    missing: Mutex<Option<(i64, u64)>>,
}

/// What went wrong with the index.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// The file is no index, or damaged, or not accessible.
    #[error(
        "the index {path} cannot be opened ({source}); it holds nothing that cannot be made again: \
         delete it and run `hone index add`"
    )]
    Open {
        /// The file.
        path: PathBuf,
        /// What SQLite says.
        source: rusqlite::Error,
    },
    /// No space is left.
    #[error("the disk is full: what was indexed before is kept; make space and run the command again")]
    Full,
    /// Another process writes for a long time.
    #[error("the index is in use by another process: try again when it has finished")]
    Busy,
    /// Any other failure.
    #[error("the index cannot be used: {0}")]
    Sqlite(rusqlite::Error),
}

impl From<rusqlite::Error> for IndexError {
    fn from(error: rusqlite::Error) -> IndexError {
        use rusqlite::ErrorCode::{DatabaseBusy, DatabaseLocked, DiskFull};
        match error.sqlite_error_code() {
            Some(DiskFull) => IndexError::Full,
            Some(DatabaseBusy | DatabaseLocked) => IndexError::Busy,
            _ => IndexError::Sqlite(error),
        }
    }
}

impl Index {
    /// Opens the index at `path`, and makes it where there is none.
    pub fn open(path: &Path) -> Result<Index, IndexError> {
        let failed = |source| IndexError::Open { path: path.to_path_buf(), source };
        let writer = schema::connect(path).map_err(failed)?;
        schema::prepare(&writer).map_err(failed)?;
        let reader = schema::connect(path).map_err(failed)?;
        Ok(Index { writer: Mutex::new(writer), reader: Mutex::new(reader), missing: Mutex::default() })
    }

    fn writer(&self) -> MutexGuard<'_, Connection> {
        // A transaction that a panic left is rolled back when it is dropped.
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn reader(&self) -> MutexGuard<'_, Connection> {
        self.reader.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
