//! A file as a stream of rows: JSONL, a JSON array, or Parquet. No file is loaded as a whole.

mod array;
mod lines;
mod parquet;

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use serde_json::Value;

use crate::dataset::DatasetError;

/// The longest row. A longer one is bad, and never in memory as a whole.
pub(super) const MAX_ROW: u64 = 16 << 20;

/// What is told of each row: its line (in Parquet its number), counted from 1, and what it holds or what is wrong.
pub(super) type Take<'a> = &'a mut dyn FnMut(u64, Result<Value, String>);

/// Hands the rows of the file at `path` to `take`. Messages call it `name`. What is in the file decides its
/// kind, not its name. Fails where the rest of the file cannot be read.
pub fn each_row(
    path: &Path,
    name: &str,
    mut take: impl FnMut(u64, Result<Value, String>),
) -> Result<(), DatasetError> {
    let failed = || DatasetError::io("cannot read", path);
    let mut file = File::open(path).map_err(DatasetError::io("cannot open", path))?;
    let mut start = Vec::new();
    file.by_ref().take(4).read_to_end(&mut start).map_err(failed())?;
    file.seek(SeekFrom::Start(0)).map_err(failed())?;
    let archive = start.starts_with(b"\x1f\x8b") || start.starts_with(b"PK\x03\x04");
    if archive || start == b"\x28\xb5\x2f\xfd" {
        let reason = "it is an archive: unpack it first".to_owned();
        return Err(DatasetError::NotRows { file: name.to_owned(), reason });
    }
    if start == b"PAR1" {
        return parquet::each_row(file, name, &mut take);
    }
    let mut reader = BufReader::with_capacity(256 << 10, file);
    let skipped = skip_blank(&mut reader).map_err(failed())?;
    match skipped {
        (line, Some(b'[')) => array::each_row(reader, line, path, name, &mut take),
        (line, Some(_)) => lines::each_row(reader, line, path, &mut take),
        (_, None) => Ok(()),
    }
}

/// Skips white space and the byte order mark. Gives the line and the byte that come first.
fn skip_blank(reader: &mut impl BufRead) -> std::io::Result<(u64, Option<u8>)> {
    let mut line = 1;
    if reader.fill_buf()?.starts_with(b"\xef\xbb\xbf") {
        reader.consume(3);
    }
    loop {
        let buffer = reader.fill_buf()?;
        let blank = buffer.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        line += buffer[..blank].iter().filter(|byte| **byte == b'\n').count() as u64;
        let (first, seen) = (buffer.get(blank).copied(), buffer.len());
        reader.consume(blank);
        if first.is_some() || seen == 0 {
            return Ok((line, first));
        }
    }
}
