//! The cache of `huggingface_hub`: a file that is there already need not be fetched again.
//!
//! `hub/models--OWNER--REPO/snapshots/COMMIT/FILE` is a link to `blobs/NAME`, and for a file in large file
//! storage NAME is its SHA-256. `refs/REVISION` holds the commit of a branch or a tag.

use std::path::{Path, PathBuf};

use crate::disk;
use crate::ids::{CommitId, Digest, RelPath, RepoId};
use crate::resolve::Revision;
use crate::verify::Checksum;

impl Kind {
    /// As the hub and its cache write it.
    pub(crate) fn plural(self) -> &'static str {
        match self {
            Kind::Model => "models",
            Kind::Dataset => "datasets",
        }
    }
}

/// A file in the cache. Its content is still to be checked.
#[derive(Clone, Debug)]
pub(crate) struct Cached {
    pub(crate) path: PathBuf,
    pub(crate) commit: CommitId,
    /// The SHA-256 that it must have, if its name tells.
    pub(crate) digest: Option<Digest>,
}

/// What a repository holds. Models and data sets of one name are different repositories.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Model,
    Dataset,
}

/// Looks for `file` at `revision` below the folder `hf_home`.
pub(crate) fn find(
    hf_home: &Path,
    kind: Kind,
    repo: &RepoId,
    file: &RelPath,
    revision: &Revision,
) -> Option<Cached> {
    let (folder, commit) = locate(hf_home, kind, repo, revision)?;
    let mut path = folder.join("snapshots").join(commit.as_str());
    path.extend(file.parts());
    let target = path.canonicalize().ok().filter(|target| target.is_file())?;
    let digest = target.file_name().and_then(|name| name.to_str()?.parse().ok());
    Some(Cached { path: target, commit, digest })
}

/// The folder of a repository, and the commit that a revision names.
fn locate(hf_home: &Path, kind: Kind, repo: &RepoId, revision: &Revision) -> Option<(PathBuf, CommitId)> {
    let folder = hf_home.join("hub").join(format!("{}--{}", kind.plural(), repo.folder()));
    let commit = match revision {
        Revision::Commit(commit) => commit.clone(),
        Revision::Name(name) => {
            let text = disk::read_small(&folder.join("refs").join(name), 64).ok()?;
            std::str::from_utf8(&text).ok()?.trim().parse().ok()?
        }
    };
    Some((folder, commit))
}

/// A file of a snapshot: its name, its size, and the checksum that it must have.
type CachedFile = (RelPath, u64, Checksum);

/// The files that the cache has of one commit of a data set. It may not have all that the repository has.
pub(crate) fn snapshot(
    hf_home: &Path,
    repo: &RepoId,
    revision: &Revision,
) -> Option<(CommitId, Vec<CachedFile>)> {
    let (folder, commit) = locate(hf_home, Kind::Dataset, repo, revision)?;
    let root = folder.join("snapshots").join(commit.as_str());
    let (mut files, mut folders) = (Vec::new(), vec![root.clone()]);
    while let Some(folder) = folders.pop() {
        for entry in folder.read_dir().ok()?.filter_map(Result::ok) {
            let path = entry.path();
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                folders.push(path);
            } else if let Some(file) = cached_file(&root, &path) {
                files.push(file);
            }
        }
    }
    Some((commit, files))
}

/// A link of a snapshot: its name, and what the name of its target says of the content.
fn cached_file(root: &Path, path: &Path) -> Option<CachedFile> {
    let parts: Option<Vec<&str>> =
        path.strip_prefix(root).ok()?.components().map(|part| part.as_os_str().to_str()).collect();
    let target = path.canonicalize().ok().filter(|target| target.is_file())?;
    let blob = target.file_name()?.to_str()?;
    let git = || blob.parse().ok().map(Checksum::GitBlob);
    let checksum = blob.parse().ok().map(Checksum::Sha256).or_else(git)?;
    Some((parts?.join("/").parse().ok()?, target.metadata().ok()?.len(), checksum))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const COMMIT: &str = "13fb94bfda8c8cf22497dc57b78f391a9acb426a";
    const DIGEST: &str = "509287f78cb4d4cf6b3843734733b914b2c158e43e22a7f4bf5e963800894d3c";

    #[test]
    #[cfg(unix)]
    fn a_file_is_found_by_commit_and_by_branch() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("hub/models--a--b");
        for part in ["blobs", "refs", &format!("snapshots/{COMMIT}")] {
            fs::create_dir_all(folder.join(part)).unwrap();
        }
        fs::write(folder.join("blobs").join(DIGEST), b"GGUF").unwrap();
        fs::write(folder.join("refs/main"), COMMIT).unwrap();
        let link = folder.join("snapshots").join(COMMIT).join("m.gguf");
        std::os::unix::fs::symlink(format!("../../blobs/{DIGEST}"), link).unwrap();

        let (repo, file) = ("a/b".parse().unwrap(), "m.gguf".parse().unwrap());
        for revision in [Revision::Name("main".into()), Revision::Commit(COMMIT.parse().unwrap())] {
            let cached = find(home.path(), Kind::Model, &repo, &file, &revision).unwrap();
            assert_eq!(cached.digest.unwrap().to_string(), DIGEST);
            assert_eq!(cached.commit.as_str(), COMMIT);
        }
        assert!(find(home.path(), Kind::Model, &repo, &file, &Revision::Name("dev".into())).is_none());
        assert!(
            find(home.path(), Kind::Model, &repo, &"x.gguf".parse().unwrap(), &Revision::Name("main".into()))
                .is_none()
        );
    }
}
