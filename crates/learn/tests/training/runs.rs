//! What a run learns, keeps and writes.

use crate::make::{examples, fingerprint, model, recipe, start, tokens, whole};
use learn::adapters::{Base, Library};
use learn::train::{Begun, Folder, Order, Recipe, Sets, Tokens, svg};

#[test]
fn a_run_learns_and_keeps_its_history() {
    let home = tempfile::tempdir().unwrap();
    let outcome = whole(home.path(), &recipe(), 40, 2);
    let losses: Vec<f64> = outcome.history.iter().filter_map(|m| m.loss).collect();
    // 32 examples in steps of four, four epochs.
    assert_eq!(losses.len(), 32);
    assert!(losses[31] < 0.7 * losses[0], "{losses:?}");
    let valid = |step: u64| outcome.history.iter().find(|m| m.step == step).unwrap().valid_loss.unwrap();
    let lowest = outcome.history.iter().filter_map(|m| m.valid_loss).fold(f64::INFINITY, f64::min);
    assert!(valid(outcome.best_step) == lowest && lowest < valid(0));
    let folder = home.path().join("runs/20261124-000000-0001");
    let lines = std::fs::read_to_string(folder.join("metrics.jsonl")).unwrap();
    assert_eq!(lines.lines().count(), 33, "a line before the first step and one for each");
    assert_eq!(std::fs::read_to_string(folder.join("curve.svg")).unwrap(), svg(&outcome.history));
}

#[test]
fn stopping_and_going_on_changes_nothing() {
    let (home, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let recipe = Recipe { members: 2, ..recipe() };
    let expected = fingerprint(&whole(other.path(), &recipe, 20, 2));
    let mut stops = 0;
    let found = loop {
        let (run, _) = start(home.path(), &recipe, 20, 2).unwrap();
        let mut asked = 0;
        // Later each time, so that it gets on: the stop comes in the middle of a step.
        let outcome = run
            .run(
                &mut || {
                    asked += 1;
                    asked > 12 + stops
                },
                &mut |_| {},
            )
            .unwrap();
        if outcome.finished {
            break fingerprint(&outcome);
        }
        stops += 1;
    };
    assert!(stops > 3, "{stops}");
    assert!(found == expected);
}

#[test]
fn several_trainings_give_the_average_of_each_alone() {
    let train = |seed: u64, steps: u64, members: usize| {
        let home = tempfile::tempdir().unwrap();
        whole(home.path(), &Recipe { seed, steps: Some(steps), members, ..recipe() }, 20, 1)
    };
    let both = train(5, 9, 2);
    assert_eq!(both.history.len(), 10, "the steps are shared");
    let (first, second) = (train(5, 4, 1).adapter, train(6, 5, 1).adapter);
    for (layer, target, lora) in both.adapter.iter() {
        let [a, b] = [&first, &second].map(|alone| alone.get(layer, target).unwrap());
        assert!(lora.a.as_slice() == [a.a.as_slice(), b.a.as_slice()].concat(), "{target:?} of {layer}");
        assert!(lora.b.as_slice() == [a.b.as_slice(), b.b.as_slice()].concat(), "{target:?} of {layer}");
        assert_eq!((lora.rank(), lora.scale), (8, a.scale / 2.0));
    }
}

#[test]
fn micro_batches_do_not_change_a_step() {
    // 1 x 8, 8 x 1 and 2 x 4 examples are the same step: the loss is divided by the targets of all of it.
    let run = |batch: usize, accumulation: usize| {
        let home = tempfile::tempdir().unwrap();
        let recipe = Recipe { batch, accumulation, dropout: 0.0, ..recipe() };
        fingerprint(&whole(home.path(), &recipe, 30, 2))
    };
    let one = run(1, 8);
    assert!(run(8, 1) == one && run(2, 4) == one);
}

#[test]
fn a_set_smaller_than_a_step_is_learned_from() {
    let home = tempfile::tempdir().unwrap();
    let recipe = Recipe { accumulation: 48, ..recipe() };
    let outcome = whole(home.path(), &recipe, 5, 1);
    assert_eq!(outcome.history.last().unwrap().step, 4, "four epochs of one step");
}

#[test]
fn without_validation_the_last_adapter_is_taken() {
    let home = tempfile::tempdir().unwrap();
    let outcome = whole(home.path(), &recipe(), 4, 1);
    assert_eq!(outcome.best_step, outcome.history.last().unwrap().step);
    assert!(outcome.history.iter().all(|m| m.valid_loss.is_none()));
}

#[test]
fn the_newest_unfinished_run_is_found() {
    let home = tempfile::tempdir().unwrap();
    assert!(Folder::find(home.path(), None).is_err());
    let (_, folder) = start(home.path(), &recipe(), 10, 1).unwrap();
    let (found, info) = Folder::find(home.path(), None).unwrap();
    assert_eq!(found.path(), folder.path());
    found.finish(&info).unwrap();
    assert!(Folder::find(home.path(), None).is_err());
    assert!(Folder::find(home.path(), Some("../runs")).is_err());
}

#[test]
fn cut_examples_are_counted_and_those_without_an_answer_left_out() {
    let (model, set) = (model(), examples(10));
    let all = tokens(&model, &set, &recipe());
    assert_eq!((all.examples.len(), all.counts.truncated, all.counts.no_target), (10, 0, 0));
    let longest = all.examples.iter().map(|e| e.tokens.len()).max().unwrap();
    let first_answer = all.examples[0].supervised.iter().position(|s| *s).unwrap();
    let cut = tokens(&model, &set, &Recipe { max_seq: longest - 1, ..recipe() });
    assert!(cut.counts.truncated > 0 && cut.examples.len() == 10);
    let none = tokens(&model, &set, &Recipe { max_seq: first_answer, ..recipe() });
    assert_eq!((none.examples.len(), none.counts.no_target), (0, 10));
    assert_eq!(none.counts.remarks("training").len(), 2);
}

#[test]
fn a_run_killed_between_its_adapter_and_its_mark_gives_one_adapter() {
    let home = tempfile::tempdir().unwrap();
    let (model, recipe) = (model(), Recipe { steps: Some(2), ..recipe() });
    let sets = || Sets {
        train: tokens(&model, &examples(8), &recipe),
        valid: Tokens::default(),
        replay: Vec::new(),
        remarks: Vec::new(),
    };
    let base = Base { name: "tiny".into(), sha256: "a".repeat(64), architecture: "llama".into() };
    let order = Order {
        id: "20261124-000000-0001".into(),
        name: "test".into(),
        base: base.clone(),
        model: "tiny.gguf".into(),
        data: "examples".into(),
        recipe: recipe.clone(),
        learn: false,
    };
    let begun = Begun::new(home.path(), &model, order, sets()).unwrap();
    let device = engine::train::cpu(Some(1)).unwrap();
    let (run, ending) = begun.run(model.clone(), device.clone()).unwrap();
    let outcome = run.run(&mut || false, &mut |_| {}).unwrap();
    let first = ending.add(home.path(), &outcome.adapter, outcome.scores(), Vec::new()).unwrap();
    drop(ending); // the process ends here

    let (folder, info) = Folder::find(home.path(), None).unwrap();
    let begun = Begun::again(folder, info, &model, &base, sets()).unwrap();
    let (run, ending) = begun.run(model.clone(), device).unwrap();
    let outcome = run.run(&mut || false, &mut |_| {}).unwrap();
    let second = ending.keep(home.path(), &outcome).unwrap();
    assert_eq!(first.id, second.id);
    assert_eq!(Library::open(home.path()).unwrap().list().unwrap().len(), 1);
    assert!(Folder::find(home.path(), None).is_err(), "the run is done");
}

#[test]
fn a_row_counts_as_much_as_it_weighs() {
    let (model, recipe) = (model(), recipe());
    let mut rows = examples(3);
    (rows[0].weight, rows[2].weight) = (2.0, 0.5);
    let weights = |rows: &[learn::dataset::Example]| -> Vec<f32> {
        tokens(&model, rows, &recipe).examples.iter().map(|example| example.weight).collect()
    };
    assert_eq!(weights(&rows), [2.0, 1.0, 0.5]);
    // And another weight is other data: a run does not go on with it.
    let other = tokens(&model, &rows, &recipe).sha256();
    rows[0].weight = 1.0;
    assert_ne!(tokens(&model, &rows, &recipe).sha256(), other);
}
