//! A tiny model, made-up examples, and a run of them.

use engine::Model;
use engine::text::Message;
use engine::train::{Pack, Scorer};
use learn::adapters::Base;
use learn::dataset::Example;
use learn::train::{Folder, Outcome, Recipe, Run, RunInfo, Sets, Tokens, TrainError};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

pub(crate) fn model() -> Arc<Model> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../engine/tests/fixtures/models/llama.gguf");
    Arc::new(Model::open(&path).unwrap())
}

/// Questions with answers of several lengths.
pub(crate) fn examples(count: usize) -> Vec<Example> {
    let message = |role: &str, content: String| Message { role: role.into(), content };
    let example = |n: usize| {
        Example::new(vec![
            message("user", format!("number {n}?")),
            message("assistant", "yes ".repeat(1 + n % 5) + &n.to_string()),
        ])
    };
    (0..count).map(example).collect()
}

/// Small, with everything that a run has: warm-up, dropout, several epochs, a last step that is not full.
pub(crate) fn recipe() -> Recipe {
    Recipe {
        rank: 4,
        accumulation: 4,
        epochs: 4.0,
        dropout: 0.1,
        learning_rate: Some(1e-2),
        max_seq: 128,
        replay: 2,
        seed: 5,
        ..Recipe::default()
    }
}

pub(crate) fn info(recipe: &Recipe) -> RunInfo {
    RunInfo {
        id: "20261124-000000-0001".into(),
        name: "test".into(),
        base: Base { name: "tiny".into(), sha256: "a".repeat(64), architecture: "llama".into() },
        model: "tiny.gguf".into(),
        data: "examples".into(),
        data_sha256: "b".repeat(64),
        recipe: recipe.clone(),
        parent: None,
        done: false,
        learn: false,
    }
}

pub(crate) fn tokens(model: &Model, examples: &[Example], recipe: &Recipe) -> Tokens {
    Tokens::new(model, examples, recipe).unwrap()
}

/// What the base says at the targets of some examples.
fn replay(model: &Arc<Model>, examples: &Tokens) -> Vec<engine::train::Example> {
    let mut scorer = Scorer::new(model.clone(), engine::train::cpu(Some(1)).unwrap(), None).unwrap();
    let examples = examples.examples.iter().take(5);
    let teach = |example: &engine::train::Example| {
        let teacher = scorer.teach(&Pack::new([example]), 10, &mut || false).unwrap().remove(0);
        engine::train::Example { teacher: Some(Arc::new(teacher)), ..example.clone() }
    };
    examples.map(teach).collect()
}

/// Sets a run up in `home`, where one may have been before.
pub(crate) fn start(
    home: &Path,
    recipe: &Recipe,
    count: usize,
    threads: usize,
) -> Result<(Run, Folder), TrainError> {
    let model = model();
    let all = examples(count);
    let (train, valid) = all.split_at(count - count / 5);
    let (train, valid) = (tokens(&model, train, recipe), tokens(&model, valid, recipe));
    let replay = if recipe.replay > 0 { replay(&model, &train) } else { Vec::new() };
    let sets = Sets { train, valid, replay, remarks: Vec::new() };
    let folder = Folder::create(home, &info(recipe))?;
    let device = engine::train::cpu(Some(threads)).unwrap();
    let mut run = Run::new(model, device, sets, recipe.clone(), folder.clone())?;
    run.between_checkpoints = Duration::ZERO;
    Ok((run, folder))
}

/// The whole run, without a stop.
pub(crate) fn whole(home: &Path, recipe: &Recipe, count: usize, threads: usize) -> Outcome {
    let (run, _) = start(home, recipe, count, threads).unwrap();
    run.run(&mut || false, &mut |_| {}).unwrap()
}

/// All values of an adapter, and the whole history, as text that shows every bit.
pub(crate) fn fingerprint(outcome: &Outcome) -> String {
    let values: Vec<u32> = outcome
        .adapter
        .iter()
        .flat_map(|(_, _, l)| [l.a.as_slice(), l.b.as_slice()].concat())
        .map(f32::to_bits)
        .collect();
    format!("{} {:?} {values:?}", outcome.best_step, outcome.history)
}
