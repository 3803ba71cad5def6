//! Files and folders that are private and durable.

use super::AdaptersError;
use serde::Serialize;
use sha2::{Digest, Sha256};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::Path;

/// Creates `folder` and those above it; `folder` itself is for its owner only (0700).
pub(super) fn private_folder(folder: &Path) -> Result<(), AdaptersError> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder).map_err(AdaptersError::io("cannot create", folder))
}

/// Opens `path` for writing, created if need be, for its owner only (0600).
pub(super) fn private_file(path: &Path, truncate: bool) -> Result<File, AdaptersError> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(truncate);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map_err(AdaptersError::io("cannot open", path))
}

/// Writes a JSON file and brings it to the disk.
pub(super) fn write_json(path: &Path, value: &impl Serialize) -> Result<(), AdaptersError> {
    let mut text = serde_json::to_vec_pretty(value).expect("text, numbers and JSON values are JSON");
    text.push(b'\n');
    let mut file = private_file(path, true)?;
    let written = file.write_all(&text).and_then(|()| file.sync_all());
    written.map_err(AdaptersError::io("cannot write", path))
}

/// Old contents or new contents, never half of them: also after a power cut.
pub(super) fn replace_json(path: &Path, value: &impl Serialize) -> Result<(), AdaptersError> {
    let part = path.with_extension("json.part");
    write_json(&part, value)?;
    rename(&part, path)
}

/// Copies a file under a temporary name, then renames it. What is there already is kept.
pub(super) fn copy(from: &Path, to: &Path) -> Result<(), AdaptersError> {
    let folder = to.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut part = tempfile::NamedTempFile::new_in(folder).map_err(AdaptersError::io("cannot write", to))?;
    let copied = File::open(from).and_then(|mut from| io::copy(&mut from, &mut part));
    copied.and_then(|_| part.as_file().sync_all()).map_err(AdaptersError::io("cannot write", to))?;
    part.persist_noclobber(to).map_err(|e| AdaptersError::io("cannot write", to)(e.error))?;
    sync_folder(folder)
}

/// Renames within one folder, durably.
pub(super) fn rename(from: &Path, to: &Path) -> Result<(), AdaptersError> {
    fs::rename(from, to).map_err(AdaptersError::io("cannot move into place", to))?;
    to.parent().map_or(Ok(()), sync_folder)
}

/// Puts the names in `folder` on the disk itself. Windows has no such call.
pub(super) fn sync_folder(folder: &Path) -> Result<(), AdaptersError> {
    if !cfg!(unix) {
        return Ok(());
    }
    File::open(folder).and_then(|f| f.sync_all()).map_err(AdaptersError::io("cannot save", folder))
}

/// Removes `folder` and what is in it; one that is not there is fine.
pub(super) fn remove_folder(folder: &Path) -> Result<(), AdaptersError> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(AdaptersError::io("cannot remove", folder)(error))
        }
        _ => Ok(()),
    }
}

/// Reads a file of at most `limit` bytes.
pub(super) fn read_small(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(limit + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "the file is too large"));
    }
    Ok(bytes)
}

/// SHA-256 in hexadecimal, and size.
pub(super) fn digest(path: &Path) -> io::Result<(String, u64)> {
    let mut hasher = Hashing { hasher: Sha256::new(), bytes: 0, out: io::sink() };
    io::copy(&mut File::open(path)?, &mut hasher)?;
    Ok(hasher.finish())
}

/// Passes on what is written, and hashes it.
pub(super) struct Hashing<W> {
    hasher: Sha256,
    bytes: u64,
    pub(super) out: W,
}

impl<W: Write> Hashing<W> {
    pub(super) fn new(out: W) -> Self {
        Hashing { hasher: Sha256::new(), bytes: 0, out }
    }

    /// SHA-256 in hexadecimal, and size.
    pub(super) fn finish(self) -> (String, u64) {
        (self.hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect(), self.bytes)
    }
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.out.write(bytes)?;
        self.hasher.update(&bytes[..count]);
        self.bytes += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
