//! From what was typed to where training data is: `NAME`, `hf:owner/repo[/file][@rev]`, or a path.

use std::fmt;
use std::path::PathBuf;

use crate::HubError;
use crate::dataset::catalog::{self, DataEntry};
use crate::dataset::choice;
use crate::ids::{ModelName, RelPath, RepoId, malformed};
use crate::resolve::{Revision, parse_revision, shown};

/// Where training data is to come from.
#[derive(Clone, Debug)]
pub enum DataSource {
    /// A data set of the catalogue.
    Catalog(&'static DataEntry),
    /// A repository of the hub, or one file of it.
    Hub(HubData),
    /// A file on this machine.
    File(PathBuf),
}

/// `hf:owner/repo[/file][@rev]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HubData {
    /// The repository.
    pub repo: RepoId,
    /// The one file that is wanted; otherwise all that hold rows for training.
    pub file: Option<RelPath>,
    /// Which state of the repository.
    pub revision: Revision,
}

impl DataSource {
    /// The name that a set made of this gets, in the alphabet of model names.
    pub fn name(&self) -> Result<String, HubError> {
        let text = match self {
            DataSource::Catalog(entry) => entry.name.to_string(),
            DataSource::Hub(HubData { file: Some(file), .. }) => stem(file.file_name()),
            DataSource::Hub(hub) => {
                hub.repo.as_str().rsplit('/').next().unwrap_or(hub.repo.as_str()).to_owned()
            }
            DataSource::File(path) => stem(&path.file_name().unwrap_or_default().to_string_lossy()),
        };
        Ok(ModelName::from_text(&text)?.to_string())
    }
}

impl fmt::Display for HubData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "hf:{}", self.repo)?;
        if let Some(file) = &self.file {
            write!(f, "/{file}")?;
        }
        write!(f, "@{}", self.revision.as_str())
    }
}

/// Finds out what `spec` means, without touching the network.
pub fn resolve(spec: &str) -> Result<DataSource, HubError> {
    if let Some(rest) = spec.strip_prefix("hf:") {
        return hub_data(rest).map(DataSource::Hub);
    }
    if let Some(entry) = catalog::find(spec) {
        return Ok(DataSource::Catalog(entry));
    }
    let path = PathBuf::from(spec);
    if !path.exists() && !spec.contains(['/', '\\', '.']) {
        return Err(HubError::UnknownData { spec: shown(spec), known: catalog::names() });
    }
    let found = path.metadata().map_err(HubError::io("cannot read", &path))?;
    if found.is_file() {
        Ok(DataSource::File(path))
    } else {
        Err(malformed("the path", spec, "it is not a file"))
    }
}

fn hub_data(text: &str) -> Result<HubData, HubError> {
    let (path, revision) = text.split_once('@').unwrap_or((text, "main"));
    let mut parts = path.splitn(3, '/');
    let (Some(owner), Some(repo), file) = (parts.next(), parts.next(), parts.next()) else {
        let reason = "it is written hf:owner/repo or hf:owner/repo/file.json, with @revision or without";
        return Err(malformed("the source", text, reason));
    };
    let file: Option<RelPath> = file.map(str::parse).transpose()?;
    if let Some(file) = file.as_ref().filter(|file| choice::kind(file).is_none()) {
        return Err(malformed("the file", file.as_str(), "data is a .json, .jsonl or .parquet file"));
    }
    let repo = format!("{owner}/{repo}").parse()?;
    Ok(HubData { repo, file, revision: parse_revision(revision)? })
}

/// A file name without its last extension.
fn stem(name: &str) -> String {
    name.rsplit_once('.').map_or(name, |(stem, _)| stem).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hub(spec: &str) -> HubData {
        match resolve(spec) {
            Ok(DataSource::Hub(source)) => source,
            other => panic!("{spec}: {other:?}"),
        }
    }

    #[test]
    fn a_repository_with_and_without_file_and_revision() {
        let whole = hub("hf:a/My-Data");
        assert_eq!((whole.repo.as_str(), &whole.file), ("a/My-Data", &None));
        assert_eq!(whole.revision, Revision::Name("main".into()));
        assert_eq!(DataSource::Hub(whole.clone()).name().unwrap(), "my-data");
        assert_eq!(whole.to_string(), "hf:a/My-Data@main");
        let file = hub("hf:a/b/sub/Rows.v2.jsonl@dev");
        assert_eq!(file.file.as_ref().unwrap().as_str(), "sub/Rows.v2.jsonl");
        assert_eq!(file.to_string(), "hf:a/b/sub/Rows.v2.jsonl@dev");
        assert_eq!(DataSource::Hub(file).name().unwrap(), "rows.v2");
    }

    #[test]
    fn hostile_sources_are_refused() {
        for spec in [
            "hf:",
            "hf:a",
            "hf:a/",
            "hf:../b",
            "hf:a/..",
            "hf:a/b/../c.json",
            "hf:a/b@",
            "hf:a/b@..",
            "hf:a/b@refs/x",
            "hf:a/b/c.csv",
            "hf:a/b/c",
            "hf:a/b/",
            "hf:a/b//c.json",
            "hf:a--b/c",
            "hf:a/b?x",
        ] {
            assert!(resolve(spec).is_err(), "accepted {spec:?}");
        }
    }

    #[test]
    fn paths_and_unknown_names() {
        assert!(matches!(resolve("no-such-data"), Err(HubError::UnknownData { .. })));
        assert!(matches!(resolve("/no/such.json"), Err(HubError::Io { .. })));
        let folder = tempfile::tempdir().unwrap();
        assert!(resolve(folder.path().to_str().unwrap()).is_err(), "a folder is no file");
        let path = folder.path().join("My rows.jsonl");
        std::fs::write(&path, b"{}").unwrap();
        assert_eq!(resolve(path.to_str().unwrap()).unwrap().name().unwrap(), "my-rows");
    }
}
