//! Files and folders that are private, durable, and have room.

use std::fs::{self, File, OpenOptions};
use std::io::Read;
use std::path::Path;

use crate::{HubError, PullOptions};

/// Kept free on the disk for everything else.
pub(crate) const RESERVE: u64 = 64 << 20;

/// Creates `folder` and those above it; `folder` itself is for its owner only (0700).
pub(crate) fn private_folder(folder: &Path) -> Result<(), HubError> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder).map_err(HubError::io("cannot create", folder))
}

/// An empty `folder`, whatever was there before.
pub(crate) fn fresh_folder(folder: &Path) -> Result<(), HubError> {
    remove_folder(folder)?;
    private_folder(folder)
}

/// Removes `folder` and what is in it; one that is not there is fine.
pub(crate) fn remove_folder(folder: &Path) -> Result<(), HubError> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(HubError::io("cannot remove", folder)(error))
        }
        _ => Ok(()),
    }
}

/// Removes a file; one that is not there is fine.
pub(crate) fn remove_file(path: &Path) -> Result<(), HubError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(HubError::io("cannot remove", path)(error))
        }
        _ => Ok(()),
    }
}

/// Opens `path` for reading and writing, created if need be, for its owner only (0600).
pub(crate) fn private_file(path: &Path) -> Result<File, HubError> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map_err(HubError::io("cannot open", path))
}

/// Reads a file of at most `limit` bytes.
pub(crate) fn read_small(path: &Path, limit: u64) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(limit + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        return Err(std::io::Error::new(std::io::ErrorKind::InvalidData, "the file is too large"));
    }
    Ok(bytes)
}

/// Puts the content of `path` on the disk itself.
pub(crate) fn sync_file(path: &Path) -> Result<(), HubError> {
    let file = OpenOptions::new().read(true).open(path).map_err(HubError::io("cannot open", path))?;
    file.sync_all().map_err(HubError::io("cannot save", path))
}

/// Puts the names in `folder` on the disk itself. Windows has no such call.
pub(crate) fn sync_folder(folder: &Path) -> Result<(), HubError> {
    if cfg!(unix) { sync_file(folder) } else { Ok(()) }
}

/// Renames `from` to `to` on the same disk.
pub(crate) fn rename(from: &Path, to: &Path) -> Result<(), HubError> {
    fs::rename(from, to).map_err(HubError::io("cannot move into place", to))
}

/// Makes `to` a second name of the file `from`, or a copy where the disk does not allow that.
pub(crate) fn link_or_copy(from: &Path, to: &Path, options: &PullOptions) -> Result<(), HubError> {
    remove_file(to)?;
    // The file itself, not a symbolic link to it.
    let file = from.canonicalize().map_err(HubError::io("cannot read", from))?;
    if fs::hard_link(&file, to).is_ok() {
        return Ok(());
    }
    let bytes = file.metadata().map_err(HubError::io("cannot read", from))?.len();
    check_room(to.parent().unwrap_or(to), bytes, options)?;
    fs::copy(&file, to).map_err(HubError::io("cannot copy to", to))?;
    make_private(to)
}

/// Bytes that a file takes on the disk: less than its size where parts of it were never written.
pub(crate) fn allocated(path: &Path) -> u64 {
    #[cfg(unix)]
    return path.metadata().map_or(0, |found| std::os::unix::fs::MetadataExt::blocks(&found) * 512);
    #[cfg(not(unix))]
    return path.metadata().map_or(0, |_| 0);
}

/// Takes the rights of all others from a file.
fn make_private(path: &Path) -> Result<(), HubError> {
    #[cfg(unix)]
    {
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        fs::set_permissions(path, mode).map_err(HubError::io("cannot make private", path))?;
    }
    #[cfg(not(unix))]
    let _ = path;
    Ok(())
}

/// Fails where `folder` has no room for `bytes` more with the reserve left free.
pub(crate) fn check_room(folder: &Path, bytes: u64, options: &PullOptions) -> Result<(), HubError> {
    let available =
        (options.free_space)(folder).map_err(HubError::io("cannot ask for the free space of", folder))?;
    let needed = bytes.saturating_add(RESERVE);
    if available < needed {
        return Err(HubError::DiskFull { folder: folder.to_path_buf(), needed, available });
    }
    Ok(())
}
