//! The index of the data folder, opened with what this machine has.

use crate::config::App;
use crate::loading;
use engine::embed;
use knowledge::Knowledge;
use knowledge::embed::Embedder;
use knowledge::minilm::MiniLm;
use std::sync::Arc;

/// Opens the index; with the embedding model if it is there.
pub(crate) fn open(app: &App) -> anyhow::Result<Knowledge> {
    Ok(Knowledge::open(&app.home.join("index.db"), embedder(app)?)?)
}

/// The embedding model, if it is on disk.
fn embedder(app: &App) -> anyhow::Result<Option<Arc<dyn Embedder>>> {
    let Some(model) = installed(app)? else { return Ok(None) };
    let options =
        embed::Options { threads: app.config.threads.map(|n| n as usize), ..embed::Options::default() };
    let encoder = Arc::new(loading::open_encoder(&model, options)?);
    Ok(Some(Arc::new(MiniLm::new(encoder, &model.name))))
}

fn installed(app: &App) -> anyhow::Result<Option<hub::Installed>> {
    let models = app.library()?.list()?;
    Ok(models.into_iter().find(|model| model.kind == hub::catalog::Kind::Embedding))
}

/// What to do for a search by meaning, where it is not possible.
pub(crate) fn missing_model(app: &App) -> Option<&'static str> {
    let there = installed(app).is_ok_and(|model| model.is_some());
    (!there).then_some(
        "Passages are found by words only: `hone pull all-minilm-l6-v2` fetches the model that finds by meaning.",
    )
}
