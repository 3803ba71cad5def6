//! From `--model` to a running engine.

use crate::config::App;
use crate::flags::ModelFlags;
use anyhow::{Context, anyhow, bail, ensure};
use engine::embed::{self, TextEncoder};
use engine::{Engine, EngineOptions, Model};
use hub::{Installed, catalog::Kind};
use learn::generate::AT_ONCE;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A model that can be opened.
#[derive(Clone, Debug)]
pub(crate) struct Chosen {
    /// What people call it.
    pub(crate) name: String,
    /// Its file.
    pub(crate) path: PathBuf,
}

/// Finds the model that was asked for: a path, a name, or where nothing was said the chosen one.
pub(crate) fn choose(app: &App, asked: Option<&str>) -> anyhow::Result<Chosen> {
    let Some(name) = asked.or(app.config.model.as_deref()) else {
        bail!(no_model(app)?);
    };
    if looks_like_path(name) {
        let path = PathBuf::from(name);
        if !path.is_file() {
            bail!("{name} is not a file");
        }
        let name = path.file_stem().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default();
        return Ok(Chosen { name, path });
    }
    let model = app.library()?.get(name)?;
    must_chat(&model)?;
    Ok(Chosen { name: model.name, path: model.path })
}

/// An embedding model answers nothing.
pub(crate) fn must_chat(model: &Installed) -> anyhow::Result<()> {
    ensure!(
        model.kind == Kind::Chat,
        "{0} is an embedding model: it makes vectors of texts and cannot chat. hone uses it by itself where it is \
         needed; choose another model here (`hone list` shows them)",
        model.name
    );
    Ok(())
}

/// Opens the file and starts the engine.
pub(crate) fn load(chosen: &Chosen, options: EngineOptions) -> anyhow::Result<Engine> {
    let began = std::time::Instant::now();
    let model = open(&chosen.path)?;
    let opened = began.elapsed();
    let engine = Engine::start(model, options).with_context(|| format!("cannot start {}", chosen.name))?;
    tracing::info!(
        "{} opened in {opened:.0?}, engine started in {:.0?}",
        chosen.name,
        began.elapsed() - opened
    );
    Ok(engine)
}

/// Opens an embedding model.
pub(crate) fn open_encoder(model: &Installed, options: embed::Options) -> anyhow::Result<TextEncoder> {
    let folder = model.path.parent().context("a model has a folder")?;
    TextEncoder::open(folder, options)
        .with_context(|| format!("cannot open {0}: run `hone rm {0}` and `hone pull {0}`", model.name))
}

/// Opens the file.
pub(crate) fn open(path: &Path) -> anyhow::Result<Arc<Model>> {
    Ok(Arc::new(Model::open(path).with_context(|| format!("cannot open {}", path.display()))?))
}

/// Options for one sequence, from flags and settings.
pub(crate) fn options(app: &App, flags: &ModelFlags) -> EngineOptions {
    EngineOptions {
        threads: flags.threads.or(app.config.threads).map(|n| n as usize),
        context: flags.context.or(app.config.context).map(|n| n as usize),
        sequences: 1,
        ..EngineOptions::default()
    }
}

/// An engine that answers many short prompts at once while adapters are trained and judged. Its cache holds one sequence
/// of full length, or many short ones: the training needs the memory more.
pub(crate) fn learner(
    app: &App,
    flags: &ModelFlags,
    model: Arc<Model>,
    context: usize,
) -> anyhow::Result<Engine> {
    let one = options(app, flags);
    let context = one.context.unwrap_or(context).min(model.config().context_length);
    let kv_bytes = Some(model.kv_bytes(one.kv_format, context));
    let options = EngineOptions { context: Some(context), sequences: AT_ONCE, kv_bytes, ..one };
    Ok(Engine::start(model, options)?)
}

fn looks_like_path(name: &str) -> bool {
    name.ends_with(".gguf") || name.contains(std::path::MAIN_SEPARATOR)
}

fn no_model(app: &App) -> anyhow::Result<anyhow::Error> {
    let names: Vec<String> =
        app.library()?.list()?.into_iter().filter(|m| m.kind == Kind::Chat).map(|m| m.name).collect();
    Ok(match names.is_empty() {
        true => anyhow!("there is no model yet: run `hone pull {}`", hub::catalog::STARTER),
        false => {
            anyhow!("no model is chosen: run `hone use NAME` or give --model; here are {}", names.join(", "))
        }
    })
}
