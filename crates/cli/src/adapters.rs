//! From `--adapter` to an adapter in memory.

use crate::bases::BaseModel;
use crate::config::App;
use crate::loading::Chosen;
use engine::adapter::Loaded;
use learn::adapters::Library;
use std::sync::Arc;

/// The name that stands for no adapter.
const BASE: &str = "base";

/// The adapter that was asked for, or where nothing was said the one in use for this model.
pub(crate) fn choose(app: &App, model: &Chosen, asked: Option<&str>) -> anyhow::Result<Option<Arc<Loaded>>> {
    if asked == Some(BASE) || (asked.is_none() && !app.home.join("adapters").is_dir()) {
        return Ok(None);
    }
    let library = Library::open(&app.home)?;
    let pulled = app.library()?.get(&model.name).ok().filter(|pulled| pulled.path == model.path);
    let manifest = match asked {
        Some(name) => library.find(name)?,
        None => {
            // Only a pulled model is known by its hash; hashing another file at every start would take too long.
            let Some(pulled) = &pulled else { return Ok(None) };
            let Some(manifest) = library.active(&pulled.sha256)? else { return Ok(None) };
            manifest
        }
    };
    let name = if pulled.is_some() { model.name.clone() } else { model.path.display().to_string() };
    let base = BaseModel::choose(app, Some(&name))?;
    let adapter = library.load(&manifest, &base.base, &base.config)?;
    Ok(Some(Loaded::new(manifest.id, adapter)))
}
