//! Requests that nobody waits for: they give way to all others, and lose nothing by it.
#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

mod common;

use common::*;
use engine::{Engine, EngineOptions, Event, Generation, Request, SubmitError};
use std::sync::{Arc, Mutex, mpsc};

fn quiet(seed: u64, tokens: usize) -> Request {
    Request { background: true, ..greedy(prompt(seed, 30), tokens) }
}

fn begun(mut generation: Generation) -> Generation {
    generation.find(|event| matches!(event, Event::Token { .. })).unwrap();
    generation
}

#[test]
fn an_answer_stands_still_while_another_is_given_and_comes_out_the_same() {
    let model = tiny("llama");
    let engine = reference_engine(&model, EngineOptions::default());
    let heard: Arc<Mutex<Vec<&str>>> = Arc::default();
    let (sender, ends) = mpsc::channel();
    let listener = |name: &'static str| {
        let (heard, sender, mut events) = (heard.clone(), sender.clone(), Vec::new());
        move |event| {
            if let Event::Token { .. } = event {
                heard.lock().unwrap().push(name);
            }
            events.push(event);
            if let Some(Event::Done { .. }) = events.last() {
                sender.send((name, Answer::collect(events.drain(..)))).unwrap();
            }
        }
    };
    engine.submit(quiet(1, 900), listener("quiet")).unwrap().detach();
    while engine.stats().generated_tokens_total < 5 {
        std::thread::yield_now();
    }
    // There are places for four, and still it does not share.
    engine.submit(greedy(prompt(2, 30), 40), listener("loud")).unwrap().detach();
    for (expected, request) in [("loud", greedy(prompt(2, 30), 40)), ("quiet", quiet(1, 900))] {
        let (name, answer) = ends.recv().unwrap();
        assert_eq!(name, expected);
        assert_eq!(answer.tokens, alone(&model, &request).tokens, "{name}");
    }
    let heard = heard.lock().unwrap();
    let first = heard.iter().position(|name| *name == "loud").unwrap();
    assert!(first >= 5);
    assert_eq!(heard[first..first + 40], ["loud"; 40], "one after another");
    assert!(heard[first + 40..].len() > 100, "the other was in its middle");
    assert_idle(&engine.stats());
}

#[test]
fn several_give_way_at_once_and_go_on_in_their_order() {
    let model = tiny("qwen2");
    let engine = reference_engine(&model, EngineOptions { sequences: 2, ..EngineOptions::default() });
    let (sender, ends) = mpsc::channel();
    for i in 0..5 {
        let sender = sender.clone();
        let on_event = move |event| {
            if let Event::Done { .. } = event {
                sender.send(i).unwrap();
            }
        };
        engine.submit(quiet(i, 200 + 10 * i as usize), on_event).unwrap().detach();
    }
    while engine.stats().generated_tokens_total < 5 {
        std::thread::yield_now();
    }
    assert_eq!(run(&engine, greedy(prompt(9, 30), 20)).tokens.len(), 20);
    assert!(engine.stats().preempted_total >= 2, "{:?}", engine.stats());
    drop(sender);
    assert_eq!(ends.iter().collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
    assert_idle(&engine.stats());
}

#[test]
fn none_is_refused_as_too_many_and_none_takes_a_place_in_the_queue() {
    let options = EngineOptions { sequences: 1, queue: 1, ..EngineOptions::default() };
    let engine = reference_engine(&tiny("llama"), options);
    let loud = |seed| engine.generate(greedy(prompt(seed, 30), 600));
    let running = begun(loud(1).unwrap());
    let quiet: Vec<_> = (0..5).map(|seed| engine.generate(quiet(seed, 3)).unwrap()).collect();
    let waiting = loud(2).unwrap();
    let refused = loud(3).map(drop);
    assert!(matches!(refused, Err(SubmitError::Busy { waiting: 1 })), "{refused:?}");
    drop((running, waiting));
    for generation in quiet {
        assert_eq!(Answer::collect(generation).tokens.len(), 3);
    }
}

#[test]
fn a_step_is_given_up_within_a_layer() {
    let (device, ops, permits) = by_hand();
    let engine = Engine::start_on(tiny("llama"), Box::new(device), EngineOptions::default()).unwrap();
    let quiet = engine.generate(Request { background: true, ..greedy(prompt(1, 500), 10) }).unwrap();
    assert!(matches!(ops.recv().unwrap(), Op::Embed(500)));
    permits.send(()).unwrap();
    assert!(matches!(ops.recv().unwrap(), Op::Linear), "the first layer has begun");
    let loud = engine.generate(greedy(prompt(2, 20), 10)).unwrap();
    (0..100_000).for_each(|_| permits.send(()).unwrap());
    let more = ops.iter().take_while(|op| !matches!(op, Op::Embed(20))).count();
    assert!(more <= 4, "{more} operations: the rest of one layer and no more");
    drop((ops, permits));
    assert_eq!(Answer::collect(loud).tokens.len(), 10);
    assert_eq!(Answer::collect(quiet).tokens, alone(&tiny("llama"), &greedy(prompt(1, 500), 10)).tokens);
}
