//! Copies of the file: one a day, and one before each migration.

use super::beside;
use crate::{StoreError, Time, disk};
use rusqlite::{Connection, OpenFlags};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Copies that this process has begun.
static COPIES: AtomicU64 = AtomicU64::new(0);
/// Copies of either kind that are kept.
pub(crate) const KEPT: usize = 7;

/// `backups` beside the file.
pub(crate) fn folder(path: &Path) -> PathBuf {
    path.with_file_name("backups")
}

/// The copy of today, where there is none yet: `backups/hone-2026-11-27.db`. `connection` reads the file.
pub(crate) fn daily(connection: &Connection, path: &Path) -> Result<Option<PathBuf>, StoreError> {
    let copy = folder(path).join(format!("{}-{}.db", stem(path), Time::now().day()));
    if copy.exists() {
        return Ok(None);
    }
    copy_to(connection, path, &copy)?;
    forget_old(path, |name| !name.contains("-layout"))?;
    Ok(Some(copy))
}

/// Whether the copy of today is missing.
pub(crate) fn is_due(path: &Path) -> bool {
    !folder(path).join(format!("{}-{}.db", stem(path), Time::now().day())).exists()
}

/// `backups/hone-2026-11-27-layout1.db`.
pub(super) fn before_migration(connection: &Connection, path: &Path, layout: u32) -> Result<(), StoreError> {
    let name = format!("{}-{}-layout{layout}.db", stem(path), Time::now().day());
    let copy = folder(path).join(name);
    if !copy.exists() {
        copy_to(connection, path, &copy)?;
        forget_old(path, |name| name.contains("-layout"))?;
    }
    Ok(())
}

/// A connection that may copy the file and writes nothing to it.
pub(crate) fn source(path: &Path) -> Result<Connection, StoreError> {
    Ok(Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?)
}

/// One state of the file, while others write to it. The copy has its name only when it is whole and on the disk.
fn copy_to(connection: &Connection, path: &Path, copy: &Path) -> Result<(), StoreError> {
    let folder = folder(path);
    disk::private_folder(&folder)?;
    clear(&folder);
    let size = [path.to_path_buf(), beside(path, "-wal")].into_iter().filter_map(|p| fs::metadata(p).ok());
    disk::check_room(&folder, size.map(|found| found.len()).sum())?;
    // Several processes may be at it, and several threads of one.
    let number = COPIES.fetch_add(1, Ordering::Relaxed);
    let part = folder.join(format!(".{}-{number}.part", std::process::id()));
    let _ = fs::remove_file(&part);
    disk::private_file(&part)?;
    let written = connection
        .execute("VACUUM INTO ?1", [part.to_string_lossy()])
        .map_err(StoreError::from)
        .and_then(|_| disk::sync(&part))
        .and_then(|()| fs::rename(&part, copy).map_err(StoreError::io("cannot move into place", copy)))
        .and_then(|()| disk::sync(&folder));
    if written.is_err() {
        let _ = fs::remove_file(&part);
    }
    written
}

/// Takes what killed processes have left behind.
fn clear(folder: &Path) {
    let old = |file: &fs::DirEntry| {
        let part = file.file_name().to_string_lossy().ends_with(".part");
        let age =
            file.metadata().and_then(|found| found.modified()).ok().and_then(|time| time.elapsed().ok());
        part && age.is_some_and(|age| age > Duration::from_secs(3600))
    };
    for file in fs::read_dir(folder).into_iter().flatten().flatten().filter(old) {
        let _ = fs::remove_file(file.path()); // only litter
    }
}

/// Leaves the newest `KEPT` of those that `kind` picks.
fn forget_old(path: &Path, kind: impl Fn(&str) -> bool) -> Result<(), StoreError> {
    let folder = folder(path);
    let files = fs::read_dir(&folder).map_err(StoreError::io("cannot read", &folder))?;
    let names = files.filter_map(|file| file.ok()?.file_name().into_string().ok());
    let prefix = format!("{}-", stem(path));
    let mut names: Vec<String> =
        names.filter(|name| name.starts_with(&prefix) && name.ends_with(".db") && kind(name)).collect();
    names.sort();
    for old in names.iter().rev().skip(KEPT) {
        let old = folder.join(old);
        fs::remove_file(&old).map_err(StoreError::io("cannot remove", &old))?;
    }
    Ok(())
}

fn stem(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}
