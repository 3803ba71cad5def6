//! From the embedding model and the user's corrections to a classifier of intent.

use crate::config::App;
use agent::intent::{Classifier, Intent};
use knowledge::minilm::MiniLm;
use std::path::Path;
use std::sync::Arc;
use store::Store;

/// The classifier with all that the user has corrected.
pub(crate) fn classifier(app: &App, store: &Store) -> anyhow::Result<Classifier> {
    train(app.embedding.need()?, store, &app.home.join("intent.cache"))
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
