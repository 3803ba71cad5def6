//! `hone learn`: conversations become a better adapter, or none.

mod collect;
mod deployed;
mod show;

pub(crate) use show::Show;

use crate::bases::BaseModel;
use crate::config::App;
use crate::flags::Learn;
use crate::{interrupt, loading, output};
use anyhow::Context;
use deployed::Deployed;
use learn::adapters::Library;
use learn::cycle::{Cycle, CycleError, Divided, Example, Options, Outcome, State, divide};
use learn::gate::Decision;
use learn::replay::Size;
use learn::turn::Alone;
use serde_json::json;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;
use store::{Id, Store};

pub(crate) fn run(app: &App, flags: &Learn) -> anyhow::Result<ExitCode> {
    let began = Instant::now();
    let store = app.store()?;
    let base = BaseModel::choose(app, flags.model.model.as_deref())?;
    let forget: Option<Id> = flags.forget.as_deref().map(|chat| collect::chat(&store, chat)).transpose()?;
    let mut examples = collect::conversations(&store)?;
    examples.retain(|example| forget.is_none_or(|forget| example.chat != forget.to_string()));
    let (code, held_out) = collect::code(app, &flags.from_index, flags.mine)?;
    examples.extend(code);
    let state = State::read(&app.home, &base.base.sha256)?;
    let divided = divide(examples, &state);
    if flags.dry_run {
        return dry_run(&divided, flags.json);
    }
    if divided.unlearned == 0 && forget.is_none() && !flags.now {
        return nothing_new(flags.json, began);
    }
    if divided.train.is_empty() && forget.is_some() {
        // Nothing is left to learn from: the model alone is what has learned nothing else.
        Library::open(&app.home)?.use_base(&base.base.sha256)?;
    }
    let outcome = cycle(app, flags, &store, base, (&divided, held_out), state)?;
    let seconds = began.elapsed().as_secs_f64();
    if flags.json {
        output::print_json(&json!({
            "decision": outcome.decision,
            "adapter": outcome.adapter.as_ref().map(|adapter| &adapter.id),
            "name": outcome.adapter.as_ref().map(|adapter| &adapter.name),
            "gate": outcome.report.attempts.last().map(|attempt| attempt.decision),
            "because": outcome.report.because,
            "examples": outcome.report.learned,
            "judged_with": outcome.report.held,
            "scale": outcome.report.scale,
            "seconds": seconds,
            "train_seconds": outcome.report.seconds.0,
            "report": outcome.path,
        }))?;
    } else {
        let text = format!("{}\nThe report is {}\n", outcome.report.text(), outcome.path.display());
        output::print(&output::harmless(&text))?;
        if outcome.decision == Decision::Promote {
            eprintln!("It is in use from the next answer on; take it back with: hone adapter rollback");
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Trains, judges, decides, until Ctrl-C.
fn cycle(
    app: &App,
    flags: &Learn,
    store: &Store,
    base: BaseModel,
    (divided, held_out): (&Divided, Vec<Example>),
    state: State,
) -> anyhow::Result<Outcome> {
    let model = loading::open(&base.path)?;
    let device = engine::train::cpu(loading::options(app, &flags.model).threads)?;
    let engine = Arc::new(loading::learner(app, &flags.model, model, 4096)?);
    let deployed = Deployed::open(app, store, &engine)?;
    let prompt = |example: &Example| deployed.before(example);
    let cycle = Cycle {
        home: &app.home,
        engine: &engine,
        device,
        model: std::path::absolute(&base.path)?,
        base: base.base,
        store: Some(store),
        deployed: Some(&prompt),
        rules: taught(store)?,
        held_out,
        options: Options {
            name: flags.name.clone(),
            seed: flags.seed,
            size: if flags.small { Size::SMALL } else { Size::FULL },
            gate: !flags.no_gate,
            anew: flags.forget.is_some(),
            ..Options::default()
        },
    };
    let show = Show::new(app.quiet);
    interrupt::install()?;
    let stop = Arc::new(AtomicBool::new(false));
    let asked = stop.clone();
    let _guard = interrupt::listen(move || asked.store(true, Ordering::Relaxed));
    let outcome = cycle.run(divided, state, &mut Alone(&stop), &mut |event| show.event(&event));
    show.done();
    match outcome {
        Err(CycleError::Stopped) => {
            eprintln!("Stopped; all steps so far are kept. Go on with: hone learn");
            std::process::exit(130)
        }
        outcome => Ok(outcome?),
    }
}

/// The rules that hold everywhere.
fn taught(store: &Store) -> anyhow::Result<Vec<String>> {
    Ok(knowledge::rules::applying(store, None, &[])?.into_iter().map(|rule| rule.text).collect())
}

fn dry_run(divided: &Divided, json: bool) -> anyhow::Result<ExitCode> {
    let older: usize = divided.older.iter().map(Vec::len).sum();
    if json {
        output::print_json(&json!({
            "learn": divided.train.len(), "new": divided.unlearned,
            "judge": divided.fresh.len(), "judge_older": older,
        }))?;
        return Ok(ExitCode::SUCCESS);
    }
    let text = format!(
        "{} examples to learn from, {} of them new; {} new ones and {older} older ones to judge with\n",
        divided.train.len(),
        divided.unlearned,
        divided.fresh.len()
    );
    output::print(&text)?;
    Ok(ExitCode::SUCCESS)
}

fn nothing_new(json: bool, began: Instant) -> anyhow::Result<ExitCode> {
    let why = "nothing is new since the last time; --now learns all the same";
    if json {
        output::print_json(&json!({
            "decision": "hold", "adapter": null, "examples": 0, "report": null, "because": why,
            "seconds": began.elapsed().as_secs_f64(),
        }))?;
    } else {
        output::print(&format!("Nothing was learned: {why}\n")).context("standard output")?;
    }
    Ok(ExitCode::SUCCESS)
}
