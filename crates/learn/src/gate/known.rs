//! What was measured once is not measured again: losses and answers of the adapter in use, by what was asked.
//!
//! Kept in `learn/measured/<hash>.json` of the data folder, the hash over model and adapter. It is a cache: a damaged or
//! missing file costs time and nothing else.

use crate::generate::{Answer, Wish};
use crate::train::digest;
use engine::train::Example;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::io::Write;
use std::path::{Path, PathBuf};

/// No file of ours is larger; what would be begins anew.
const LIMIT: usize = 16 << 20;

/// Losses and answers of one adapter, or of the base alone.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Known {
    losses: HashMap<String, f64>,
    /// Cross-entropy and divergence from the teacher.
    #[serde(default)]
    compared: HashMap<String, (f64, f64)>,
    answers: HashMap<String, Answer>,
    #[serde(skip)]
    path: Option<PathBuf>,
}

impl Known {
    /// What is known of an adapter (its id; `None` is the base alone), from the data folder.
    pub fn open(home: &Path, base_sha256: &str, adapter: Option<&str>) -> Known {
        let of = hexadecimal(Sha256::digest(format!("{base_sha256} {}", adapter.unwrap_or("base"))));
        let path = folder(home).join(format!("{}.json", &of[..32]));
        let size = path.metadata().map_or(0, |found| found.len());
        let text = (size <= LIMIT as u64).then(|| std::fs::read(&path).ok()).flatten();
        let known = text.and_then(|text| serde_json::from_slice::<Known>(&text).ok()).unwrap_or_default();
        Known { path: Some(path), ..known }
    }

    /// Deletes all of it: answers may repeat what was asked in a conversation that the user deletes.
    pub(crate) fn clear(home: &Path) -> std::io::Result<()> {
        match std::fs::remove_dir_all(folder(home)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Writes it down, where it was opened from a folder. That it cannot is no error: it is measured again.
    pub fn write(&self) {
        let Some(path) = &self.path else { return };
        let written = || -> std::io::Result<()> {
            let text = serde_json::to_vec(self)?;
            if text.len() > LIMIT {
                return std::fs::remove_file(path);
            }
            let folder = path.parent().unwrap_or(path);
            std::fs::create_dir_all(folder)?;
            let mut file = tempfile::NamedTempFile::with_prefix_in(".part-", folder)?;
            file.write_all(&text)?;
            file.persist(path).map_err(|error| error.error)?;
            Ok(())
        };
        if let Err(error) = written() {
            tracing::debug!("{} is not kept: {error}", path.display());
        }
    }

    /// The losses of all examples; `measure` is asked for those that are not known.
    pub(super) fn losses<E>(
        &mut self,
        examples: &[Example],
        measure: impl FnOnce(&[Example]) -> Result<Vec<f64>, E>,
    ) -> Result<Vec<f64>, E> {
        let keys: Vec<String> = examples.iter().map(|e| digest(std::slice::from_ref(e))).collect();
        fill(&mut self.losses, &keys, examples, measure)
    }

    /// The cross-entropy and the divergence of all examples, in the same way.
    pub(super) fn compared<E>(
        &mut self,
        examples: &[Example],
        measure: impl FnOnce(&[Example]) -> Result<Vec<(f64, f64)>, E>,
    ) -> Result<Vec<(f64, f64)>, E> {
        let keys: Vec<String> = examples.iter().map(|e| digest(std::slice::from_ref(e))).collect();
        fill(&mut self.compared, &keys, examples, measure)
    }

    /// The answers to all wishes, in the same way.
    pub(crate) fn answers<E>(
        &mut self,
        wishes: &[Wish],
        measure: impl FnOnce(&[Wish]) -> Result<Vec<Answer>, E>,
    ) -> Result<Vec<Answer>, E> {
        let keys: Vec<String> = wishes.iter().map(key).collect();
        fill(&mut self.answers, &keys, wishes, measure)
    }
}

fn folder(home: &Path) -> PathBuf {
    home.join("learn").join("measured")
}

/// Values of all keys; those that are missing are measured together, in their order.
fn fill<T: Clone, V: Clone, E>(
    known: &mut HashMap<String, V>,
    keys: &[String],
    items: &[T],
    measure: impl FnOnce(&[T]) -> Result<Vec<V>, E>,
) -> Result<Vec<V>, E> {
    let missing: Vec<usize> = (0..keys.len()).filter(|&n| !known.contains_key(&keys[n])).collect();
    if !missing.is_empty() {
        let asked: Vec<T> = missing.iter().map(|&n| items[n].clone()).collect();
        let found = measure(&asked)?;
        known.extend(missing.iter().map(|&n| keys[n].clone()).zip(found));
    }
    Ok(keys.iter().filter_map(|key| known.get(key).cloned()).collect())
}

fn key(wish: &Wish) -> String {
    let mut hash = Sha256::new();
    wish.prompt.iter().for_each(|token| hash.update(token.to_le_bytes()));
    hash.update(format!("{} {:?}", wish.most, wish.seed));
    hexadecimal(hash.finalize())
}

fn hexadecimal(bytes: impl AsRef<[u8]>) -> String {
    bytes.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::convert::Infallible;

    fn examples(range: std::ops::Range<u32>) -> Vec<Example> {
        range.map(|n| Example::all(vec![n, n + 1, n + 2])).collect()
    }

    #[test]
    fn nothing_is_measured_twice_and_the_file_remembers() {
        let home = tempfile::tempdir().unwrap();
        let asked = std::cell::RefCell::new(Vec::new());
        let measure = |missing: &[Example]| -> Result<Vec<f64>, Infallible> {
            asked.borrow_mut().push(missing.len());
            Ok(missing.iter().map(|example| f64::from(example.tokens[0])).collect())
        };
        let mut known = Known::open(home.path(), "base", None);
        assert_eq!(known.losses(&examples(0..3), measure), Ok(vec![0.0, 1.0, 2.0]));
        assert_eq!(known.losses(&examples(1..5), measure), Ok(vec![1.0, 2.0, 3.0, 4.0]));
        known.write();
        let mut again = Known::open(home.path(), "base", None);
        assert_eq!(again.losses(&examples(0..5), measure), Ok(vec![0.0, 1.0, 2.0, 3.0, 4.0]));
        assert_eq!(*asked.borrow(), [3, 2]);
        // Another adapter is another file, and damage is as if nothing were known.
        assert_eq!(Known::open(home.path(), "base", Some("a")).losses.len(), 0);
        std::fs::write(known.path.as_ref().unwrap(), b"{").unwrap();
        assert_eq!(Known::open(home.path(), "base", None).losses.len(), 0);
    }

    #[test]
    fn another_weight_or_length_is_another_question() {
        let mut known = Known::default();
        let none = |_: &[Wish]| -> Result<Vec<Answer>, Infallible> { Ok(vec![Answer::default()]) };
        let wish = Wish { prompt: vec![1, 2], most: 3, seed: None };
        for wish in
            [wish.clone(), Wish { most: 4, ..wish.clone() }, Wish { seed: Some(0), ..wish.clone() }, wish]
        {
            assert_eq!(known.answers(&[wish], none).unwrap().len(), 1);
        }
        assert_eq!(known.answers.len(), 3);
    }
}
