//! Files that are there wholly or not at all, and reading small ones.

use super::AdapterFileError;
use serde_json::{Map, Value};
use std::fs::{self, File};
use std::io::{BufWriter, Read, Write};
use std::path::Path;

/// No configuration file is larger.
const CONFIG_LIMIT: u64 = 1 << 20;

/// Writes `path` under a temporary name, brings it to the disk and renames it.
pub(super) fn replace<E: From<AdapterFileError>>(
    path: &Path,
    write: impl FnOnce(&mut BufWriter<&File>) -> Result<(), E>,
) -> Result<(), E> {
    let failed = |source| E::from(AdapterFileError::Io { doing: "write", path: path.into(), source });
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let part = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
    let mut out = BufWriter::with_capacity(1 << 20, part.as_file());
    write(&mut out)?;
    out.flush().map_err(failed)?;
    drop(out);
    part.as_file().sync_all().map_err(failed)?;
    part.persist(path).map_err(|e| failed(e.error))?;
    // Windows has no such call.
    if cfg!(unix) { File::open(folder).and_then(|f| f.sync_all()).map_err(failed) } else { Ok(()) }
}

/// The object in a JSON file.
pub(super) fn read_config(path: &Path) -> Result<Map<String, Value>, AdapterFileError> {
    let mut text = Vec::new();
    let file = regular(path)?;
    file.take(CONFIG_LIMIT + 1).read_to_end(&mut text).map_err(AdapterFileError::reading(path))?;
    let bad = |reason: String| AdapterFileError::Config { path: path.into(), reason };
    if text.len() as u64 > CONFIG_LIMIT {
        return Err(bad(format!("it is larger than {CONFIG_LIMIT} bytes")));
    }
    serde_json::from_slice(&text).map_err(|e| bad(e.to_string()))
}

/// Writes a JSON file.
pub(super) fn write_config(path: &Path, value: &Value) -> Result<(), AdapterFileError> {
    replace(path, |out| {
        serde_json::to_writer_pretty(&mut *out, value)
            .map_err(std::io::Error::from)
            .and_then(|()| out.write_all(b"\n"))
            .map_err(AdapterFileError::writing(path))
    })
}

/// Creates a folder, and those above it.
pub(super) fn folder(path: &Path) -> Result<(), AdapterFileError> {
    fs::create_dir_all(path).map_err(AdapterFileError::writing(path))
}

/// Opens a file; a pipe or a device could block or have effects.
pub(super) fn regular(path: &Path) -> Result<File, AdapterFileError> {
    let failed = AdapterFileError::reading(path);
    match fs::metadata(path) {
        Ok(meta) if !meta.is_file() => Err(failed(std::io::Error::other("it is not a regular file"))),
        Ok(_) => File::open(path).map_err(failed),
        Err(error) => Err(failed(error)),
    }
}
