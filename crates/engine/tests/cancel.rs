//! A request that nobody wants any more makes room at once, wherever it is.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test ends at the first surprise, and tells what it measured"
)]

mod common;

use common::*;
use engine::{Engine, EngineOptions, Event, FinishReason, Ticket};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, Weak, mpsc};
use std::time::{Duration, Instant};

/// A thousand requests, cancelled at random moments by `cancel()` or by dropping the ticket. Returns how long
/// each took from there to its last event, when its place and blocks are free.
fn cancel_a_thousand(engine: &Engine, spread: Duration) -> (Vec<Duration>, usize) {
    let mut waits = Vec::new();
    let mut completed = 0;
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8u64)
            .map(|thread| {
                scope.spawn(move || {
                    let mut results = Vec::new();
                    for (i, random) in prompt(thread, 125).into_iter().enumerate() {
                        let (sender, ended) = mpsc::channel();
                        let on_event = move |event| {
                            if let Event::Done { reason, .. } = event {
                                sender.send((Instant::now(), reason)).unwrap();
                            }
                        };
                        let length = [5, 80, 400, 900][i % 4];
                        let request = greedy(prompt(u64::from(random), length), 100);
                        let ticket = engine.submit(request, on_event).unwrap();
                        std::thread::sleep(spread * random / 250);
                        let asked = Instant::now();
                        if random % 2 == 0 {
                            ticket.cancel();
                        } else {
                            drop(ticket);
                        }
                        let (end, reason) = ended.recv_timeout(Duration::from_secs(60)).expect("it ends");
                        results.push((end.saturating_duration_since(asked), reason));
                    }
                    results
                })
            })
            .collect();
        for (wait, reason) in threads.into_iter().flat_map(|thread| thread.join().unwrap()) {
            match reason {
                FinishReason::Cancelled => waits.push(wait),
                _ => completed += 1,
            }
        }
    });
    waits.sort();
    (waits, completed)
}

/// Prints what was measured and checks that nothing leaked.
fn report(what: &str, engine: &Engine, (waits, completed): (Vec<Duration>, usize)) {
    let at = |share: f64| waits[((waits.len() - 1) as f64 * share) as usize];
    let (p50, p99, max) = (at(0.5), at(0.99), at(1.0));
    println!(
        "{what}: {} cancels, p50 {p50:?}, p99 {p99:?}, max {max:?}; {completed} were done before",
        waits.len()
    );
    let stats = engine.stats();
    assert_eq!(waits.len() + completed, 1000);
    assert_eq!(stats.cancelled_total, waits.len() as u64);
    assert_idle(&stats);
    assert!(waits.len() > 500, "most were cancelled on their way");
    assert!(max < Duration::from_secs(20), "{max:?}");
}

#[test]
fn a_thousand_cancels_leak_nothing() {
    let model = tiny("llama");
    let expected =
        run(&reference_engine(&model, EngineOptions::default()), greedy(prompt(1, 300), 20)).tokens;
    // 16 blocks for one sequence of 1,024; four of them at once have to give way to each other.
    let shape = model.kv_shape(kernels::KvFormat::F16);
    let options = EngineOptions { kv_bytes: Some(30 * shape.block_bytes()), ..EngineOptions::default() };
    let engine = Engine::start(model, options).unwrap();
    report("tiny model", &engine, cancel_a_thousand(&engine, Duration::from_millis(20)));
    assert_eq!(run(&engine, greedy(prompt(1, 300), 20)).ids().len(), expected.len());
}

/// The same where one operation takes as long as in a model of some billions of weights.
#[test]
fn a_slow_model_is_left_within_a_layer() {
    let device = Watched {
        before: |op| {
            if !matches!(op, Op::Embed(_)) {
                std::thread::sleep(Duration::from_millis(3));
            }
        },
    };
    let engine = Engine::start_on(tiny("llama"), Box::new(device), EngineOptions::default()).unwrap();
    report("slow model", &engine, cancel_a_thousand(&engine, Duration::from_millis(60)));
}

#[test]
fn prefill_is_given_up_at_the_next_layer() {
    let (device, ops, permits) = by_hand();
    let engine = Engine::start_on(tiny("llama"), Box::new(device), EngineOptions::default()).unwrap();
    let generation = engine.generate(greedy(prompt(1, 500), 10)).unwrap();
    assert!(matches!(ops.recv().unwrap(), Op::Embed(500)));
    permits.send(()).unwrap();
    assert!(matches!(ops.recv().unwrap(), Op::Linear), "the first layer has begun");
    generation.cancel();
    (0..1000).for_each(|_| permits.send(()).unwrap());
    let answer = Answer::collect(generation);
    assert_eq!((answer.reason(), answer.tokens.len()), (FinishReason::Cancelled, 0));
    let more = ops.try_iter().count();
    assert!(more <= 4, "{more} operations: the rest of one layer and no more");
    assert_idle(&engine.stats());
    drop((ops, permits));
}

/// An editor that asks anew with every key must not keep a conversation from going on.
#[test]
fn cancelling_in_every_step_does_not_starve_the_others() {
    let steps = Arc::new(AtomicUsize::new(0));
    let engine: Arc<Mutex<Weak<Engine>>> = Arc::default();
    let victim: Mutex<Option<Ticket>> = Mutex::default();
    let device = Watched {
        before: {
            let (steps, engine) = (steps.clone(), engine.clone());
            move |op| {
                // At the start of each step the last request is cancelled and a new one comes.
                if matches!(op, Op::Embed(_)) && steps.fetch_add(1, SeqCst) < 1000 {
                    let engine = engine.lock().unwrap().upgrade();
                    let new = engine.and_then(|engine| engine.submit(greedy(prompt(2, 40), 5), |_| {}).ok());
                    *victim.lock().unwrap() = new;
                }
            }
        },
    };
    let running =
        Arc::new(Engine::start_on(tiny("llama"), Box::new(device), EngineOptions::default()).unwrap());
    *engine.lock().unwrap() = Arc::downgrade(&running);
    let (sender, done) = mpsc::channel();
    let on_event = move |event| {
        if let Event::Done { usage, .. } = event {
            sender.send((usage.completion_tokens, steps.load(SeqCst))).unwrap();
        }
    };
    running.submit(greedy(prompt(1, 10), 100), on_event).unwrap().detach();
    let (tokens, steps) = done.recv().unwrap();
    assert_eq!(tokens, 100);
    assert!(steps <= 210, "{steps} steps for 100 tokens: more than every second step was wasted");
}

#[test]
fn a_cancelled_request_leaves_the_queue() {
    let engine = reference_engine(
        &tiny("llama"),
        EngineOptions { sequences: 1, queue: 1, ..EngineOptions::default() },
    );
    let mut running = engine.generate(greedy(prompt(1, 4), 900)).unwrap();
    running.find(|event| matches!(event, Event::Token { .. })).unwrap();
    let waiting = engine.generate(greedy(prompt(2, 4), 5)).unwrap();
    assert_eq!(engine.stats().waiting, 1);
    waiting.cancel();
    assert_eq!(engine.stats().waiting, 0);
    let next = engine.generate(greedy(prompt(3, 4), 5)).expect("its place is free");
    let cancelled = Answer::collect(waiting);
    assert_eq!((cancelled.reason(), cancelled.tokens.len()), (FinishReason::Cancelled, 0));
    drop(running);
    assert_eq!(Answer::collect(next).tokens.len(), 5);
    assert_idle(&engine.stats());
}

#[test]
fn a_detached_request_runs_to_its_end() {
    let engine = reference_engine(&tiny("llama"), EngineOptions::default());
    let (sender, events) = mpsc::channel();
    engine.submit(greedy(prompt(1, 10), 50), move |event| sender.send(event).unwrap()).unwrap().detach();
    assert_eq!(Answer::collect(events.iter()).tokens.len(), 50);
}

#[test]
fn what_a_cancelled_request_computed_is_not_lost() {
    let model = tiny("llama");
    let engine = reference_engine(&model, EngineOptions::default());
    let mut generation = engine.generate(greedy(prompt(1, 210), 800)).unwrap();
    generation.find(|event| matches!(event, Event::Token { .. })).unwrap();
    generation.cancel();
    Answer::collect(generation);
    let again = run(&engine, greedy(prompt(1, 210), 10));
    assert_eq!(again.usage().cached_tokens, 209);
    assert_eq!(again.tokens, alone(&model, &greedy(prompt(1, 210), 10)).tokens);
}
