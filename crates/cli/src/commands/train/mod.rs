//! `hone train`: examples become an adapter.

mod export;
mod report;
mod show;

use crate::bases::BaseModel;
use crate::config::App;
use crate::flags::{Checkpointing, LossOn, Train};
use crate::{interrupt, loading, output};
use anyhow::Context;
use engine::Model;
use learn::dataset::Chosen;
use learn::train::{Begun, Folder, Order, Recipe, RunInfo, Sets, Supervise};
use report::Report;
pub(crate) use show::Show;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

pub(crate) fn run(app: &App, flags: &Train) -> anyhow::Result<ExitCode> {
    match &flags.resume {
        None => begin(app, flags),
        Some(id) => {
            let (folder, info) = Folder::find(&app.home, id.as_deref())?;
            go_on(app, flags, folder, info)
        }
    }
}

fn begin(app: &App, flags: &Train) -> anyhow::Result<ExitCode> {
    let base = BaseModel::choose(app, flags.model.model.as_deref())?;
    let model = loading::open(&base.path)?;
    let data = flags.data.clone().context("name the examples with --data")?;
    let recipe = recipe(flags, &model)?;
    recipe.check(model.config())?;
    let chosen = Chosen::find(&app.home, &data)?;
    if let Some(folder) = &flags.export_job {
        return export::run(folder, &base, &model, &recipe, &chosen);
    }
    let sets = Sets::load(&chosen, &model, &recipe)?;
    let show = Show::new(app.quiet);
    sets.remarks.iter().for_each(|remark| show.say(remark));
    let order = Order {
        id: learn::train::new_id(&app.home),
        name: flags.name.clone(),
        base: base.base,
        model: std::path::absolute(&base.path)?,
        data: lasting(&data)?,
        recipe,
        learn: false,
    };
    let begun = Begun::new(&app.home, &model, order, sets)?;
    train(app, flags, model, begun, &show)
}

fn go_on(app: &App, flags: &Train, folder: Folder, info: RunInfo) -> anyhow::Result<ExitCode> {
    // The file may have moved; its hash is compared.
    let asked = flags.model.model.clone().unwrap_or_else(|| begun_with(app, &info));
    let base = BaseModel::choose(app, Some(&asked))?;
    let model = loading::open(&base.path)?;
    let chosen = Chosen::find(&app.home, &info.data.display().to_string())?;
    let sets = Sets::load(&chosen, &model, &info.recipe)?;
    let show = Show::new(app.quiet);
    sets.remarks.iter().for_each(|remark| show.say(remark));
    let begun = Begun::again(folder, info, &model, &base.base, sets)?;
    train(app, flags, model, begun, &show)
}

fn train(app: &App, flags: &Train, model: Arc<Model>, begun: Begun, show: &Show) -> anyhow::Result<ExitCode> {
    let threads = flags.model.threads.or(app.config.threads).map(|n| n as usize);
    let device = engine::train::cpu(threads)?;
    let (info, folder) = (begun.info.clone(), begun.folder.clone());
    let (mut run, ending) = begun.run(model, device)?;
    let done = run.step();
    show.plan(&run.plan(&mut || false), &info, done);

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
    let adapter = ending.keep(&app.home, &outcome)?;
    app.note("adapter trained", serde_json::json!({ "adapter": adapter.id, "data": info.data }));
    // The adapter is kept whatever becomes of this.
    let credited = Chosen::find(&app.home, &info.data.display().to_string())
        .map_err(anyhow::Error::from)
        .and_then(|chosen| Ok(learn::export::credit(&app.store()?, &adapter, &chosen)?));
    if let Err(error) = credited {
        eprintln!("Deleting a conversation will not name this adapter: {error:#}");
    }
    let report = Report::new(adapter.id, &info, &folder, &outcome, (done, seconds));
    if flags.json {
        output::print_json(&report)?;
    } else {
        output::print(&report.as_text(&outcome.history))?;
    }
    Ok(ExitCode::SUCCESS)
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
    set(&mut recipe.members, &flags.members);
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
