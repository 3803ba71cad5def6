//! What the web UI can have done around the server: models fetched and switched, settings changed.

mod pulls;
mod settings;

use crate::commands::pull::total_memory;
use crate::config::App;
use crate::loading;
use hub::catalog::{self, Kind};
use hub::{HubError, Installed, PullOptions};
use pulls::Pulls;
use server::{CatalogModel, InstalledModel, ModelShelf, Program, ProgramError, SettingsEdit, SettingsObject};
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::mpsc::UnboundedSender;

/// The parts of `hone serve` that outlive one round of serving.
pub(crate) struct Around {
    home: PathBuf,
    offline: bool,
    pulls: Arc<Pulls>,
    /// Ends this round and begins the next: with this model, or as before.
    again: UnboundedSender<Option<String>>,
}

impl Around {
    pub(crate) fn new(app: &App, offline: bool, again: UnboundedSender<Option<String>>) -> Around {
        Around { home: app.home.clone(), offline, pulls: Arc::default(), again }
    }

    /// The settings as they are on disk now; no project counts here.
    fn app(&self) -> Result<App, ProgramError> {
        App::of_user(&self.home).map_err(failed)
    }

    fn again(&self, model: Option<String>) {
        // Nobody listens any more when the server is ending anyway.
        let _ = self.again.send(model);
    }
}

impl Program for Around {
    fn models(&self) -> Result<ModelShelf, ProgramError> {
        let app = self.app()?;
        let (memory, library) = (total_memory(), app.library().map_err(failed)?);
        let coders = catalog::entries().iter().filter(|e| e.kind == Kind::Chat && e.fits(memory));
        let recommended = coders.max_by_key(|e| e.memory_bytes).map(|e| e.name.to_string());
        Ok(ModelShelf {
            current: app.config.model.clone(),
            starter: catalog::STARTER.to_owned(),
            recommended,
            memory_bytes: memory,
            free_bytes: (PullOptions::default().free_space)(&self.home).ok(),
            installed: library.list().map_err(failed)?.into_iter().map(installed).collect(),
            catalog: catalog::entries().iter().map(|entry| listed(entry, memory)).collect(),
            pulls: self.pulls.list(),
        })
    }

    fn pull(&self, source: &str) -> Result<(), ProgramError> {
        if self.offline {
            let message = "hone is offline (--offline or HONE_OFFLINE): start it without to fetch models";
            return Err(ProgramError::Conflict(message.into()));
        }
        // A client names no file of this machine.
        if catalog::find(source).is_none() && !source.starts_with("hf:") {
            let message = format!(
                "`{source}` is in no catalogue; another model is hf:OWNER/REPO or hf:OWNER/REPO/FILE.gguf"
            );
            return Err(ProgramError::Invalid { field: "name".into(), message });
        }
        self.pulls.start(self.app()?, source)
    }

    fn stop_pull(&self, source: &str) -> Result<(), ProgramError> {
        match self.pulls.stop(source) {
            true => Ok(()),
            false => Err(ProgramError::NotFound(format!("`{source}` is not being fetched"))),
        }
    }

    fn use_model(&self, name: &str) -> Result<(), ProgramError> {
        let app = self.app()?;
        let model = app.library().map_err(failed)?.get(name).map_err(of_hub)?;
        loading::must_chat(&model)
            .map_err(|error| ProgramError::Invalid { field: "name".into(), message: error.to_string() })?;
        app.choose(Some(&model.name)).map_err(failed)?;
        self.again(Some(model.name));
        Ok(())
    }

    fn remove_model(&self, name: &str) -> Result<(), ProgramError> {
        let app = self.app()?;
        if app.config.model.as_deref() == Some(name) {
            return Err(ProgramError::Conflict(format!("{name} is in use: choose another model first")));
        }
        app.library().map_err(failed)?.remove(name).map(drop).map_err(of_hub)
    }

    fn settings(&self) -> Result<SettingsObject, ProgramError> {
        Ok(settings::show(&self.app()?, self.offline))
    }

    fn change_settings(&self, change: SettingsEdit) -> Result<(), ProgramError> {
        settings::change(&self.home.join("config.toml"), change)?;
        self.again(None);
        Ok(())
    }
}

fn installed(model: Installed) -> InstalledModel {
    InstalledModel {
        name: model.name,
        kind: model.kind.name().to_owned(),
        source: model.source,
        bytes: model.bytes,
        sha256: model.sha256,
        license: model.license,
    }
}

fn listed(entry: &catalog::Entry, memory: u64) -> CatalogModel {
    CatalogModel {
        name: entry.name.to_string(),
        kind: entry.kind.name().to_owned(),
        summary: entry.summary.clone(),
        license: entry.license.clone(),
        parameters: entry.parameters,
        bytes: entry.bytes,
        memory_bytes: entry.memory_bytes,
        fits: entry.fits(memory),
    }
}

fn failed(error: impl Into<anyhow::Error>) -> ProgramError {
    ProgramError::Failed(format!("{:#}", error.into()))
}

fn of_hub(error: HubError) -> ProgramError {
    match error {
        HubError::NotInstalled(_) => ProgramError::NotFound(error.to_string()),
        _ => failed(error),
    }
}
