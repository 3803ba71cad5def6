//! Which adapter is in use for which base, and which ones were before: `active.json`.
//!
//! One small file that is replaced as a whole, so there is always exactly one answer.

use super::{AdaptersError, disk};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io;
use std::path::Path;

const LIMIT: u64 = 4 << 20;
/// Steps that can be walked back.
const HISTORY: usize = 100;

/// `active.json`.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
pub(super) struct Active {
    version: u32,
    /// By the SHA-256 of the base.
    bases: BTreeMap<String, Pointer>,
}

/// What is in use for one base. `None` is the base alone.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
struct Pointer {
    active: Option<String>,
    /// What was in use before, the latest last.
    history: Vec<Option<String>>,
}

impl Active {
    /// Reads the file; nothing is in use where there is none.
    pub(super) fn read(path: &Path) -> Result<Self, AdaptersError> {
        let bad = |reason: String| AdaptersError::Pointer { path: path.into(), reason };
        let bytes = match disk::read_small(path, LIMIT) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(Active { version: 1, bases: BTreeMap::new() });
            }
            Err(error) => return Err(bad(error.to_string())),
        };
        let active: Active = serde_json::from_slice(&bytes).map_err(|e| bad(e.to_string()))?;
        if active.version != 1 {
            return Err(bad(format!("it is of version {}; this hone knows version 1", active.version)));
        }
        Ok(active)
    }

    /// The id in use for a base.
    pub(super) fn get(&self, base: &str) -> Option<&str> {
        self.bases.get(base)?.active.as_deref()
    }

    /// Whether an adapter is in use for any base.
    pub(super) fn holds(&self, id: &str) -> bool {
        self.bases.values().any(|pointer| pointer.active.as_deref() == Some(id))
    }

    /// Puts an adapter, or the base alone, in use; what was before goes into the history.
    pub(super) fn set(&mut self, base: &str, id: Option<&str>) {
        let pointer = self.bases.entry(base.to_owned()).or_default();
        if pointer.active.as_deref() == id {
            return;
        }
        let before = std::mem::replace(&mut pointer.active, id.map(str::to_owned));
        pointer.history.push(before);
        let excess = pointer.history.len().saturating_sub(HISTORY);
        pointer.history.drain(..excess);
    }

    /// Takes one step back; `None` where nothing is in use and nothing was before.
    pub(super) fn back(&mut self, base: &str) -> Option<Option<String>> {
        let pointer = self.bases.get_mut(base)?;
        let before = pointer.history.pop();
        if before.is_none() && pointer.active.is_none() {
            return None;
        }
        pointer.active = before.flatten();
        Some(pointer.active.clone())
    }

    /// Forgets an adapter: where it was in use, what was before it is.
    pub(super) fn forget(&mut self, id: &str) {
        for pointer in self.bases.values_mut() {
            pointer.history.retain(|old| old.as_deref() != Some(id));
            if pointer.active.as_deref() == Some(id) {
                pointer.active = pointer.history.pop().flatten();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_walked_back() {
        let mut active = Active { version: 1, bases: BTreeMap::new() };
        assert_eq!(active.back("x"), None);
        active.set("x", Some("a"));
        active.set("x", Some("a"));
        active.set("x", Some("b"));
        active.set("y", Some("c"));
        active.set("x", None);
        assert_eq!((active.get("x"), active.get("y")), (None, Some("c")));
        assert_eq!(active.back("x"), Some(Some("b".into())));
        assert_eq!(active.back("x"), Some(Some("a".into())));
        assert_eq!(active.back("x"), Some(None));
        assert_eq!(active.back("x"), None);
        assert!(active.holds("c") && !active.holds("a"));
    }

    #[test]
    fn a_forgotten_adapter_is_nowhere() {
        let mut active = Active { version: 1, bases: BTreeMap::new() };
        for id in ["a", "b", "a", "c"] {
            active.set("x", Some(id));
        }
        active.forget("a");
        assert_eq!(active.get("x"), Some("c"));
        active.forget("c");
        assert_eq!(active.get("x"), Some("b"));
        assert_eq!(active.back("x"), Some(None));
    }

    #[test]
    fn the_history_is_bounded() {
        let mut active = Active { version: 1, bases: BTreeMap::new() };
        (0..1000).for_each(|n| active.set("x", Some(&n.to_string())));
        assert_eq!(active.bases["x"].history.len(), HISTORY);
        assert_eq!(active.back("x"), Some(Some("998".into())));
    }
}
