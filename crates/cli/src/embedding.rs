//! The embedding model of this process: opened when somebody needs it, once, and shared from then on.

use crate::loading;
use anyhow::Context;
use engine::embed::Options;
use hub::catalog::{EMBEDDING, Kind};
use hub::{Installed, Library};
use knowledge::minilm::MiniLm;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// The model of a data folder, as it is now.
pub(crate) struct Embedding {
    models: PathBuf,
    threads: Option<usize>,
    opened: Mutex<Option<MiniLm>>,
}

impl Embedding {
    /// The model in the data folder `home`; nothing is read yet.
    pub(crate) fn new(home: &Path, threads: Option<u32>) -> Embedding {
        let threads = threads.map(|n| n as usize);
        Embedding { models: home.join("models"), threads, opened: Mutex::default() }
    }

    /// The model, if it is on disk. Where it is pulled later, a later call has it.
    pub(crate) fn get(&self) -> anyhow::Result<Option<MiniLm>> {
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        if opened.is_none()
            && let Some(model) = self.installed()?
        {
            let options = Options { threads: self.threads, ..Options::default() };
            let encoder = Arc::new(loading::open_encoder(&model, options)?);
            *opened = Some(MiniLm::new(encoder, &model.name));
        }
        Ok(opened.clone())
    }

    /// The model, or what to do where it is not here.
    pub(crate) fn need(&self) -> anyhow::Result<MiniLm> {
        self.get()?.with_context(|| {
            format!("this needs the embedding model, which is not here: run `hone pull {EMBEDDING}` (83 MB)")
        })
    }

    /// What to do for a search by meaning, where it is not possible.
    pub(crate) fn missing(&self) -> Option<&'static str> {
        let there = self.installed().is_ok_and(|model| model.is_some());
        (!there).then_some(
            "Passages are found by words only: `hone pull all-minilm-l6-v2` fetches the model that finds by meaning.",
        )
    }

    fn installed(&self) -> anyhow::Result<Option<Installed>> {
        let models = Library::open(&self.models)?.list()?;
        Ok(models.into_iter().find(|model| model.kind == Kind::Embedding))
    }
}
