//! Training data of the hub: which files of a repository hold the rows, and the bytes of these files.
//!
//! ```text
//! OWNER--REPO/refs/NAME        the commit that a branch or a tag had when it was last asked for
//! OWNER--REPO/COMMIT.json      the files of that commit, with sizes and checksums
//! OWNER--REPO/COMMIT/PATH      those that were fetched
//! OWNER--REPO/part/            what a download has so far
//! OWNER--REPO/lock             held by the process that fetches
//! ```
//!
//! Files in large file storage are held to their SHA-256, those that git keeps to their git object id.

mod catalog;
mod choice;
mod shelf;
mod source;

use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::cache::{self, Kind};
use crate::http::Http;
use crate::remote::{self, Remote};
use crate::repository::{self, Listed, Listing};
use crate::resolve::Revision;
use crate::verify::{self, Checksum};
use crate::{HubError, Progress, PullOptions, disk, download};

use shelf::Shelf;

pub use catalog::{DataEntry, entries};
pub use source::{DataSource, HubData, resolve};

/// The data files of one commit of a repository.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fetched {
    /// `owner/repo`.
    pub repo: String,
    /// The commit that the files are of.
    pub commit: String,
    /// The licence that the repository names.
    pub license: Option<String>,
    /// The files with the rows, in the order of their names.
    pub files: Vec<FetchedFile>,
    /// Data files that were left out: other splits than the one for training.
    pub left_out: Vec<String>,
}

/// One file on this machine. It belongs to the cache: read it, do not change it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FetchedFile {
    /// Its path in the repository.
    pub name: String,
    /// Where it is.
    pub path: PathBuf,
    /// Its size.
    pub bytes: u64,
    /// Its SHA-256, in hexadecimal.
    pub sha256: String,
}

/// Brings the data files of `source` below `folder`, unless they are there.
///
/// Rules for tokens, redirects, retries, going on after a break and offline use are those of [`crate::pull`].
/// This blocks, and must not be called from asynchronous code.
pub fn fetch(
    folder: &Path,
    source: &HubData,
    options: &PullOptions,
    progress: &dyn Progress,
) -> Result<Fetched, HubError> {
    let waiting = || progress.message("another download of this data is going on: waiting for it");
    let shelf = Shelf::lock(folder, &source.repo, waiting)?;
    let http = if options.offline { None } else { Some(Http::new(options)?) };
    let listing = match &http {
        Some(http) => {
            let listing = repository::ask(http, Kind::Dataset, &source.repo, &source.revision)?;
            shelf.keep(&listing, &source.revision)?;
            listing
        }
        None => known(&shelf, source, options)?,
    };
    let choice = choice::choose(&listing.files, source)?;
    let job = Job { shelf: &shelf, source, listing: &listing, http, options, progress };
    let files = choice.files.into_iter().map(|file| job.bring(file)).collect::<Result<_, _>>()?;
    Ok(Fetched {
        repo: source.repo.to_string(),
        commit: listing.commit.to_string(),
        license: listing.license.clone(),
        files,
        left_out: choice.left_out,
    })
}

/// Without the network: what was listed before, or what the cache of `huggingface_hub` has.
fn known(shelf: &Shelf, source: &HubData, options: &PullOptions) -> Result<Listing, HubError> {
    let cached = || {
        let (commit, files) = cache::snapshot(options.hf_home.as_deref()?, &source.repo, &source.revision)?;
        let files = files.into_iter().map(|(path, bytes, checksum)| Listed { path, bytes, checksum });
        Some(Listing { version: 1, commit, license: None, files: files.collect() })
    };
    let offline = || HubError::Offline { what: source.to_string() };
    shelf.known(&source.revision).or_else(cached).ok_or_else(offline)
}

struct Job<'a> {
    shelf: &'a Shelf,
    source: &'a HubData,
    listing: &'a Listing,
    http: Option<Http>,
    options: &'a PullOptions,
    progress: &'a dyn Progress,
}

impl Job<'_> {
    /// Puts one file into its place, from wherever it can be had.
    fn bring(&self, file: &Listed) -> Result<FetchedFile, HubError> {
        let place = self.shelf.place(&self.listing.commit, &file.path);
        if !self.is_good(&place, file)? {
            let fresh = match self.cached(file)? {
                Some(copy) => copy,
                None => self.download(file)?,
            };
            self.shelf.put(&fresh, &place)?;
        }
        let sha256 = match &file.checksum {
            Checksum::Sha256(digest) => *digest,
            Checksum::GitBlob(_) => verify::file_digest(&place, |_| ())?.0,
        };
        Ok(FetchedFile {
            name: file.path.to_string(),
            path: place,
            bytes: file.bytes,
            sha256: sha256.to_string(),
        })
    }

    /// Whether the bytes at `path` are those of `file`.
    fn is_good(&self, path: &Path, file: &Listed) -> Result<bool, HubError> {
        let same_size = path.metadata().is_ok_and(|found| found.is_file() && found.len() == file.bytes);
        Ok(same_size && file.checksum.fits(path)?)
    }

    /// Takes the file out of the cache of `huggingface_hub` if it is what it should be.
    fn cached(&self, file: &Listed) -> Result<Option<PathBuf>, HubError> {
        let revision = Revision::Commit(self.listing.commit.clone());
        let home = self.options.hf_home.as_deref();
        let cached =
            home.and_then(|home| cache::find(home, Kind::Dataset, &self.source.repo, &file.path, &revision));
        let Some(cached) = cached else { return Ok(None) };
        self.progress.message("found in the cache of huggingface_hub");
        let copy = self.shelf.copy_path();
        if disk::link_or_copy(&cached.path, &copy, self.options).is_ok() && self.is_good(&copy, file)? {
            disk::sync_file(&copy)?;
            return Ok(Some(copy));
        }
        self.progress.message("the cached file is damaged: it is not used");
        disk::remove_file(&copy)?;
        Ok(None)
    }

    fn download(&self, file: &Listed) -> Result<PathBuf, HubError> {
        let Some(http) = &self.http else {
            return Err(HubError::Offline { what: format!("{} of {}", file.path, self.source) });
        };
        let repo = ["datasets"].into_iter().chain(self.source.repo.as_str().split('/'));
        let url = remote::file_url(http, repo, &file.path, self.listing.commit.as_str());
        let remote = Remote { url, checksum: file.checksum.clone(), bytes: file.bytes };
        download::download(http, &remote, &self.shelf.part_folder()?, self.options, self.progress)
    }
}
