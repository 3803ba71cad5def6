//! Private files, free space, and a piece of the disk that is kept back so that deleting works on a full one.

use crate::StoreError;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

/// Kept free for everything else by what takes much: downloads, training, imports, backups. Bytes.
pub const RESERVE: u64 = 64 << 20;

/// Fails with [`StoreError::Full`] where `folder` has no room for `bytes` more with [`RESERVE`] left free.
pub fn check_room(folder: &Path, bytes: u64) -> Result<(), StoreError> {
    let needed = bytes.saturating_add(RESERVE);
    match free(folder) {
        Some(free) if free < needed => Err(StoreError::Full(format!(
            "{} has {} MiB free, and {} MiB are needed",
            folder.display(),
            free >> 20,
            needed.div_ceil(1 << 20)
        ))),
        _ => Ok(()),
    }
}

/// Bytes that this user may still write to the disk of `path`; `None` where the system does not say.
pub fn free(path: &Path) -> Option<u64> {
    #[cfg(unix)]
    {
        let found = rustix::fs::statvfs(path).ok()?;
        Some(found.f_bavail.saturating_mul(found.f_frsize))
    }
    #[cfg(not(unix))]
    {
        let _ = path;
        None
    }
}

/// Makes `folder` and those above it; `folder` itself is for its owner only (0700), also when it was there.
pub(crate) fn private_folder(folder: &Path) -> Result<(), StoreError> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder).map_err(StoreError::io("cannot make", folder))?;
    restrict(folder, 0o700)
}

/// Makes `path` if it is not there; it is for its owner only (0600), also when it was there. Says whether it is new.
pub(crate) fn private_file(path: &Path) -> Result<bool, StoreError> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            restrict(path, 0o600)?;
            Ok(false)
        }
        Err(error) => Err(StoreError::io("cannot make", path)(error)),
    }
}

/// Takes the rights of all others from what is there.
pub(crate) fn restrict(path: &Path, mode: u32) -> Result<(), StoreError> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let Ok(found) = fs::metadata(path) else { return Ok(()) };
        if found.permissions().mode() & 0o077 != 0 {
            fs::set_permissions(path, fs::Permissions::from_mode(mode))
                .map_err(StoreError::io("cannot make private", path))?;
        }
    }
    #[cfg(not(unix))]
    let _ = (path, mode);
    Ok(())
}

/// Puts a file, or the names in a folder, on the disk itself. Windows has no such call for folders.
pub(crate) fn sync(path: &Path) -> Result<(), StoreError> {
    if cfg!(not(unix)) && path.is_dir() {
        return Ok(());
    }
    let synced = File::open(path).and_then(|file| file.sync_all());
    synced.map_err(StoreError::io("cannot save", path))
}

/// A file that only takes room, given back when something must be written on a full disk.
pub(crate) struct Ballast(PathBuf);

impl Ballast {
    /// Enough for the log of a deletion. Bytes.
    const SIZE: usize = 4 << 20;

    /// Puts the file into `folder` where it is not there and there is room for it.
    pub(crate) fn keep(folder: &Path) -> Ballast {
        let ballast = Ballast(folder.join("reserve"));
        ballast.refill();
        ballast
    }

    /// Gives the room back; says whether there was any.
    pub(crate) fn release(&self) -> bool {
        fs::metadata(&self.0).is_ok_and(|found| found.len() > 0) && fs::remove_file(&self.0).is_ok()
    }

    /// Takes the room again. Failing is fine: the next start tries it again.
    pub(crate) fn refill(&self) {
        let there = fs::metadata(&self.0).is_ok_and(|found| found.len() >= Self::SIZE as u64);
        let room = self.0.parent().and_then(free).is_none_or(|free| free >= 4 * Self::SIZE as u64);
        if there || !room || private_file(&self.0).is_err() {
            return;
        }
        let write = || OpenOptions::new().write(true).open(&self.0)?.write_all(&vec![0x5a; Self::SIZE]);
        if let Err(error) = write() {
            tracing::debug!("no reserve: {error}");
            let _ = fs::remove_file(&self.0); // half of it would only be in the way
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_counted_with_the_reserve() {
        let here = Path::new(".");
        let Some(free) = free(here) else { return println!("skipped: the system does not say what is free") };
        assert!(check_room(here, 0).is_ok() || free < RESERVE);
        assert!(matches!(check_room(here, u64::MAX), Err(StoreError::Full(_))));
        assert!(matches!(check_room(here, free), Err(StoreError::Full(_))));
    }

    #[test]
    fn ballast_is_given_back_and_taken_again() {
        let folder = tempfile::tempdir().unwrap();
        let ballast = Ballast::keep(folder.path());
        assert_eq!(fs::metadata(&ballast.0).unwrap().len(), Ballast::SIZE as u64);
        assert!(ballast.release());
        assert!(!ballast.release(), "there is nothing left to give");
        ballast.refill();
        assert!(ballast.release());
    }

    #[cfg(unix)]
    #[test]
    fn what_others_could_read_is_repaired() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("x");
        fs::write(&file, "").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(!private_file(&file).unwrap());
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    }
}
