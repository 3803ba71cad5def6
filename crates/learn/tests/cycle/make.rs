//! A tiny model, made-up examples, and a cycle over them.

use engine::{Engine, EngineOptions, Model};
use learn::adapters::Base;
use learn::cycle::{Cycle, CycleError, Event, Example, Options, Outcome, State, divide};
use learn::dataset::Message;
use learn::gate::Margins;
use learn::replay::Size;
use learn::train::{self, Recipe};
use learn::turn::Alone;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use store::{Store, Time};

const SIZE: Size = Size { replay: 4, general: 4, tokens: 6 };

pub(crate) fn model() -> Arc<Model> {
    Arc::new(Model::open(&path()).unwrap())
}

fn path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../engine/tests/fixtures/models/llama.gguf")
}

pub(crate) fn base() -> Base {
    Base { name: "tiny".into(), sha256: "a".repeat(64), architecture: "llama".into() }
}

/// Questions that all have the same kind of answer.
pub(crate) fn examples(range: std::ops::Range<usize>) -> Vec<Example> {
    let say = |role: &str, content: String| Message { role: role.into(), content };
    let example = |n: usize| Example {
        messages: vec![
            say("user", format!("number {n}?")),
            say("assistant", format!("yes yes yes {}", n % 3)),
        ],
        weight: 1.0 + (n % 2) as f32,
        topic: n as u64,
        time: Time(n as i64),
        chat: store_id(n),
        accepted: true,
    };
    range.map(example).collect()
}

/// Ids that look like those of conversations.
pub(crate) fn store_id(n: usize) -> String {
    format!("0193b3c0-0000-7000-8000-{n:012}")
}

/// Everything is allowed but to learn nothing: what a tiny random model says is judged by nobody.
pub(crate) fn lenient() -> Margins {
    Margins {
        general: 1e3,
        divergence: 1e3,
        triggered: 1e3,
        answers: (1000, 0.0),
        older: (1e3, 1e3),
        facts: 1.0,
        negatives: 1.0,
        gain: (0.05, 0.05),
        relevance: -1e3,
        level: 0.05,
    }
}

fn recipe() -> Recipe {
    Recipe {
        rank: 4,
        batch: 4,
        accumulation: 1,
        steps: Some(24),
        learning_rate: Some(2e-2),
        max_seq: 128,
        replay: 2,
        anchor: 0.01,
        seed: 5,
        ..Recipe::default()
    }
}

pub(crate) fn options(margins: Margins) -> Options {
    Options { size: SIZE, recipe: Some(recipe()), margins: Some(margins), ..Options::default() }
}

/// Runs a cycle in `home`; it is stopped when `stop_at` training steps are done.
pub(crate) fn run(
    home: &Path,
    examples: Vec<Example>,
    options: Options,
    stop_at: Option<u64>,
) -> Result<Outcome, CycleError> {
    run_taught(home, examples, options, stop_at, &[])
}

/// The same with taught rules.
pub(crate) fn run_taught(
    home: &Path,
    examples: Vec<Example>,
    options: Options,
    stop_at: Option<u64>,
    rules: &[&str],
) -> Result<Outcome, CycleError> {
    run_heard(home, examples, options, rules, &mut |event| {
        if let Event::Begun(_, _, done) = event {
            println!("begun after {done}");
        }
        matches!(event, Event::Train(train::Event::Step { metric, .. }) if stop_at == Some(metric.step))
    })
}

/// The same with what happens told to `hear`, which says whether to stop.
pub(crate) fn run_heard(
    home: &Path,
    examples: Vec<Example>,
    options: Options,
    rules: &[&str],
    hear: &mut dyn FnMut(&Event<'_>) -> bool,
) -> Result<Outcome, CycleError> {
    let model = model();
    let engine_options = EngineOptions { threads: Some(1), context: Some(128), ..EngineOptions::default() };
    let engine = Engine::start(model, engine_options).unwrap();
    let store = Store::open(home).unwrap();
    let cycle = Cycle {
        home,
        engine: &engine,
        device: engine::train::cpu(Some(1)).unwrap(),
        base: base(),
        model: path(),
        store: Some(&store),
        deployed: None,
        rules: rules.iter().map(|rule| (*rule).to_owned()).collect(),
        held_out: Vec::new(),
        options,
    };
    let state = State::read(home, &base().sha256).unwrap();
    let divided = divide(examples, &state);
    let stop = AtomicBool::new(false);
    cycle.run(&divided, state, &mut Alone(&stop), &mut |event| {
        stop.fetch_or(hear(&event), Ordering::Relaxed);
    })
}
