//! The small files of a checkpoint: JSON of a bounded size.

use super::ImportError;
use serde_json::Value;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// Largest `tokenizer.json`; those of 250,000 tokens have 33 MB.
const LIMIT: u64 = 64 << 20;

/// The JSON file `name`, which must be there.
pub(crate) fn json(folder: &Path, name: &str) -> Result<Value, ImportError> {
    find_json(folder, name)?.ok_or_else(|| ImportError::MissingFile(name.to_owned()))
}

/// The JSON file `name`, where it is there.
pub(super) fn find_json(folder: &Path, name: &str) -> Result<Option<Value>, ImportError> {
    let Some(bytes) = find(folder, name)? else { return Ok(None) };
    let parsed = serde_json::from_slice(&bytes);
    parsed.map(Some).map_err(|error| ImportError::Json { file: name.to_owned(), reason: error.to_string() })
}

/// The text file `name`, where it is there.
pub(super) fn find_text(folder: &Path, name: &str) -> Result<Option<String>, ImportError> {
    let Some(bytes) = find(folder, name)? else { return Ok(None) };
    let reason = "it is not UTF-8".to_owned();
    let text = String::from_utf8(bytes);
    text.map(Some).map_err(|_| ImportError::Json { file: name.to_owned(), reason })
}

fn find(folder: &Path, name: &str) -> Result<Option<Vec<u8>>, ImportError> {
    let path = folder.join(name);
    // Opening a pipe or a device could block or have effects: look before.
    match path.metadata() {
        Ok(found) if found.is_file() => {}
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(ImportError::io("cannot read", &path)(error));
        }
        _ => return Ok(None),
    }
    let file = File::open(&path).map_err(ImportError::io("cannot read", &path))?;
    let mut bytes = Vec::new();
    file.take(LIMIT + 1).read_to_end(&mut bytes).map_err(ImportError::io("cannot read", &path))?;
    if bytes.len() as u64 > LIMIT {
        return Err(ImportError::TooLarge { file: name.to_owned(), bytes: bytes.len() as u64, limit: LIMIT });
    }
    Ok(Some(bytes))
}
