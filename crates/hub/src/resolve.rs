//! From what was typed to where the bytes are: `NAME`, `hf:owner/repo[/file.gguf][@rev]`, or a path.

use std::path::{Path, PathBuf};

use crate::HubError;
use crate::catalog::{self, Entry};
use crate::ids::{CommitId, ModelName, RelPath, RepoId, malformed};

/// Where a model is to come from.
#[derive(Clone, Debug)]
pub enum Source {
    /// A model of the catalogue.
    Catalog(&'static Entry),
    /// A file of a repository of the hub.
    Hub(HubSource),
    /// A whole repository of the hub: a checkpoint, to be imported.
    Repository(RepositorySource),
    /// A file on this machine.
    File(PathBuf),
    /// A folder on this machine: a checkpoint, to be imported.
    Folder(PathBuf),
}

impl Source {
    /// Whether it is many files that have to be imported, see [`crate::checkpoint`].
    pub fn is_checkpoint(&self) -> bool {
        matches!(self, Source::Repository(_) | Source::Folder(_))
    }
}

/// `hf:owner/repo[@rev]`.
#[derive(Clone, Debug)]
pub struct RepositorySource {
    /// The repository.
    pub repo: RepoId,
    /// Which state of it.
    pub revision: Revision,
}

/// `hf:owner/repo/file.gguf[@rev]`.
#[derive(Clone, Debug)]
pub struct HubSource {
    /// The repository.
    pub repo: RepoId,
    /// The file in it.
    pub file: RelPath,
    /// Which state of the repository.
    pub revision: Revision,
}

/// A state of a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Revision {
    /// One commit: what it names never changes.
    Commit(CommitId),
    /// A branch or a tag: the commit is found out at the time of the pull.
    Name(String),
}

impl Revision {
    /// As it is written in a URL; a name is checked to need no escaping.
    pub(crate) fn as_str(&self) -> &str {
        match self {
            Revision::Commit(commit) => commit.as_str(),
            Revision::Name(name) => name,
        }
    }
}

impl Source {
    /// The name that the model gets in the library.
    pub fn model_name(&self) -> Result<ModelName, HubError> {
        match self {
            Source::Catalog(entry) => Ok(entry.name.clone()),
            Source::Hub(hub) => ModelName::from_text(stem(hub.file.file_name())),
            Source::Repository(source) => {
                ModelName::from_text(source.repo.as_str().rsplit('/').next().unwrap_or_default())
            }
            Source::File(path) => {
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                ModelName::from_text(stem(&name))
            }
            Source::Folder(path) => {
                // `.` and `..` have no name of their own.
                let path = path.canonicalize().map_err(HubError::io("cannot open", path))?;
                ModelName::from_text(&path.file_name().unwrap_or_default().to_string_lossy())
            }
        }
    }
}

/// Finds out what `spec` means, without touching the network.
pub fn resolve(spec: &str) -> Result<Source, HubError> {
    if let Some(rest) = spec.strip_prefix("hf:") {
        return hub_source(rest);
    }
    if let Some(entry) = catalog::find(spec) {
        return Ok(Source::Catalog(entry));
    }
    if looks_like_path(spec) { file_source(spec) } else { Err(HubError::UnknownModel(shown(spec))) }
}

fn hub_source(text: &str) -> Result<Source, HubError> {
    let (path, revision) = text.split_once('@').unwrap_or((text, "main"));
    let mut parts = path.splitn(3, '/');
    let (Some(owner), Some(repo), file) = (parts.next(), parts.next(), parts.next()) else {
        return Err(malformed(
            "the source",
            text,
            "it is written hf:owner/repo or hf:owner/repo/file.gguf, with @revision or without",
        ));
    };
    let (repo, revision) = (format!("{owner}/{repo}").parse()?, parse_revision(revision)?);
    let Some(file) = file else { return Ok(Source::Repository(RepositorySource { repo, revision })) };
    let source = HubSource { repo, file: file.parse()?, revision };
    check_file_name(source.file.file_name())?;
    Ok(Source::Hub(source))
}

pub(crate) fn parse_revision(text: &str) -> Result<Revision, HubError> {
    if let Ok(commit) = text.parse() {
        return Ok(Revision::Commit(commit));
    }
    let plain = (1..=128).contains(&text.len())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'))
        && text.starts_with(|c: char| c.is_ascii_alphanumeric());
    let reason = "a revision is a branch, a tag or a commit, in letters, digits, `.`, `_` and `-`";
    if plain { Ok(Revision::Name(text.to_owned())) } else { Err(malformed("the revision", text, reason)) }
}

fn looks_like_path(spec: &str) -> bool {
    spec.ends_with(".gguf") || spec.contains(['/', '\\']) || Path::new(spec).exists()
}

fn file_source(spec: &str) -> Result<Source, HubError> {
    let path = PathBuf::from(spec);
    let found = path.metadata().map_err(HubError::io("cannot read", &path))?;
    if found.is_dir() {
        return Ok(Source::Folder(path));
    }
    if !found.is_file() {
        return Err(malformed("the path", spec, "it is not a file"));
    }
    check_file_name(&path.file_name().unwrap_or_default().to_string_lossy())?;
    Ok(Source::File(path))
}

/// Only single `.gguf` files are models here.
fn check_file_name(name: &str) -> Result<(), HubError> {
    if is_piece(stem(name)) {
        return Err(HubError::Split { file: shown(name) });
    }
    let gguf = name.to_ascii_lowercase().ends_with(".gguf");
    if gguf { Ok(()) } else { Err(malformed("the file", name, "a model is a .gguf file")) }
}

/// Whether the name ends in `-00001-of-00003`, as llama.cpp names the pieces of a split file.
fn is_piece(stem: &str) -> bool {
    let number = |text: &str| text.len() == 5 && text.bytes().all(|b| b.is_ascii_digit());
    let mut parts = stem.rsplit('-');
    matches!((parts.next(), parts.next(), parts.next()), (Some(n), Some("of"), Some(i)) if number(n) && number(i))
}

fn stem(file: &str) -> &str {
    let cut = file.len().saturating_sub(".gguf".len());
    match file.get(cut..) {
        Some(end) if end.eq_ignore_ascii_case(".gguf") => &file[..cut],
        _ => file,
    }
}

pub(crate) fn shown(text: &str) -> String {
    text.chars().take(120).filter(|c| !c.is_control()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hub(spec: &str) -> HubSource {
        match resolve(spec) {
            Ok(Source::Hub(source)) => source,
            other => panic!("{spec}: {other:?}"),
        }
    }

    #[test]
    fn a_hub_file_with_and_without_a_revision() {
        let plain = hub("hf:Qwen/Qwen2.5-GGUF/sub/Model.Q4_K_M.gguf");
        assert_eq!(plain.repo.as_str(), "Qwen/Qwen2.5-GGUF");
        assert_eq!(plain.file.as_str(), "sub/Model.Q4_K_M.gguf");
        assert_eq!(plain.revision, Revision::Name("main".into()));
        assert_eq!(Source::Hub(plain).model_name().unwrap().as_str(), "model.q4_k_m");
        let commit = "13fb94bfda8c8cf22497dc57b78f391a9acb426a";
        let pinned = hub(&format!("hf:a/b/c.gguf@{commit}"));
        assert_eq!(pinned.revision, Revision::Commit(commit.parse().unwrap()));
        assert_eq!(hub("hf:a/b/c.gguf@v1.0").revision, Revision::Name("v1.0".into()));
    }

    #[test]
    fn a_whole_repository() {
        let source = resolve("hf:mlx-community/Qwen2.5-Coder-7B-Instruct-4bit").unwrap();
        assert!(source.is_checkpoint());
        assert_eq!(source.model_name().unwrap().as_str(), "qwen2.5-coder-7b-instruct-4bit");
        let Source::Repository(pinned) = resolve("hf:a/b@v1.0").unwrap() else { panic!("a repository") };
        assert_eq!((pinned.repo.as_str(), pinned.revision), ("a/b", Revision::Name("v1.0".into())));
    }

    #[test]
    fn hostile_sources_are_refused() {
        let hostile = [
            "hf:",
            "hf:a",
            "hf:a/",
            "hf:a/b/",
            "hf:../b",
            "hf:a/b@",
            "hf:a/b@../c",
            "hf:a/b?x",
            "hf:../b/c.gguf",
            "hf:a/../c.gguf",
            "hf:a/b/../c.gguf",
            "hf:a/b//c.gguf",
            "hf:a/b/c.gguf@",
            "hf:a/b/c.gguf@..",
            "hf:a/b/c.gguf@refs/pr/1",
            "hf:a/b/c.gguf@a?b",
            "hf:a/b/c.gguf@a@b",
            "hf:a/b/c.safetensors",
            "hf:a/b/c.bin",
            "hf:a/b/c\\d.gguf",
            "hf:a/b/c\0.gguf",
            "hf:http://x/y/z.gguf",
        ];
        for spec in hostile {
            assert!(resolve(spec).is_err(), "accepted {spec:?}");
        }
    }

    #[test]
    fn a_piece_of_a_split_model_is_named_as_such() {
        let spec =
            "hf:Qwen/Qwen2.5-Coder-7B-Instruct-GGUF/qwen2.5-coder-7b-instruct-q4_k_m-00001-of-00002.gguf";
        assert!(matches!(resolve(spec), Err(HubError::Split { .. })));
        assert!(resolve("hf:a/b/model-1-of-2.gguf").is_ok());
    }

    #[test]
    fn paths_and_unknown_names() {
        assert!(matches!(resolve("no-such-model"), Err(HubError::UnknownModel(_))));
        assert!(matches!(resolve(""), Err(HubError::UnknownModel(_))));
        assert!(matches!(resolve("/no/such/file.gguf"), Err(HubError::Io { .. })));
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("My Model.GGUF");
        std::fs::write(&path, b"GGUF").unwrap();
        let source = resolve(path.to_str().unwrap()).unwrap();
        assert_eq!(source.model_name().unwrap().as_str(), "my-model");
        let checkpoint = resolve(folder.path().to_str().unwrap()).unwrap();
        assert!(checkpoint.is_checkpoint() && !source.is_checkpoint());
    }
}
