//! `hone demo`: the whole loop in some minutes. Conversations with edits come into a store of their own, a question is
//! asked, hone learns, the gate decides, the question is asked again, and everything is taken back.

mod home;

use crate::bases::BaseModel;
use crate::commands::learn::Show;
use crate::config::App;
use crate::flags::Demo;
use crate::{interrupt, loading, output};
use anyhow::{Context, bail};
use engine::Engine;
use engine::adapter::Loaded;
use engine::text::Message;
use learn::adapters::{Base, Library};
use learn::cycle::{Cycle, Options, Outcome, State, alone, divide};
use learn::demo::style;
use learn::gate::Decision;
use learn::generate::{Wish, answers};
use learn::replay::Size;
use learn::train::{Metric, terminal};
use learn::turn::Alone;
use serde_json::json;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// What is asked before and after: of the kind that is learned, and in no example.
const QUESTION: &str = "Write a Python function that triples a number.";

pub(crate) fn run(app: &App, flags: &Demo) -> anyhow::Result<ExitCode> {
    let began = Instant::now();
    let base = model(app, flags)?;
    let folder = tempfile::tempdir().context("cannot make a folder for the demonstration")?;
    let store = store::Store::open(folder.path())?;
    let show = Show::new(app.quiet);
    let examples = home::fill(&store)?;
    show.say(&format!(
        "{} conversations about small Python functions, each with an answer that its user has edited: a block of code \
         and nothing else, with types, a docstring, and `result`",
        examples.len()
    ));

    let model = loading::open(&base.path)?;
    let device = engine::train::cpu(loading::options(app, &flags.model).threads)?;
    let engine = loading::learner(app, &flags.model, model, 2048)?;
    let stop = Arc::new(AtomicBool::new(false));
    interrupt::install()?;
    let asked = stop.clone();
    let _guard = interrupt::listen(move || asked.store(true, Ordering::Relaxed));

    let divided = divide(examples, &State::default());
    let before = ask(&engine, None, &stop)?;
    say_answer(&show, "Before", &before);
    // One training, where a cycle averages two: it is done sooner.
    let recipe = Some(alone(engine.model(), divided.train.len(), 0));
    let cycle = Cycle {
        home: folder.path(),
        engine: &engine,
        device,
        base: base.base.clone(),
        model: base.path.clone(),
        store: Some(&store),
        deployed: None,
        rules: Vec::new(),
        held_out: Vec::new(),
        options: Options { name: "house-style".into(), size: Size::SMALL, recipe, ..Options::default() },
    };
    let outcome =
        cycle.run(&divided, State::default(), &mut Alone(&stop), &mut |event| show.event(&event))?;
    show.done();

    let after = ask(&engine, in_use(folder.path(), &engine, &base.base)?.as_ref(), &stop)?;
    say_answer(&show, "After", &after);
    let promoted = outcome.decision == Decision::Promote;
    let rolled_back = promoted && roll_back(folder.path(), &base.base)?;
    let again = ask(&engine, in_use(folder.path(), &engine, &base.base)?.as_ref(), &stop)?;
    let seconds = began.elapsed().as_secs_f64();
    if flags.json {
        output::print_json(&json!({
            "style_before": style(&before), "style_after": style(&after), "promoted": promoted,
            "rolled_back": rolled_back && again == before, "seconds": seconds,
        }))?;
    } else {
        let text = summary(&outcome, (&before, &after), rolled_back && again == before, seconds);
        output::print(&output::harmless(&text))?;
    }
    Ok(ExitCode::from(u8::from(!(promoted && rolled_back && again == before))))
}

/// The model that was asked for, or the starter model.
fn model(app: &App, flags: &Demo) -> anyhow::Result<BaseModel> {
    let asked = flags.model.model.as_deref();
    let found = BaseModel::choose(app, Some(asked.unwrap_or(hub::catalog::STARTER)));
    match found {
        Err(error) if asked.is_none() => {
            bail!(
                "{error:#}\nthe demonstration uses the starter model: run `hone pull {}`",
                hub::catalog::STARTER
            )
        }
        found => found,
    }
}

fn ask(engine: &Engine, adapter: Option<&Arc<Loaded>>, stop: &AtomicBool) -> anyhow::Result<String> {
    let question = Message { role: "user".into(), content: QUESTION.into() };
    let wish = Wish { prompt: engine.model().chat_prompt(&[question])?, most: 200, seed: None };
    let answer = answers(engine, adapter, &[wish], &mut Alone(stop))?.remove(0);
    Ok(answer.text)
}

/// What an answer has now.
fn in_use(home: &Path, engine: &Engine, base: &Base) -> anyhow::Result<Option<Arc<Loaded>>> {
    let library = Library::open(home)?;
    let Some(manifest) = library.active(&base.sha256)? else { return Ok(None) };
    let adapter = library.load(&manifest, base, engine.model().config())?;
    Ok(Some(Loaded::new(manifest.id, adapter)))
}

fn roll_back(home: &Path, base: &Base) -> anyhow::Result<bool> {
    let library = Library::open(home)?;
    library.rollback(base)?;
    Ok(library.active_id(&base.sha256)?.is_none())
}

fn say_answer(show: &Show, when: &str, answer: &str) {
    let lines: String = answer.trim().lines().map(|line| format!("    {line}\n")).collect();
    show.say(&format!("\n{when}: {QUESTION}\n{}", output::harmless(&lines)));
}

fn summary(outcome: &Outcome, (before, after): (&str, &str), rolled_back: bool, seconds: f64) -> String {
    let history: Vec<Metric> = (outcome.report.losses.iter().enumerate())
        .map(|(n, &loss)| Metric { step: n as u64 + 1, loss: Some(loss), ..Metric::default() })
        .collect();
    format!(
        "{}\n{}\nhouse style of the answer: {:.0} % before, {:.0} % after\n{}\n{seconds:.0} s in all\n",
        terminal(&history),
        outcome.report.text(),
        100.0 * style(before),
        100.0 * style(after),
        if rolled_back {
            "rolled back: the answer is the one of before again"
        } else {
            "nothing was rolled back"
        }
    )
}
