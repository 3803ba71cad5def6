//! `hone bench --gate`: how often the gate of `hone learn` is right on candidates of which it is known whether they are
//! good. One file a trial; several processes may share the folder, and what is there is not made again.

use crate::config::App;
use crate::flags::Bench;
use crate::{bases::BaseModel, loading, output};
use anyhow::{Context, bail};
use learn::demo::trial::{Kind, Trial, Trials};
use learn::gate::{Decision, Known};
use learn::replay::{Pool, Size};
use learn::turn::Alone;
use std::cell::RefCell;
use std::fs::{self, File};
use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::AtomicBool;

/// Examples of a trial, of which a fifth is held back.
const EXAMPLES: usize = 42;

pub(super) fn run(app: &App, flags: &Bench) -> anyhow::Result<ExitCode> {
    let base = BaseModel::choose(app, flags.model.model.as_deref())?;
    let model = loading::open(&base.path)?;
    let device = engine::train::cpu(loading::options(app, &flags.model).threads)?;
    let engine = loading::learner(app, &flags.model, model, 2048)?;
    let stop = AtomicBool::new(false);
    let mut turn = Alone(&stop);
    let pool =
        Pool::open(&app.home, &base.base.sha256, (&engine, &device), Size::FULL, &mut turn, &mut |_, _| {})?;
    let trials = Trials {
        engine: &engine,
        device,
        pool: &pool,
        examples: EXAMPLES,
        steps: flags.steps,
        anchor: flags.anchor,
        known: RefCell::new(Known::open(&app.home, &base.base.sha256, None)),
        good: RefCell::default(),
    };
    fs::create_dir_all(&flags.out).with_context(|| format!("cannot create {}", flags.out.display()))?;
    let kinds = kinds(&flags.kinds)?;
    let mut all = Vec::new();
    let first = flags.first_seed;
    for seed in first..first + flags.gate.unwrap_or_default() {
        for &kind in &kinds {
            let name = format!("{}-{seed}", kind.name());
            let path = flags.out.join(format!("{name}.json"));
            // A killed process gives its claim back with its lock.
            let claim = File::create(flags.out.join(format!(".{name}.lock")))?;
            if !path.exists() && claim.try_lock().is_ok() {
                let trial = trials.run(kind, seed, &mut turn)?;
                eprintln!(
                    "{name}: {:?} at {}, {:.0} s and {:.0} s",
                    trial.decision, trial.scale, trial.seconds.0, trial.seconds.1
                );
                for check in trial.checks.iter().filter(|check| !check.passed) {
                    eprintln!("    {}: {}", check.name, check.found);
                }
                write(&path, &trial)?;
            }
            // Another process may be at it.
            if let Ok(text) = fs::read(&path) {
                all.push(serde_json::from_slice(&text).with_context(|| path.display().to_string())?);
            }
        }
    }
    match flags.json {
        true => output::print_json(&all)?,
        false => output::print(&table(&kinds, &all))?,
    }
    Ok(ExitCode::SUCCESS)
}

fn kinds(names: &[String]) -> anyhow::Result<Vec<Kind>> {
    if names.is_empty() {
        return Ok(Kind::ALL.to_vec());
    }
    let kind = |name: &String| {
        let found = Kind::ALL.into_iter().find(|kind| kind.name() == name);
        found.with_context(|| format!("there is no kind `{name}`: {}", Kind::ALL.map(Kind::name).join(", ")))
    };
    names.iter().map(kind).collect()
}

fn write(path: &Path, trial: &Trial) -> anyhow::Result<()> {
    let part = path.with_extension("part");
    fs::write(&part, serde_json::to_vec_pretty(trial)?)?;
    if let Err(error) = fs::rename(&part, path) {
        bail!("cannot write {}: {error}", path.display());
    }
    Ok(())
}

fn table(kinds: &[Kind], trials: &[Trial]) -> String {
    let head = ["candidates", "trials", "promoted", "held", "rejected"].map(String::from).to_vec();
    let rows = kinds.iter().map(|&kind| {
        let own = || trials.iter().filter(move |trial| trial.kind == kind);
        let count = |decision: Decision| own().filter(|t| t.decision == decision).count().to_string();
        let decided = [Decision::Promote, Decision::Hold, Decision::Reject].map(count);
        [vec![kind.name().to_owned(), own().count().to_string()], decided.to_vec()].concat()
    });
    output::table(&std::iter::once(head).chain(rows).collect::<Vec<_>>())
}
