//! The index of the data folder, opened with what this machine has and where the settings say.

use crate::config::{App, VectorPlace};
use anyhow::Context;
use hub::PullOptions;
use knowledge::Knowledge;
use knowledge::embed::Embedder;
use remote::{Chroma, Out, Patience, StoreLedger};
use std::path::PathBuf;
use std::sync::Arc;
use store::Store;

/// Opens the index; with the embedding model if it is there.
pub(crate) fn open(app: &App) -> anyhow::Result<Knowledge> {
    match app.config.knowledge.store {
        VectorPlace::Local => with(app, None),
        VectorPlace::Chroma => with(app, Some(&out(app.store()?, false))),
    }
}

/// The same with this way out for vectors that are kept elsewhere.
pub(crate) fn with(app: &App, out: Option<&Out>) -> anyhow::Result<Knowledge> {
    let file = app.home.join("index.db");
    let embedder = app.embedding.get()?.map(|model| Arc::new(model) as Arc<dyn Embedder>);
    match (embedder, out.filter(|_| app.config.knowledge.store == VectorPlace::Chroma)) {
        (Some(embedder), Some(out)) => {
            Ok(Knowledge::open_with(&file, embedder, Arc::new(chroma(app, out)?))?)
        }
        (embedder, _) => Ok(Knowledge::open(&file, embedder)?),
    }
}

/// The Chroma server of the settings.
pub(crate) fn chroma(app: &App, out: &Out) -> anyhow::Result<Chroma> {
    let setting = "`[knowledge]` in config.toml";
    let url = app.config.knowledge.url.as_deref();
    let url = url.with_context(|| {
        format!("{setting}: store = \"chroma\" needs its `url`, such as http://127.0.0.1:8000")
    })?;
    Chroma::new(url, out.clone(), Patience::default()).context(setting)
}

/// Deletes the vectors that earlier settings have left on Chroma servers; gives their addresses.
pub(crate) fn clear_left(app: &App) -> anyhow::Result<Vec<String>> {
    let (knowledge, out) = (open(app)?, out(app.store()?, false));
    let mut cleared = Vec::new();
    for place in knowledge.left_at()? {
        knowledge.clear_left(&Chroma::new(&place, out.clone(), Patience::default())?)?;
        cleared.push(place);
    }
    Ok(cleared)
}

/// The way out, which writes into the store; closed where the user is offline.
pub(crate) fn out(store: Store, offline: bool) -> Out {
    Out::new(offline || PullOptions::from_env().offline, Arc::new(StoreLedger(Arc::new(store))))
}

/// Below which folders the API may index: those of the settings, or the user's own folder.
pub(crate) fn open_folders(app: &App) -> Vec<PathBuf> {
    match &app.config.knowledge.folders {
        Some(folders) => folders.clone(),
        None => std::env::home_dir().into_iter().collect(),
    }
}
