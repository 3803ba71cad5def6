//! Answers first, training in the gaps: never both at once, and nobody waits for ever.
#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

mod common;

use common::*;
use engine::EngineOptions;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

/// Asks again and again until it is told to stop; counts the answers.
fn load(engine: &engine::Engine, stop: &AtomicBool, answered: &AtomicUsize) {
    let mut seed = 0;
    while !stop.load(Ordering::Relaxed) {
        // Two at once: there is always something to answer.
        let two = [0, 1].map(|n| engine.generate(greedy(prompt(seed + n, 20), 50)).unwrap());
        two.into_iter().for_each(|answer| assert!(Answer::collect(answer).failed.is_none()));
        answered.fetch_add(2, Ordering::Relaxed);
        seed += 2;
    }
}

#[test]
fn the_engine_computes_nothing_during_a_turn_of_training() {
    let engine = reference_engine(&tiny("llama"), EngineOptions::default());
    let mut gaps = engine.gaps();
    gaps.next(&|| false);
    let answer = engine.generate(greedy(prompt(1, 20), 10)).unwrap();
    thread::sleep(Duration::from_millis(100));
    assert_eq!(engine.stats().steps_total, 0);
    gaps.leave();
    assert_eq!(Answer::collect(answer).ids().len(), 10);
    assert!(engine.stats().steps_total >= 10);
}

#[test]
fn training_waits_while_there_is_something_to_answer() {
    let engine = reference_engine(&tiny("llama"), EngineOptions::default());
    let mut gaps = engine.gaps();
    for round in 0..5 {
        let answer = engine.generate(greedy(prompt(round, 30), 60)).unwrap();
        gaps.next(&|| false);
        let stats = engine.stats();
        assert_eq!((stats.running, stats.waiting), (0, 0), "round {round}");
        assert_eq!(Answer::collect(answer).ids().len(), 60, "round {round}");
        gaps.leave();
    }
}

#[test]
fn nobody_waits_for_ever_under_constant_load() {
    let engine = reference_engine(&tiny("llama"), EngineOptions::default());
    let (stop, answered) = (AtomicBool::new(false), AtomicUsize::new(0));
    thread::scope(|scope| {
        scope.spawn(|| load(&engine, &stop, &answered));
        let mut gaps = engine.gaps();
        for _ in 0..2 {
            while engine.stats().running < 2 {
                thread::yield_now();
            }
            let before = answered.load(Ordering::Relaxed);
            gaps.next(&|| false); // the test ends only if this does
            let steps = engine.stats().steps_total;
            thread::sleep(Duration::from_millis(20));
            assert_eq!(engine.stats().steps_total, steps, "it is training's turn");
            gaps.leave();
            while answered.load(Ordering::Relaxed) <= before {
                thread::yield_now();
            }
        }
        stop.store(true, Ordering::Relaxed);
    });
}

#[test]
fn a_run_in_a_hurry_waits_for_one_step_only() {
    let engine = reference_engine(&tiny("llama"), EngineOptions::default());
    let answer = engine.generate(greedy(prompt(1, 20), 900)).unwrap();
    while engine.stats().generated_tokens_total == 0 {
        thread::yield_now();
    }
    let mut gaps = engine.gaps();
    gaps.next(&|| true);
    assert_eq!(engine.stats().running, 1, "the answer is not done");
    drop(gaps); // gives the turn back
    assert_eq!(Answer::collect(answer).ids().len(), 900);
}

#[test]
fn an_engine_ends_although_training_waits() {
    let engine = reference_engine(&tiny("llama"), EngineOptions::default());
    let mut gaps = engine.gaps();
    let _answer = engine.generate(greedy(prompt(1, 20), 900)).unwrap();
    let waiting = thread::spawn(move || {
        gaps.next(&|| false);
        gaps.next(&|| false);
    });
    drop(engine);
    waiting.join().unwrap();
}
