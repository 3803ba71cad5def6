//! The data sets that have a short name. The data is `datasets.toml`, compiled in.

use std::sync::OnceLock;

use serde::{Deserialize, Serialize};

use crate::dataset::source::HubData;
use crate::ids::{ModelName, RelPath, RepoId};
use crate::resolve::Revision;

/// One data set of the catalogue.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DataEntry {
    /// The name to fetch it by.
    pub name: ModelName,
    /// What it holds, in a few words.
    pub summary: String,
    /// The licence of the rows.
    pub license: String,
    /// The repository.
    pub repo: RepoId,
    /// The file in it, where there are others that hold something else.
    pub file: Option<RelPath>,
}

impl DataEntry {
    /// Where its rows are now.
    pub fn source(&self) -> HubData {
        let revision = Revision::Name("main".to_owned());
        HubData { repo: self.repo.clone(), file: self.file.clone(), revision }
    }
}

/// Every data set of the catalogue.
pub fn entries() -> &'static [DataEntry] {
    #[derive(Deserialize)]
    struct File {
        entry: Vec<DataEntry>,
    }
    static ENTRIES: OnceLock<Vec<DataEntry>> = OnceLock::new();
    ENTRIES.get_or_init(|| {
        let file: Result<File, _> = toml::from_str(include_str!("datasets.toml"));
        file.expect("the catalogue is checked by a test").entry
    })
}

/// The data set called `name`.
pub(crate) fn find(name: &str) -> Option<&'static DataEntry> {
    entries().iter().find(|entry| entry.name.as_str() == name)
}

/// All names, for messages.
pub(crate) fn names() -> String {
    entries().iter().map(|entry| entry.name.as_str()).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_entry_is_complete() {
        assert_eq!(names(), "codealpaca, evol-instruct");
        for entry in entries() {
            assert!(!entry.summary.is_empty() && !entry.license.is_empty());
            assert!(crate::dataset::resolve(&entry.source().to_string()).is_ok());
        }
        assert_eq!(find("codealpaca").unwrap().repo.as_str(), "sahil2801/CodeAlpaca-20k");
        assert_eq!(find("evol-instruct").unwrap().repo.as_str(), "nickrosh/Evol-Instruct-Code-80k-v1");
    }
}
