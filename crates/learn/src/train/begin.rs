//! How a run begins, goes on after an interruption, and ends in the library of adapters.

use super::{Folder, Outcome, Plan, Recipe, Run, RunInfo, Sets, TrainError};
use crate::adapters::{Base, Library, Manifest, NewAdapter};
use engine::Model;
use engine::adapter::Adapter;
use engine::train::Device;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What a new run is asked for.
#[derive(Clone, Debug)]
pub struct Order {
    /// Id of the run: [`new_id`](super::new_id) makes one.
    pub id: String,
    /// What the adapter will be called.
    pub name: String,
    /// The model.
    pub base: Base,
    /// The model's file.
    pub model: PathBuf,
    /// The set's name, or the path of the file or folder of the examples.
    pub data: PathBuf,
    /// Settings.
    pub recipe: Recipe,
    /// Whether it belongs to `hone learn`, whose data is made anew each time.
    pub learn: bool,
}

/// A run that was checked and has its folder, which no other process uses.
#[derive(Debug)]
pub struct Begun {
    /// What it was begun with.
    pub info: RunInfo,
    /// Its folder.
    pub folder: Folder,
    sets: Sets,
    lock: File,
}

impl Begun {
    /// Begins a new run under `home`. One that cannot begin leaves no folder.
    pub fn new(home: &Path, model: &Model, order: Order, sets: Sets) -> Result<Begun, TrainError> {
        order.recipe.check(model.config())?;
        // A name that cannot be kept is noticed before the work, not after it.
        Library::open(home)?.check_name(&order.name)?;
        Plan::new(model, &sets.train, &sets.valid, &sets.replay, &order.recipe)?;
        let data_sha256 = sets.sha256();
        let Order { id, name, base, model, data, recipe, learn } = order;
        let (parent, done) = (None, false);
        let info = RunInfo { id, name, base, model, data, data_sha256, recipe, parent, done, learn };
        let folder = Folder::create(home, &info)?;
        let lock = folder.lock()?;
        Ok(Begun { info, folder, sets, lock })
    }

    /// Goes on with an interrupted run. Fails where the model or the data are not those that it was begun with.
    pub fn again(
        folder: Folder,
        info: RunInfo,
        model: &Model,
        base: &Base,
        sets: Sets,
    ) -> Result<Begun, TrainError> {
        info.recipe.check(model.config())?;
        let now = RunInfo { base: base.clone(), data_sha256: sets.sha256(), ..info.clone() };
        info.check_same(&folder, &now)?;
        let lock = folder.lock()?;
        Ok(Begun { info, folder, sets, lock })
    }

    /// Sets the run up on `device`.
    pub fn run(self, model: Arc<Model>, device: Arc<dyn Device>) -> Result<(Run, Ending), TrainError> {
        let Begun { info, folder, sets, lock } = self;
        let recipe = info.recipe.clone();
        let run = Run::new(model.clone(), device, sets, recipe, folder.clone())?;
        Ok((run, Ending { model, info, folder, _lock: lock }))
    }
}

/// What is left to do when all steps are done.
#[derive(Debug)]
pub struct Ending {
    model: Arc<Model>,
    info: RunInfo,
    folder: Folder,
    /// Held until the run is over.
    _lock: File,
}

impl Ending {
    /// Takes the adapter into the library under `home`, then marks the run as done. After a kill in between, resuming
    /// does the rest: the library knows the run and takes its adapter once.
    pub fn keep(self, home: &Path, outcome: &Outcome) -> Result<Manifest, TrainError> {
        let manifest = self.add(home, &outcome.adapter, outcome.scores(), Vec::new())?;
        self.finish()?;
        Ok(manifest)
    }

    /// Takes an adapter into the library, with what was measured of it and files to lie beside it. Twice is once.
    pub fn add(
        &self,
        home: &Path,
        adapter: &Adapter,
        scores: serde_json::Value,
        files: Vec<(&'static str, Vec<u8>)>,
    ) -> Result<Manifest, TrainError> {
        let info = &self.info;
        let new = NewAdapter {
            name: info.name.clone(),
            base: info.base.clone(),
            data: Some(info.data_sha256.clone()),
            examples: Some(info.data.display().to_string()),
            recipe: serde_json::to_value(&info.recipe).expect("settings are JSON"),
            parent: info.parent.clone(),
            scores,
            run: Some(info.id.clone()),
            files,
        };
        Ok(Library::open(home)?.add(new, adapter, self.model.config())?)
    }

    /// Marks the run as done.
    pub fn finish(self) -> Result<(), TrainError> {
        self.folder.finish(&self.info)
    }

    /// What the run was begun with.
    pub fn info(&self) -> &RunInfo {
        &self.info
    }

    /// The run's folder.
    pub fn folder(&self) -> &Folder {
        &self.folder
    }
}
