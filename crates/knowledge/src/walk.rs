//! Which files of a folder are read: what `.gitignore` and `.honeignore` leave, without secrets, binaries, huge
//! files and whatever lies outside of the folder.
//!
//! Names are listed by path, contents are read through a handle of the root that cannot leave it
//! (`RESOLVE_BENEATH` where the system has it). So a folder that becomes a link between the two gives no content.

use crate::secrets;
use crate::text::text;
use cap_std::ambient_authority;
use cap_std::fs::{Dir, OpenOptions};
use ignore::{DirEntry, WalkBuilder};
use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::UNIX_EPOCH;

/// Larger files are data, not code.
pub const LARGEST_FILE: u64 = 1 << 20;
/// A binary is known by a zero in its first bytes, as git does it.
const SNIFFED: u64 = 8192;
/// More files than this are no project.
pub const MOST_FILES: usize = 500_000;
/// Folders that hold what others wrote or programs made, when no `.gitignore` says so.
const FOREIGN_FOLDERS: [&str; 9] =
    [".git", ".hg", ".svn", ".jj", "node_modules", "__pycache__", ".venv", ".tox", ".hone"];
/// A folder with this file is a cache (https://bford.info/cachedir/).
const CACHE_TAG: &str = "CACHEDIR.TAG";

/// Why a file or folder was not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// Keys, passwords, `.env`: by name.
    Secret,
    /// Bytes that are no text.
    Binary,
    /// Above `LARGEST_FILE`.
    TooLarge,
    /// A link to a place in the root, where it is read.
    Link,
    /// A link that leaves the root or leads nowhere.
    LinkOutside,
    /// A device, pipe or socket.
    Special,
    /// A folder of a version control system, of packages or of a cache.
    Foreign,
    /// No permission, or gone while it was read.
    Unreadable,
    /// Not UTF-8 in its name.
    Name,
    /// Above `MOST_FILES`.
    TooMany,
}

impl std::fmt::Display for Reason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Reason::Secret => "by its name it may hold keys or passwords",
            Reason::Binary => "no text",
            Reason::TooLarge => "larger than 1 MiB",
            Reason::Link => "a link to another place in the folder",
            Reason::LinkOutside => "a link that leaves the folder",
            Reason::Special => "a device, pipe or socket",
            Reason::Foreign => "versions, packages or caches",
            Reason::Unreadable => "cannot be read",
            Reason::Name => "its name is not UTF-8",
            Reason::TooMany => "more than 500,000 files",
        })
    }
}

/// Counts of what was not read, by reason.
pub type Skipped = BTreeMap<Reason, u64>;

/// A file to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Relative to the root, with `/`.
    pub path: String,
    /// Time of the last change, in nanoseconds since 1970.
    pub mtime: i64,
    /// Bytes.
    pub size: u64,
}

/// What a walk finds.
#[derive(Clone, Debug, Default)]
pub struct Walk {
    /// The files to read, by path.
    pub files: Vec<Found>,
    /// The folders that were looked into, relative to the root.
    pub folders: Vec<PathBuf>,
    /// What is left out.
    pub skipped: Skipped,
}

/// What is at a place.
enum Entry {
    Folder(PathBuf),
    File(Found),
}

/// A folder that is indexed.
pub struct Root {
    path: PathBuf,
    handle: Dir,
}

/// The folder cannot be indexed.
#[derive(Debug, thiserror::Error)]
pub enum RootError {
    /// Not there, or no permission.
    #[error("cannot read the folder {0}: {1}")]
    Unreadable(PathBuf, std::io::Error),
    /// A file.
    #[error("{0} is a file: name the folder that it is in")]
    NoFolder(PathBuf),
    /// `/`, `/proc` and the like.
    #[error("{0} belongs to the system: name a folder with code")]
    System(PathBuf),
    /// Not UTF-8.
    #[error("the name of the folder {0} is not UTF-8, and cannot be kept in the index")]
    Name(PathBuf),
}

impl Root {
    /// Opens a folder. Its path is resolved once, here.
    pub fn open(path: &Path) -> Result<Root, RootError> {
        let unreadable = |e| RootError::Unreadable(path.to_path_buf(), e);
        let path = path.canonicalize().map_err(unreadable)?;
        if !path.is_dir() {
            return Err(RootError::NoFolder(path));
        }
        if path.parent().is_none() || ["/proc", "/sys", "/dev"].iter().any(|s| path.starts_with(s)) {
            return Err(RootError::System(path));
        }
        if path.to_str().is_none() {
            return Err(RootError::Name(path));
        }
        let handle = Dir::open_ambient_dir(&path, ambient_authority()).map_err(unreadable)?;
        Ok(Root { path, handle })
    }

    /// The folder, absolute, without links.
    pub fn path(&self) -> &str {
        self.path.to_str().unwrap_or_default() // `open` has refused any other
    }

    /// The files to read in the order of their paths, and what is left out.
    pub fn walk(&self) -> Walk {
        let skipped = Arc::new(Mutex::new(Skipped::new()));
        let mut walk = Walk::default();
        for entry in self.walker(skipped.clone()).build() {
            match entry.map_err(|_| Reason::Unreadable).and_then(|entry| self.judge(&entry)) {
                Ok(Entry::Folder(path)) => walk.folders.push(path),
                Ok(Entry::File(file)) if walk.files.len() < MOST_FILES => walk.files.push(file),
                Ok(Entry::File(_)) => count(&skipped, Reason::TooMany),
                Err(reason) => count(&skipped, reason),
            }
        }
        walk.files.sort_by(|a, b| a.path.cmp(&b.path));
        walk.skipped = std::mem::take(&mut *skipped.lock().unwrap_or_else(PoisonError::into_inner));
        walk
    }

    /// Reads a file as text. Whatever the path leads to by now, it lies in the root and is a plain file.
    pub fn read(&self, path: &str) -> Result<String, Reason> {
        let mut options = OpenOptions::new();
        options.read(true);
        #[cfg(unix)]
        {
            use cap_std::fs::OpenOptionsExt;
            options.custom_flags(libc::O_NONBLOCK); // opening a pipe would wait for its writer
        }
        let file = self.handle.open_with(path, &options).map_err(|_| self.why_closed(path))?;
        let metadata = file.metadata().map_err(|_| Reason::Unreadable)?;
        if !metadata.is_file() {
            return Err(Reason::Special);
        }
        let mut bytes = Vec::new();
        (&file).take(SNIFFED).read_to_end(&mut bytes).map_err(|_| Reason::Unreadable)?;
        if bytes.contains(&0) && !bytes.starts_with(&[0xff, 0xfe]) && !bytes.starts_with(&[0xfe, 0xff]) {
            return Err(Reason::Binary);
        }
        (&file).take(LARGEST_FILE + 1 - SNIFFED).read_to_end(&mut bytes).map_err(|_| Reason::Unreadable)?;
        if bytes.len() as u64 > LARGEST_FILE {
            return Err(Reason::TooLarge);
        }
        text(bytes).ok_or(Reason::Binary)
    }

    /// Whether a file may be read by its name, and by the name of what it leads to. Ignore files are for what is
    /// indexed, and not asked.
    pub fn is_open(&self, path: &str) -> bool {
        let target = self.handle.canonicalize(path).ok();
        names_are_open(Path::new(path)) && target.is_none_or(|target| names_are_open(&target))
    }

    /// The rules: `.honeignore` before `.gitignore`, as git reads them; hidden files are read too.
    fn walker(&self, skipped: Arc<Mutex<Skipped>>) -> WalkBuilder {
        let mut walker = WalkBuilder::new(&self.path);
        walker.hidden(false).require_git(false).ignore(false).same_file_system(true).follow_links(false);
        walker.add_custom_ignore_filename(".honeignore");
        walker.filter_entry(move |entry| match left_out(entry) {
            Some(reason) => {
                count(&skipped, reason);
                false
            }
            None => true,
        });
        walker
    }

    /// What an entry is, or why it is not read.
    fn judge(&self, entry: &DirEntry) -> Result<Entry, Reason> {
        let kind = entry.file_type().ok_or(Reason::Special)?;
        let relative = entry.path().strip_prefix(&self.path).map_err(|_| Reason::LinkOutside)?;
        if kind.is_dir() {
            return Ok(Entry::Folder(relative.to_path_buf()));
        }
        if kind.is_symlink() {
            return Err(self.link(relative));
        }
        if !kind.is_file() {
            return Err(Reason::Special);
        }
        let metadata = entry.metadata().map_err(|_| Reason::Unreadable)?;
        if metadata.len() > LARGEST_FILE {
            return Err(Reason::TooLarge);
        }
        let parts: Option<Vec<&str>> = relative.iter().map(|part| part.to_str()).collect();
        let since = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        Ok(Entry::File(Found {
            path: parts.ok_or(Reason::Name)?.join("/"),
            mtime: since.and_then(|since| i64::try_from(since.as_nanos()).ok()).unwrap_or(0),
            size: metadata.len(),
        }))
    }

    fn link(&self, relative: &Path) -> Reason {
        if self.handle.metadata(relative).is_ok() { Reason::Link } else { Reason::LinkOutside }
    }

    fn why_closed(&self, path: &str) -> Reason {
        match self.handle.symlink_metadata(path) {
            Ok(metadata) if metadata.is_symlink() => self.link(Path::new(path)),
            _ => Reason::Unreadable,
        }
    }
}

fn names_are_open(path: &Path) -> bool {
    let mut parts: Vec<_> = path.iter().map(|part| part.to_string_lossy()).collect();
    let file = parts.pop().unwrap_or_default();
    let closed = |folder: &&str| FOREIGN_FOLDERS.contains(folder) || secrets::is_secret(folder, true);
    !parts.iter().map(|part| &**part).any(|part| closed(&part)) && !secrets::is_secret(&file, false)
}

/// What is left out whatever the ignore files say: a project cannot open what is closed here.
fn left_out(entry: &DirEntry) -> Option<Reason> {
    let name = entry.file_name().to_string_lossy();
    let folder = entry.file_type().is_some_and(|kind| kind.is_dir());
    if entry.depth() == 0 {
        None
    } else if folder && (FOREIGN_FOLDERS.contains(&&*name) || entry.path().join(CACHE_TAG).is_file()) {
        Some(Reason::Foreign)
    } else if secrets::is_secret(&name, folder) {
        Some(Reason::Secret)
    } else {
        None
    }
}

fn count(skipped: &Mutex<Skipped>, reason: Reason) {
    *skipped.lock().unwrap_or_else(PoisonError::into_inner).entry(reason).or_default() += 1;
}
