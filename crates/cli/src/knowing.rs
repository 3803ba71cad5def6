//! The index of the data folder, opened with what this machine has.

use crate::config::App;
use knowledge::Knowledge;
use knowledge::embed::Embedder;
use std::sync::Arc;

/// Opens the index; with the embedding model if it is there.
pub(crate) fn open(app: &App) -> anyhow::Result<Knowledge> {
    Ok(Knowledge::open(&app.home.join("index.db"), embedder(app)?)?)
}

/// The embedding model, if it is on disk.
fn embedder(_app: &App) -> anyhow::Result<Option<Arc<dyn Embedder>>> {
    Ok(None)
}

/// What to do for a search by meaning, where it is not possible.
pub(crate) fn missing_model(app: &App) -> Option<&'static str> {
    let there = embedder(app).is_ok_and(|embedder| embedder.is_some());
    (!there).then_some(
        "Passages are found by words only: `hone pull all-minilm-l6-v2` fetches the model that finds by meaning.",
    )
}
