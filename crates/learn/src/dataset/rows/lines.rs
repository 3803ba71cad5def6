//! JSONL: a row a line. A broken line is a bad row and costs no other.

use std::io::{self, BufRead, Read};
use std::path::Path;

use super::{MAX_ROW, Take};
use crate::dataset::DatasetError;

/// Hands on each line of `reader`, the first of which is `line`. Blank lines are no rows.
pub(super) fn each_row(
    mut reader: impl BufRead,
    mut line: u64,
    path: &Path,
    take: Take<'_>,
) -> Result<(), DatasetError> {
    let failed = || DatasetError::io("cannot read", path);
    let mut bytes = Vec::new();
    loop {
        bytes.clear();
        reader.by_ref().take(MAX_ROW + 1).read_until(b'\n', &mut bytes).map_err(failed())?;
        if bytes.is_empty() {
            return Ok(());
        }
        if bytes.len() as u64 > MAX_ROW {
            skip_line(&mut reader, bytes.last()).map_err(failed())?;
            take(line, Err(format!("the row is longer than {} MiB", MAX_ROW >> 20)));
        } else if !bytes.trim_ascii().is_empty() {
            take(line, serde_json::from_slice(&bytes).map_err(|error| short(&error)));
        }
        line += 1;
    }
}

/// The error without its place, which is a line of one row.
fn short(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let text = text.split(" at line ").next().unwrap_or(&text);
    format!("it is no JSON: {text} at column {}", error.column())
}

/// Skips what is left of a line whose `last` byte was read.
fn skip_line(reader: &mut impl BufRead, last: Option<&u8>) -> io::Result<()> {
    if last == Some(&b'\n') { Ok(()) } else { reader.skip_until(b'\n').map(drop) }
}
