//! What is remembered from cycle to cycle: `learn/<sha of the base>.json`.

use super::{CycleError, Divided, Example};
use crate::gate::Evidence;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};

/// No state of ours is larger.
const LIMIT: u64 = 64 << 20;

/// Which examples were used for what, by their digests, and evidence of cycles that were held.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct State {
    /// Judged with by each promotion, the oldest first: never trained on.
    pub older: Vec<BTreeSet<String>>,
    /// Judged with since the last promotion: never trained on, either.
    pub fresh: BTreeSet<String>,
    /// Learned by the adapter in use.
    pub trained: BTreeSet<String>,
    /// Seen since the last promotion.
    pub evidence: Evidence,
}

impl State {
    /// Reads it; where there is none, nothing was learned yet.
    pub fn read(home: &Path, base_sha256: &str) -> Result<State, CycleError> {
        let path = path(home, base_sha256);
        match path.metadata() {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(State::default()),
            Ok(found) if found.len() > LIMIT => return Err(bad(&path, "it is too large")),
            _ => {}
        }
        let text = std::fs::read(&path).map_err(CycleError::io("read", &path))?;
        serde_json::from_slice(&text).map_err(|error| bad(&path, &error.to_string()))
    }

    /// Writes it whole or not at all.
    pub fn write(&self, home: &Path, base_sha256: &str) -> Result<(), CycleError> {
        let path = path(home, base_sha256);
        let folder = path.parent().unwrap_or(home);
        std::fs::create_dir_all(folder).map_err(CycleError::io("create", folder))?;
        let text = serde_json::to_vec(self).expect("texts and numbers are JSON");
        let written = || -> std::io::Result<()> {
            let mut file = tempfile::NamedTempFile::with_prefix_in(".part-", folder)?;
            file.write_all(&text)?;
            file.as_file().sync_all()?;
            file.persist(&path).map_err(|error| error.error)?;
            Ok(())
        };
        written().map_err(CycleError::io("write", &path))
    }

    /// After a promotion: what it was judged with is history, what it has learned is known.
    pub fn promoted(&mut self, divided: &Divided) {
        let digests = |examples: &[Example]| examples.iter().map(Example::digest).collect::<BTreeSet<_>>();
        let judged = digests(&divided.fresh);
        if !judged.is_empty() {
            self.older.push(judged);
        }
        self.trained = digests(&divided.train);
        (self.fresh, self.evidence) = (BTreeSet::new(), Evidence::default());
    }

    /// After a cycle without promotion: what it was judged with stays held back. Evidence is carried where the cycle was
    /// held; that of a rejected candidate goes with it.
    pub fn not_promoted(&mut self, divided: &Divided, evidence: Option<Evidence>) {
        self.fresh = divided.fresh.iter().map(Example::digest).collect();
        self.evidence = evidence.unwrap_or_default();
    }
}

fn path(home: &Path, base_sha256: &str) -> PathBuf {
    let plain: String = base_sha256.chars().filter(char::is_ascii_alphanumeric).take(64).collect();
    home.join("learn").join(format!("{plain}.json"))
}

fn bad(path: &Path, why: &str) -> CycleError {
    CycleError::State { path: path.into(), why: why.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_read_as_it_was_written_and_damage_is_told() {
        let home = tempfile::tempdir().unwrap();
        assert_eq!(State::read(home.path(), "abc").unwrap(), State::default());
        let state = State {
            trained: BTreeSet::from(["a".to_owned()]),
            evidence: Evidence { log_evidence: 1.5, looks: 2, ..Evidence::default() },
            ..State::default()
        };
        state.write(home.path(), "abc").unwrap();
        assert_eq!(State::read(home.path(), "abc").unwrap(), state);
        assert_eq!(State::read(home.path(), "def").unwrap(), State::default(), "another base");
        std::fs::write(path(home.path(), "abc"), b"{\"older\": 3}").unwrap();
        assert!(matches!(State::read(home.path(), "abc"), Err(CycleError::State { .. })));
    }
}
