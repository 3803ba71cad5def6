//! The place of one repository's data files on this machine.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use crate::ids::{CommitId, RelPath, RepoId};
use crate::repository::Listing;
use crate::resolve::Revision;
use crate::{HubError, disk};

/// A list of 100 000 files.
const MAX_LISTING: u64 = 64 << 20;

/// A folder that belongs to this process until this is dropped.
pub(crate) struct Shelf {
    folder: PathBuf,
    _lock: File,
}

impl Shelf {
    /// Waits for the right to change the place of `repo` below `root`; `waiting` is called once if another
    /// process has it.
    pub(crate) fn lock(root: &Path, repo: &RepoId, waiting: impl FnOnce()) -> Result<Shelf, HubError> {
        let folder = root.join(repo.folder());
        disk::private_folder(&folder)?;
        let path = folder.join("lock");
        let file = disk::private_file(&path)?;
        if let Err(TryLockError::WouldBlock) = file.try_lock() {
            waiting();
        }
        file.lock().map_err(HubError::io("cannot lock", &path))?;
        Ok(Shelf { folder, _lock: file })
    }

    /// Remembers a listing, for when there is no network.
    pub(crate) fn keep(&self, listing: &Listing, revision: &Revision) -> Result<(), HubError> {
        let text = serde_json::to_vec_pretty(listing).expect("a listing is text and numbers");
        self.write(&self.folder.join(format!("{}.json", listing.commit)), &text)?;
        if let Revision::Name(name) = revision {
            let refs = self.folder.join("refs");
            disk::private_folder(&refs)?;
            self.write(&refs.join(name), listing.commit.as_str().as_bytes())?;
        }
        Ok(())
    }

    /// What was remembered of a revision.
    pub(crate) fn known(&self, revision: &Revision) -> Option<Listing> {
        let commit: CommitId = match revision {
            Revision::Commit(commit) => commit.clone(),
            Revision::Name(name) => {
                let text = disk::read_small(&self.folder.join("refs").join(name), 64).ok()?;
                std::str::from_utf8(&text).ok()?.trim().parse().ok()?
            }
        };
        let text = disk::read_small(&self.folder.join(format!("{commit}.json")), MAX_LISTING).ok()?;
        let listing: Listing = serde_json::from_slice(&text).ok()?;
        (listing.version == 1 && listing.commit == commit).then_some(listing)
    }

    /// Where a file belongs.
    pub(crate) fn place(&self, commit: &CommitId, file: &RelPath) -> PathBuf {
        let mut path = self.folder.join(commit.as_str());
        path.extend(file.parts());
        path
    }

    /// Moves a complete and saved file to its place.
    pub(crate) fn put(&self, from: &Path, place: &Path) -> Result<(), HubError> {
        let parent = place.parent().unwrap_or(&self.folder);
        disk::private_folder(parent)?;
        disk::rename(from, place)?;
        disk::sync_folder(parent)
    }

    /// Where a download keeps what it has.
    pub(crate) fn part_folder(&self) -> Result<PathBuf, HubError> {
        let folder = self.folder.join("part");
        disk::private_folder(&folder)?;
        Ok(folder)
    }

    /// Where a file from this machine is put to be checked. It may be a second name of somebody's file, so
    /// nothing may ever be written to it.
    pub(crate) fn copy_path(&self) -> PathBuf {
        self.folder.join("copy")
    }

    fn write(&self, path: &Path, bytes: &[u8]) -> Result<(), HubError> {
        let fresh = self.folder.join("fresh");
        disk::remove_file(&fresh)?;
        disk::private_file(&fresh)?;
        fs::write(&fresh, bytes).map_err(HubError::io("cannot write", &fresh))?;
        disk::sync_file(&fresh)?;
        disk::rename(&fresh, path)
    }
}
