//! Parquet: a row is an object of its columns.

use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};

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
    // The library checks files, but not everywhere: a broken one must not end the program.
    let outcome = catch_unwind(AssertUnwindSafe(read));
    let broken = |reason: String| DatasetError::Broken { file: name.to_owned(), line: row, reason };
    match outcome {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(broken(error.to_string())),
        Err(_) => Err(broken("the Parquet reader gave up".to_owned())),
    }
}
