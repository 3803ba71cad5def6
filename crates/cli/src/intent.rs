//! From the embedding model and the user's corrections to a classifier of intent.

use crate::config::App;
use agent::intent::{Classifier, Intent};
use anyhow::Context;
use hub::HubError;
use hub::catalog::EMBEDDING;
use knowledge::minilm::MiniLm;
use std::path::Path;
use std::sync::Arc;
use store::Store;

/// The embedding model, or what to do where it is not here.
pub(crate) fn embedder(app: &App) -> anyhow::Result<MiniLm> {
    let model = match app.library()?.get(EMBEDDING) {
        Err(HubError::NotInstalled(_)) => {
            anyhow::bail!(
                "this needs the embedding model, which is not here: run `hone pull {EMBEDDING}` (83 MB)"
            )
        }
        found => found?,
    };
    let folder = model.path.parent().context("a model has a folder")?;
    let threads = app.config.threads.map(|n| n as usize);
    MiniLm::open(folder, &model.name, threads).with_context(|| {
        format!("cannot open {EMBEDDING}: run `hone rm {EMBEDDING}` and `hone pull {EMBEDDING}`")
    })
}

/// The classifier with all that the user has corrected.
pub(crate) fn classifier(app: &App, store: &Store) -> anyhow::Result<Classifier> {
    train(embedder(app)?, store, &app.home.join("intent.cache"))
}

/// The same with a model that is open; `cache` holds the vectors of the examples.
pub(crate) fn train(embedder: MiniLm, store: &Store, cache: &Path) -> anyhow::Result<Classifier> {
    Ok(Classifier::open(Arc::new(embedder), &corrections(store)?, Some(cache))?)
}

/// What the user has corrected, the oldest first.
pub(crate) fn corrections(store: &Store) -> anyhow::Result<Vec<(String, Intent)>> {
    let rows = store.intents().list()?.into_iter();
    Ok(rows.filter_map(|row| Some((row.text, Intent::from_name(&row.meant)?))).collect())
}
