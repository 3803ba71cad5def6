//! Parquet: a row is an object of its columns.

use std::cell::Cell;
use std::fs::File;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

use parquet::errors::ParquetError;
use parquet::file::reader::SerializedFileReader;
use parquet::record::reader::RowIter;

use super::Take;
use crate::dataset::DatasetError;

/// Hands on each row of `file`.
pub(super) fn each_row(file: File, name: &str, take: Take<'_>) -> Result<(), DatasetError> {
    let mut row = 0;
    let read = || -> Result<(), ParquetError> {
        for found in RowIter::from_file_into(Box::new(SerializedFileReader::new(file)?)) {
            row += 1;
            take(row, Ok(found?.to_json_value()));
        }
        Ok(())
    };
    let outcome = guarded(read);
    let broken = |reason: String| DatasetError::Broken { file: name.to_owned(), line: row, reason };
    match outcome {
        Some(Ok(())) => Ok(()),
        Some(Err(error)) => Err(broken(error.to_string())),
        None => Err(broken("its inner structure is damaged".to_owned())),
    }
}

thread_local! {
    /// Whether a panic of this thread is caught, and hence no news.
    static GUARDED: Cell<bool> = const { Cell::new(false) };
}

/// Runs `read`; `None` where it panics. The library checks files, but not everywhere, and a damaged one must
/// neither end the program nor look as if it did.
fn guarded<T>(read: impl FnOnce() -> T) -> Option<T> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !GUARDED.get() {
                before(info);
            }
        }));
    });
    GUARDED.set(true);
    let outcome = panic::catch_unwind(AssertUnwindSafe(read));
    GUARDED.set(false);
    outcome.ok()
}
