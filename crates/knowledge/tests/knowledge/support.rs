//! A folder to index, an index, and an embedder that needs no model.

use knowledge::Knowledge;
use knowledge::embed::{EmbedError, Embedder};
use knowledge::index::{Options, Report};
use knowledge::words::words;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tempfile::TempDir;

/// A project and the place of an index beside it.
pub(crate) struct Fixture {
    pub(crate) folder: TempDir,
}

impl Fixture {
    pub(crate) fn new(files: &[(&str, &str)]) -> Fixture {
        let fixture = Fixture { folder: tempfile::tempdir().unwrap() };
        fs::create_dir(fixture.root()).unwrap();
        files.iter().for_each(|(path, text)| fixture.write(path, text));
        fixture
    }

    pub(crate) fn root(&self) -> PathBuf {
        self.folder.path().join("project")
    }

    pub(crate) fn db(&self) -> PathBuf {
        self.folder.path().join("index.db")
    }

    pub(crate) fn write(&self, path: &str, text: impl AsRef<[u8]>) {
        let path = self.root().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub(crate) fn knowledge(&self) -> Knowledge {
        Knowledge::open(&self.db(), None).unwrap()
    }

    pub(crate) fn with(&self, embedder: &Arc<Hashed>) -> Knowledge {
        Knowledge::open(&self.db(), Some(embedder.clone())).unwrap()
    }
}

/// A pass that is not stopped.
pub(crate) fn add(knowledge: &Knowledge, root: &Path) -> Report {
    knowledge.add(root, &Options::default(), &mut |_| true).unwrap()
}

/// A word is a random direction, a text the sum of its words: texts with equal words are near.
#[derive(Default)]
pub(crate) struct Hashed {
    pub(crate) name: String,
    pub(crate) texts: AtomicUsize,
    pub(crate) broken: std::sync::atomic::AtomicBool,
}

impl Hashed {
    pub(crate) fn new(name: &str) -> Arc<Hashed> {
        Arc::new(Hashed { name: name.into(), ..Hashed::default() })
    }

    /// Texts that were embedded.
    pub(crate) fn count(&self) -> usize {
        self.texts.load(Ordering::Relaxed)
    }
}

impl Embedder for Hashed {
    fn id(&self) -> &str {
        &self.name
    }

    fn dims(&self) -> usize {
        64
    }

    fn embed(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, EmbedError> {
        if self.broken.load(Ordering::Relaxed) {
            return Err(EmbedError("the model is broken".into()));
        }
        self.texts.fetch_add(texts.len(), Ordering::Relaxed);
        Ok(texts.iter().map(|text| vector(text)).collect())
    }
}

fn vector(text: &str) -> Vec<f32> {
    let mut sum = vec![0f32; 64];
    for word in words(text) {
        for (n, x) in sum.iter_mut().enumerate() {
            let mut hasher = DefaultHasher::new();
            (&word, n).hash(&mut hasher);
            *x += (hasher.finish() >> 40) as f32 / (1 << 23) as f32 - 1.0;
        }
    }
    let length = sum.iter().map(|x| x * x).sum::<f32>().sqrt().max(1e-9);
    sum.into_iter().map(|x| x / length).collect()
}
