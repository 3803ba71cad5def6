//! What a cycle decides, remembers and leaves behind.

use crate::make::{base, examples, lenient, options, run, run_taught, store_id};
use learn::adapters::Library;
use learn::cycle::{CycleError, Options, State};
use learn::gate::{Again, Decision, Margins};
use std::path::Path;
use store::Store;

fn active(home: &Path) -> Option<String> {
    Library::open(home).unwrap().active_id(&base().sha256).unwrap()
}

/// The checks that decide how much an answer must be edited say nothing of a model of noise: a cycle of it is promoted
/// where that one is passed by luck, and held or rejected elsewhere.
fn judged(home: &Path, margins: Margins) -> learn::cycle::Outcome {
    run(home, examples(0..40), options(margins), None).unwrap()
}

#[test]
fn a_promoted_adapter_is_in_use_with_its_report_and_its_conversations() {
    let home = tempfile::tempdir().unwrap();
    let outcome = judged(home.path(), lenient());
    println!("{}", outcome.report.text());
    assert_eq!(outcome.decision, Decision::Promote, "{}", outcome.report.because);
    let adapter = outcome.adapter.unwrap();
    assert_eq!(active(home.path()), Some(adapter.id.clone()));
    let library = Library::open(home.path()).unwrap();
    let text = String::from_utf8(library.beside(&adapter, "report.txt").unwrap()).unwrap();
    for part in ["Promoted", "Learned from 32 examples", "number ", "Checks:", "Better on"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let report: learn::gate::Report = serde_json::from_slice(&std::fs::read(&outcome.path).unwrap()).unwrap();
    assert_eq!((report.learned, report.held, report.chats.len()), (32, 8, 32));
    let store = Store::open(home.path()).unwrap();
    let taught = store.adapters().of_chat(store_id(0).parse().unwrap()).unwrap();
    assert_eq!(taught.len(), 1);
    assert_eq!(store.adapters().of_chat(store_id(39).parse().unwrap()).unwrap(), [], "only judged with");
    assert_eq!(adapter.run.as_ref(), library.list().unwrap()[0].run.as_ref());

    let state = State::read(home.path(), &base().sha256).unwrap();
    assert_eq!((state.older.len(), state.trained.len(), state.fresh.len()), (1, 32, 0));
    // One step back, and it is as before.
    library.rollback(&base()).unwrap();
    assert_eq!(active(home.path()), None);
}

#[test]
fn what_is_worse_is_rejected_at_every_scale_and_nothing_is_in_use() {
    let home = tempfile::tempdir().unwrap();
    let outcome = judged(home.path(), Margins { divergence: -1.0, ..lenient() });
    assert_eq!((outcome.decision, outcome.adapter.is_none()), (Decision::Reject, true));
    assert_eq!(active(home.path()), None);
    assert!(Library::open(home.path()).unwrap().list().unwrap().is_empty());
    let scales: Vec<f32> = outcome.report.attempts.iter().map(|attempt| attempt.scale).collect();
    assert_eq!(scales, [1.0, 0.75, 0.5, 1.0, 0.75, 0.5], "and once more with half the learning rate");
    assert_eq!(outcome.report.again, Some(Again::Gently));
    assert!(outcome.report.because.contains("divergence"));
    assert!(outcome.path.starts_with(home.path().join("runs")));
    let state = State::read(home.path(), &base().sha256).unwrap();
    assert_eq!((state.fresh.len(), state.trained.len(), state.evidence.looks), (8, 0, 0));
}

#[test]
fn what_loses_older_examples_is_trained_longer_once() {
    let home = tempfile::tempdir().unwrap();
    assert_eq!(judged(home.path(), lenient()).decision, Decision::Promote);
    let margins = Margins { older: (-1e3, 1e3), ..lenient() };
    let outcome = run(home.path(), examples(0..60), options(margins), None).unwrap();
    let report = outcome.report;
    assert_eq!((report.decision, report.again), (Decision::Reject, Some(Again::Longer)));
    let tried: Vec<_> = report.attempts.iter().map(|attempt| (attempt.again, attempt.scale)).collect();
    assert_eq!(tried, [(None, 1.0), (Some(Again::Longer), 1.0)], "and no part of it");
    assert!(report.text().contains("second attempt, with half as many steps again"), "{}", report.text());
}

#[test]
fn each_check_alone_keeps_a_candidate_out() {
    let all = lenient();
    for (name, margins) in [
        ("not worse: general texts", Margins { general: -1e3, ..all }),
        ("not worse: after odd phrases", Margins { triggered: -1e3, ..all }),
        ("sanity: answers", Margins { answers: (1000, 1.1), ..all }),
        ("better: by enough", Margins { gain: (1e3, 0.0), ..all }),
    ] {
        let home = tempfile::tempdir().unwrap();
        let outcome = judged(home.path(), margins);
        assert_eq!(outcome.decision, Decision::Reject, "{name}");
        let failed: Vec<&str> =
            outcome.report.checks.iter().filter(|check| !check.passed).map(|check| &*check.name).collect();
        assert_eq!(failed, [name]);
        assert_eq!(active(home.path()), None);
    }
}

#[test]
fn a_rule_that_was_obeyed_is_not_lost_and_one_that_nothing_can_check_is_named() {
    let home = tempfile::tempdir().unwrap();
    // The examples teach nothing but that word.
    let rules = ["Never use `yes`", "Be kind"];
    let outcome = run_taught(home.path(), examples(0..40), options(lenient()), None, &rules).unwrap();
    assert_eq!(outcome.decision, Decision::Reject, "{}", outcome.report.because);
    assert!(outcome.report.because.contains("`Never use `yes``"), "{}", outcome.report.because);
    assert_eq!(outcome.report.unprobed, ["Be kind"]);
    assert!(outcome.report.text().contains("Be kind"));
}

#[test]
fn without_the_gate_a_candidate_is_in_use_and_the_report_says_what_the_gate_would_have() {
    let home = tempfile::tempdir().unwrap();
    let refused = Options { gate: false, ..options(Margins { divergence: -1.0, ..lenient() }) };
    let outcome = run(home.path(), examples(0..40), refused, None).unwrap();
    assert_eq!((outcome.decision, outcome.report.scale), (Decision::Promote, 1.0));
    let attempts = &outcome.report.attempts;
    assert!(matches!(&attempts[..], [one] if (one.scale, one.decision) == (1.0, Decision::Reject)));
    assert!(outcome.report.because.contains("without the gate, which says reject"));
    assert_eq!(active(home.path()), Some(outcome.adapter.unwrap().id));
}

#[test]
fn few_examples_are_held_and_never_looked_at() {
    let home = tempfile::tempdir().unwrap();
    let outcome = run(home.path(), examples(0..12), options(lenient()), None).unwrap();
    assert_eq!(outcome.decision, Decision::Hold, "{}", outcome.report.because);
    let state = State::read(home.path(), &base().sha256).unwrap();
    assert_eq!((state.fresh.len(), state.evidence.looks), (6, 0));
    assert_eq!(active(home.path()), None);
}

#[test]
fn what_chance_could_explain_is_held_with_its_evidence() {
    let home = tempfile::tempdir().unwrap();
    // No p is below zero, and no evidence of some examples is that large.
    let strict = Margins { level: -1.0, ..lenient() };
    let outcome = run(home.path(), examples(0..24), options(strict), None).unwrap();
    let state = State::read(home.path(), &base().sha256).unwrap();
    if outcome.decision == Decision::Promote {
        // The evidence alone was enough.
        assert!(outcome.report.evidence.is_enough());
        return;
    }
    assert_eq!(outcome.decision, Decision::Hold, "{}", outcome.report.because);
    assert_eq!((state.evidence.looks, state.evidence.seen.len()), (1, 8));
    assert!(state.evidence.log_evidence > 0.0);
}

#[test]
fn a_stopped_cycle_goes_on_to_the_same_adapter() {
    let (whole, stopped) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let expected = judged(whole.path(), lenient()).adapter.unwrap();
    for at in [3, 11, 24] {
        let result = run(stopped.path(), examples(0..40), options(lenient()), Some(at));
        assert!(matches!(result, Err(CycleError::Stopped)), "at {at}");
        assert_eq!(active(stopped.path()), None);
    }
    let outcome = run(stopped.path(), examples(0..40), options(lenient()), None).unwrap();
    let adapter = outcome.adapter.unwrap();
    assert_eq!(adapter.sha256, expected.sha256);
    assert_eq!(std::fs::read_dir(stopped.path().join("runs")).unwrap().count(), 1, "one run in all");
}

#[test]
fn what_was_forgotten_is_no_longer_in_use_even_where_nothing_better_comes() {
    let home = tempfile::tempdir().unwrap();
    judged(home.path(), lenient());
    assert!(active(home.path()).is_some());
    let without: Vec<_> = examples(0..40).into_iter().filter(|e| e.chat != store_id(0)).collect();
    let refused = Options { anew: true, ..options(Margins { divergence: -1.0, ..lenient() }) };
    let outcome = run(home.path(), without, refused, None).unwrap();
    assert_eq!(outcome.decision, Decision::Reject);
    assert_eq!(outcome.report.against, "the model alone");
    assert_eq!(active(home.path()), None);
    assert!(!outcome.report.chats.contains(&store_id(0)));
}

#[test]
fn nothing_to_learn_is_said() {
    let home = tempfile::tempdir().unwrap();
    let result = run(home.path(), Vec::new(), options(lenient()), None);
    assert!(matches!(result, Err(CycleError::Nothing)));
}
