//! Models as the bases of adapters: known by the SHA-256 of their files.

use crate::config::App;
use crate::loading::{self, Chosen};
use crate::progress::Progress;
use anyhow::{Context, bail};
use engine::gguf::Gguf;
use engine::model::Config;
use hub::Progress as _;
use learn::adapters::{Base, Manifest};
use std::path::PathBuf;

/// A model that an adapter can belong to.
#[derive(Debug)]
pub(crate) struct BaseModel {
    /// Name, hash and architecture.
    pub(crate) base: Base,
    /// Its file.
    pub(crate) path: PathBuf,
    /// Its hyperparameters.
    pub(crate) config: Config,
}

impl BaseModel {
    /// The model that was asked for, as [`loading::choose`] finds it.
    pub(crate) fn choose(app: &App, asked: Option<&str>) -> anyhow::Result<BaseModel> {
        let chosen = loading::choose(app, asked)?;
        // A pulled model's hash was checked and written down; any other file must be read.
        let pulled = app.library()?.get(&chosen.name).ok().filter(|model| model.path == chosen.path);
        let sha256 = match pulled {
            Some(model) => model.sha256,
            None => hash(app, &chosen)?,
        };
        BaseModel::open(chosen, sha256)
    }

    /// The model that an adapter was trained on: what was asked for, or else the pulled model with its hash.
    pub(crate) fn of(app: &App, manifest: &Manifest, asked: Option<&str>) -> anyhow::Result<BaseModel> {
        if asked.is_some() {
            let model = BaseModel::choose(app, asked)?;
            manifest.check_base(&model.base)?;
            return Ok(model);
        }
        let pulled = app.library()?.list()?;
        let Some(model) = pulled.into_iter().find(|model| model.sha256 == manifest.base.sha256) else {
            let (adapter, base) = (manifest.label(), &manifest.base);
            bail!(
                "the model of the adapter {adapter} is not here: {} with the SHA-256 {}; pull it, or name its file with --base",
                base.name,
                base.sha256
            );
        };
        BaseModel::open(Chosen { name: model.name, path: model.path }, model.sha256)
    }

    fn open(chosen: Chosen, sha256: String) -> anyhow::Result<BaseModel> {
        let file = Gguf::open(&chosen.path);
        let config = file.map_err(Into::into).and_then(|file| Config::from_gguf(file.metadata()));
        let config = config.with_context(|| format!("cannot open {}", chosen.path.display()))?;
        let architecture = config.architecture.name().to_owned();
        let base = Base { name: chosen.name, sha256, architecture };
        Ok(BaseModel { base, path: chosen.path, config })
    }
}

/// The SHA-256 of a model's file. A large one takes some seconds.
fn hash(app: &App, model: &Chosen) -> anyhow::Result<String> {
    let progress = Progress::new(app.quiet);
    let size = model.path.metadata().with_context(|| format!("cannot read {}", model.path.display()))?.len();
    progress.start(&format!("Hashing {}", model.name), Some(size));
    let (digest, _) = hub::verify::file_digest(&model.path, |done| progress.advance(done))?;
    progress.finish();
    Ok(digest.to_string())
}
