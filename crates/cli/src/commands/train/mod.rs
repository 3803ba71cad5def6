//! `hone train`: examples become an adapter.

pub(crate) mod data;
mod export;
mod report;
mod show;

use crate::bases::BaseModel;
use crate::config::App;
use crate::flags::{Checkpointing, LossOn, Train};
use crate::{interrupt, loading, output};
use anyhow::Context;
use data::Sets;
use engine::Model;
use engine::adapter::Adapter;
use learn::adapters::{Library, NewAdapter};
use learn::train::{Folder, Outcome, Plan, Recipe, Run, RunInfo, Supervise};
use report::Report;
use show::Show;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

pub(crate) fn run(app: &App, flags: &Train) -> anyhow::Result<ExitCode> {
    let resumed = flags.resume.as_ref().map(|id| Folder::find(&app.home, id.as_deref())).transpose()?;
    let asked = match &resumed {
        // The file may have moved; its hash is compared below.
        Some((_, info)) => flags.model.model.clone().or_else(|| Some(begun_with(app, info))),
        None => flags.model.model.clone(),
    };
    let base = BaseModel::choose(app, asked.as_deref())?;
    let model = loading::open(&base.path)?;
    let data = match &resumed {
        Some((_, info)) => info.data.display().to_string(),
        None => flags.data.clone().context("name the examples with --data")?,
    };
    let recipe = match &resumed {
        Some((_, info)) => info.recipe.clone(),
        None => recipe(flags, &model)?,
    };
    recipe.check(model.config())?;
    let sets = Sets::load(app, &data, &model, &recipe)?;
    let start = Adapter::init(model.config(), &recipe.shape(model.config())?, recipe.seed);
    if let Some(folder) = &flags.export_job {
        return export::run(app, folder, &base, &model, &recipe, &data);
    }
    let now = RunInfo {
        id: resumed.as_ref().map_or_else(|| learn::train::new_id(&app.home), |(_, info)| info.id.clone()),
        name: resumed.as_ref().map_or_else(|| flags.name.clone(), |(_, info)| info.name.clone()),
        base: base.base.clone(),
        model: std::path::absolute(&base.path)?,
        data: lasting(&data)?,
        data_sha256: sets.sha256(),
        recipe: recipe.clone(),
        parent: None,
        done: false,
    };
    let folder = match &resumed {
        Some((folder, begun)) => {
            begun.check_same(folder, &now)?;
            folder.clone()
        }
        None => {
            // A name that cannot be kept is noticed before the work, not after it.
            Library::open(&app.home)?.check_name(&now.name)?;
            // Nor does a run leave a folder that cannot begin.
            Plan::new(&model, &start, &sets.train, &sets.valid, &recipe)?;
            Folder::create(&app.home, &now)?
        }
    };
    train(app, flags, &model, start, sets, now, folder)
}

fn train(
    app: &App,
    flags: &Train,
    model: &Arc<Model>,
    start: Adapter,
    sets: Sets,
    info: RunInfo,
    folder: Folder,
) -> anyhow::Result<ExitCode> {
    let threads = flags.model.threads.or(app.config.threads).map(|n| n as usize);
    let device = engine::train::cpu(threads)?;
    let recipe = info.recipe.clone();
    let show = Show::new(app.quiet);
    sets.remarks().iter().for_each(|remark| show.say(remark));
    let mut run = Run::new(model.clone(), device, start, (sets.train, sets.valid), recipe, folder.clone())?;
    let done = run.step();
    show.plan(&run.plan(), &info, done);

    interrupt::install()?;
    let stop = Arc::new(AtomicBool::new(false));
    let asked = stop.clone();
    let guard = interrupt::listen(move || asked.store(true, Ordering::Relaxed));
    let began = Instant::now();
    let outcome = run.run(&mut || stop.load(Ordering::Relaxed), &mut |event| show.event(&event))?;
    drop(guard);
    show.done();
    let seconds = began.elapsed().as_secs_f64();
    if !outcome.finished {
        eprintln!("Stopped; all steps so far are kept. Go on with: hone train --resume {}", info.id);
        return Ok(ExitCode::from(130));
    }
    let report = finish(app, model, &info, &folder, &outcome, (done, seconds))?;
    if flags.json {
        output::print_json(&report)?;
    } else {
        output::print(&report.as_text(&outcome.history))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Takes the adapter into the library, then marks the run as done: after a kill in between, `--resume` does the rest.
fn finish(
    app: &App,
    model: &Model,
    info: &RunInfo,
    folder: &Folder,
    outcome: &Outcome,
    session: (u64, f64),
) -> anyhow::Result<Report> {
    let mut report = Report::new(info, folder, outcome, session);
    let new = NewAdapter {
        name: info.name.clone(),
        base: info.base.clone(),
        data: Some(info.data_sha256.clone()),
        examples: Some(info.data.display().to_string()),
        recipe: serde_json::to_value(&info.recipe)?,
        parent: info.parent.clone(),
        scores: report.scores(),
    };
    let manifest = Library::open(&app.home)?.add(new, &outcome.adapter, model.config())?;
    folder.finish(info)?;
    report.adapter = manifest.id;
    Ok(report)
}

/// The model of an interrupted run: by its name where it was pulled, or else by its file.
fn begun_with(app: &App, info: &RunInfo) -> String {
    let pulled = app.library().and_then(|library| Ok(library.get(&info.base.name)?));
    match pulled {
        Ok(model) if model.sha256 == info.base.sha256 => model.name,
        _ => info.model.display().to_string(),
    }
}

/// A path that holds from any folder; a set's name stays as it is.
pub(crate) fn lasting(data: &str) -> anyhow::Result<PathBuf> {
    let path = Path::new(data);
    Ok(if path.exists() { std::path::absolute(path)? } else { path.to_path_buf() })
}

/// Settings from the recipe's file, and flags before them.
fn recipe(flags: &Train, model: &Model) -> anyhow::Result<Recipe> {
    let mut recipe = match &flags.recipe {
        None => Recipe::default(),
        Some(path) => {
            let text =
                std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
            let json = path.extension().is_some_and(|e| e == "json");
            let parsed = if json {
                serde_json::from_str(&text).map_err(anyhow::Error::from)
            } else {
                toml::from_str(&text).map_err(Into::into)
            };
            parsed.with_context(|| format!("{} is no recipe", path.display()))?
        }
    };
    if flags.max_seq.is_none() {
        recipe.max_seq = recipe.max_seq.min(model.config().context_length);
    }
    fn set<T: Clone>(slot: &mut T, flag: &Option<T>) {
        if let Some(value) = flag {
            *slot = value.clone();
        }
    }
    set(&mut recipe.rank, &flags.rank);
    set(&mut recipe.scale, &flags.scale);
    set(&mut recipe.epochs, &flags.epochs);
    set(&mut recipe.batch, &flags.batch);
    set(&mut recipe.accumulation, &flags.accumulation);
    set(&mut recipe.max_seq, &flags.max_seq);
    set(&mut recipe.dropout, &flags.dropout);
    set(&mut recipe.seed, &flags.seed);
    recipe.layers = flags.layers.or(recipe.layers);
    recipe.learning_rate = flags.lr.or(recipe.learning_rate);
    recipe.steps = flags.steps.or(recipe.steps);
    match flags.loss_on {
        None => {}
        Some(LossOn::Assistant) => recipe.loss_on = Supervise::Assistant,
        Some(LossOn::All) => recipe.loss_on = Supervise::All,
    }
    match flags.checkpointing {
        Checkpointing::Auto => {}
        Checkpointing::On => recipe.recompute = Some(true),
        Checkpointing::Off => recipe.recompute = Some(false),
    }
    Ok(recipe)
}
