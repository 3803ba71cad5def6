//! What a request hears, when it is accepted, who goes first, and what happens when something breaks.
#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

mod common;

use common::*;
use engine::{
    Engine, EngineError, EngineOptions, Event, FinishReason, Generation, Request, Sampling, SubmitError,
};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Barrier, Mutex, mpsc};

fn one_at_a_time(queue: usize) -> EngineOptions {
    EngineOptions { sequences: 1, queue, ..EngineOptions::default() }
}

/// A request that runs until it is stopped, once it has begun.
fn busy(engine: &Engine) -> Generation {
    let mut generation = engine.generate(greedy(prompt(99, 4), CONTEXT - 4)).unwrap();
    generation.find(|event| matches!(event, Event::Token { .. })).unwrap();
    generation
}

#[test]
fn events_come_in_order_and_add_up() {
    let model = tiny("llama");
    let engine = reference_engine(&model, EngineOptions::default());
    let answer = run(&engine, greedy(prompt(1, 700), 25));
    let done: Vec<usize> = answer.prefill.iter().map(|&(done, _)| done).collect();
    assert_eq!(done, [512, 700], "a long prompt goes in large chunks when nobody else is there");
    assert_eq!(answer.tokens.len(), 25);
    assert_eq!(answer.reason(), FinishReason::Length);
    let usage = answer.usage();
    assert_eq!((usage.prompt_tokens, usage.cached_tokens, usage.completion_tokens), (700, 0, 25));
    let stats = engine.stats();
    assert_eq!((stats.requests_total, stats.prompt_tokens_total, stats.generated_tokens_total), (1, 700, 25));
    assert_idle(&stats);
}

#[test]
fn text_is_the_tokens_text() {
    let model = tiny("qwen2");
    for seed in 0..8 {
        let mut request = greedy(prompt(seed, 20), 200);
        request.sampling = Sampling { temperature: 1.5, seed: Some(seed), top_k: 0, ..Default::default() };
        let answer = alone(&model, &request);
        let bytes: Vec<u8> = model.tokenizer.decode(&answer.ids(), true).into_bytes();
        assert_eq!(answer.text.as_bytes(), bytes, "streamed and whole");
    }
}

#[test]
fn an_answer_ends_before_a_stop_string() {
    let model = tiny("llama");
    let mut request = greedy(prompt(2, 20), 60);
    let free = alone(&model, &request).text;
    let middle = (free.len() / 2..).find(|&i| free.is_char_boundary(i)).unwrap();
    let end = (middle + 3..).find(|&i| free.is_char_boundary(i)).unwrap();
    let stop = &free[middle..end];
    request.stop = vec!["never in there".into(), stop.into()];
    let answer = alone(&model, &request);
    assert_eq!(answer.text, free[..free.find(stop).unwrap()]);
    assert_eq!(answer.reason(), FinishReason::Stop);
    assert!(answer.tokens.len() < 60);
}

#[test]
fn an_end_token_ends_the_answer_unless_ignored() {
    let model = tiny("llama");
    let end = (0..model.info.vocab_size as u32).find(|&id| model.tokenizer.is_end(id)).unwrap();
    let hot = |seed, ignore_eos| {
        let mut request = greedy(prompt(3, 10), 900);
        request.sampling = Sampling {
            temperature: 5.0,
            top_k: 0,
            top_p: 1.0,
            min_p: 0.0,
            seed: Some(seed),
            ..Default::default()
        };
        request.ignore_eos = ignore_eos;
        alone(&model, &request)
    };
    let answer = hot(1, false);
    assert_eq!(answer.reason(), FinishReason::Stop);
    assert!(
        answer.ids().iter().all(|&id| !model.tokenizer.is_end(id)),
        "the end token is no part of the answer"
    );
    assert_eq!(answer.usage().completion_tokens, answer.tokens.len());
    let ignoring = hot(1, true);
    assert_eq!(ignoring.tokens.len(), 900);
    assert_eq!(ignoring.ids()[..answer.tokens.len()], answer.ids());
    assert!(model.tokenizer.is_end(ignoring.ids()[answer.tokens.len()]), "{end} or another end token");
}

#[test]
fn an_answer_ends_with_the_context() {
    let model = tiny("qwen3");
    let engine = reference_engine(&model, EngineOptions { context: Some(100), ..EngineOptions::default() });
    assert_eq!(engine.context(), 100);
    let request = Request { max_tokens: None, ..greedy(prompt(4, 90), 0) };
    let answer = run(&engine, request);
    assert_eq!((answer.reason(), answer.tokens.len()), (FinishReason::Length, 10));
    let fits_exactly = run(&engine, greedy(prompt(4, 99), 1));
    assert_eq!((fits_exactly.reason(), fits_exactly.tokens.len()), (FinishReason::Length, 1));
    let nothing = run(&engine, greedy(prompt(4, 50), 0));
    assert_eq!((nothing.reason(), nothing.tokens.len()), (FinishReason::Length, 0));
}

#[test]
fn probabilities_are_reported() {
    let model = tiny("llama");
    let mut request = greedy(prompt(5, 20), 10);
    request.logprobs = Some(400);
    for info in alone(&model, &request).tokens {
        assert_eq!(info.top.len(), model.info.vocab_size, "as many as there are");
        let sum: f64 = info.top.iter().map(|top| f64::from(top.logprob).exp()).sum();
        assert!((sum - 1.0).abs() < 1e-4, "{sum}");
        assert_eq!(
            (info.top[0].id, Some(info.top[0].logprob)),
            (info.id, info.logprob),
            "greedy takes the best"
        );
        assert!(info.top.is_sorted_by(|a, b| a.logprob >= b.logprob));
    }
    request.logprobs = None;
    assert!(alone(&model, &request).tokens.iter().all(|info| info.logprob.is_none() && info.top.is_empty()));
}

#[test]
fn what_cannot_be_done_is_refused_at_once() {
    let model = tiny("llama");
    let engine = reference_engine(&model, EngineOptions { context: Some(128), ..EngineOptions::default() });
    let refusal = |request| engine.generate(request).map(|_| ()).unwrap_err();
    assert!(matches!(refusal(greedy(vec![], 5)), SubmitError::EmptyPrompt));
    let vocab = model.info.vocab_size;
    assert!(
        matches!(refusal(greedy(vec![vocab as u32], 5)), SubmitError::UnknownToken { id, vocab: v } if id as usize == vocab && v == vocab)
    );
    for request in [
        greedy(prompt(1, 128), 1),
        greedy(prompt(1, 100), 29),
        Request { max_tokens: None, ..greedy(prompt(1, 128), 0) },
        greedy(prompt(1, 10), usize::MAX),
    ] {
        assert!(matches!(refusal(request), SubmitError::ContextLengthExceeded { context: 128, .. }));
    }
    let mut request = greedy(prompt(1, 10), 5);
    request.sampling.temperature = f32::NAN;
    assert!(matches!(refusal(request), SubmitError::Sampling { field: "temperature", .. }));
    assert_eq!(engine.stats().requests_total, 0);
}

#[test]
fn options_without_meaning_are_refused() {
    let model = tiny("llama");
    let start = |options| Engine::start(model.clone(), options).map(|_| ()).unwrap_err();
    let default = EngineOptions::default;
    assert!(matches!(
        start(EngineOptions { sequences: 0, ..default() }),
        EngineError::Option { option: "sequences", .. }
    ));
    assert!(matches!(
        start(EngineOptions { threads: Some(0), ..default() }),
        EngineError::Option { option: "threads", .. }
    ));
    assert!(matches!(start(EngineOptions { prefill_chunk: 0, ..default() }), EngineError::Option { .. }));
    assert!(matches!(
        start(EngineOptions { context: Some(CONTEXT + 1), ..default() }),
        EngineError::Context { .. }
    ));
    assert!(matches!(
        start(EngineOptions { kv_bytes: Some(1000), ..default() }),
        EngineError::CacheTooSmall { given: 1000, .. }
    ));
    let q8 = EngineOptions { kv_format: kernels::KvFormat::Q8_0, ..default() };
    assert!(matches!(start(q8), EngineError::CacheFormat { head_dim: 16 }));
}

#[test]
fn a_full_queue_refuses() {
    let model = tiny("llama");
    let engine = reference_engine(&model, one_at_a_time(2));
    let running = busy(&engine);
    let waiting: Vec<_> = (0..2).map(|i| engine.generate(greedy(prompt(i, 10), 3)).unwrap()).collect();
    let full = engine.generate(greedy(prompt(5, 10), 3)).map(|_| ()).unwrap_err();
    assert!(matches!(full, SubmitError::Busy { waiting: 2 }), "{full}");
    assert_eq!((engine.stats().running, engine.stats().waiting), (1, 2));
    drop(running);
    for generation in waiting {
        assert_eq!(Answer::collect(generation).tokens.len(), 3);
    }
    assert_eq!(run(&engine, greedy(prompt(6, 10), 3)).tokens.len(), 3, "there is room again");
}

#[test]
fn first_come_first_served() {
    let model = tiny("llama");
    let engine = reference_engine(&model, one_at_a_time(20));
    let running = busy(&engine);
    let (sender, ends) = mpsc::channel();
    for i in 0..20 {
        let sender = sender.clone();
        let on_event = move |event| {
            if let Event::Done { .. } = event {
                sender.send(i).unwrap();
            }
        };
        engine.submit(greedy(prompt(i, 10 + 7 * (i as usize % 5)), 4), on_event).unwrap().detach();
    }
    drop((running, sender));
    assert_eq!(ends.iter().collect::<Vec<_>>(), Vec::from_iter(0..20));
}

#[test]
fn a_long_prompt_delays_an_answer_by_no_more_than_a_chunk() {
    let model = tiny("llama");
    let rows = Arc::new(Mutex::new(Vec::new()));
    let device = Watched {
        before: {
            let rows = rows.clone();
            move |op| {
                if let Op::Embed(count) = op {
                    rows.lock().unwrap().push(count);
                }
            }
        },
    };
    let options = EngineOptions { prefill_chunk: 32, ..EngineOptions::default() };
    let engine = Engine::start_on(model, Box::new(device), options).unwrap();
    let answering = busy(&engine);
    rows.lock().unwrap().clear();
    run(&engine, greedy(prompt(1, 600), 2));
    let steps = rows.lock().unwrap().clone();
    assert!(steps.iter().all(|&rows| rows <= 33), "{steps:?}");
    assert!(steps.iter().filter(|&&rows| rows == 33).count() >= 17, "{steps:?}");
    drop(answering);
}

#[test]
fn many_threads_submit() {
    let model = tiny("llama");
    let engine =
        Arc::new(reference_engine(&model, EngineOptions { queue: 1000, ..EngineOptions::default() }));
    let expected: Vec<_> = (0..4).map(|i| alone(&model, &greedy(prompt(i, 30), 8)).tokens).collect();
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let (engine, expected) = (&engine, &expected);
            scope.spawn(move || {
                for i in 0..25 {
                    let seed = (thread + i) % 4;
                    let answer = run(engine, greedy(prompt(seed as u64, 30), 8));
                    assert_eq!(answer.tokens, expected[seed]);
                }
            });
        }
    });
    let stats = engine.stats();
    assert_eq!((stats.requests_total, stats.generated_tokens_total), (200, 1600));
    assert_idle(&stats);
}

#[test]
fn dropping_the_engine_fails_what_runs_and_waits() {
    let model = tiny("llama");
    let engine = reference_engine(&model, one_at_a_time(5));
    let running = busy(&engine);
    let waiting: Vec<_> = (0..3).map(|i| engine.generate(greedy(prompt(i, 10), 3)).unwrap()).collect();
    drop(engine);
    for generation in waiting.into_iter().chain([running]) {
        assert_eq!(generation.last().map(|e| matches!(e, Event::Failed(_))), Some(true));
    }
}

#[test]
fn the_engine_may_be_dropped_by_its_own_listener() {
    let model = tiny("llama");
    let engine = Arc::new(Mutex::new(Some(reference_engine(&model, EngineOptions::default()))));
    let (sender, ended) = mpsc::channel();
    let held = engine.clone();
    let ready = Arc::new(Barrier::new(2));
    let on_event = {
        let ready = ready.clone();
        let mut first = true;
        move |event| {
            if std::mem::take(&mut first) {
                ready.wait();
                drop(held.lock().unwrap().take());
            }
            if matches!(event, Event::Failed(_) | Event::Done { .. }) {
                sender.send(()).unwrap();
            }
        }
    };
    engine.lock().unwrap().as_ref().unwrap().submit(greedy(prompt(1, 10), 500), on_event).unwrap().detach();
    ready.wait();
    ended.recv().unwrap();
}

#[test]
fn a_panic_in_a_step_fails_its_requests_only() {
    let model = tiny("llama");
    let bad = Arc::new(AtomicUsize::new(usize::MAX));
    let device = Watched {
        before: {
            let bad = bad.clone();
            move |op| {
                if matches!(op, Op::Attend) && bad.fetch_sub(1, SeqCst) == 0 {
                    panic!("a test breaks the device");
                }
            }
        },
    };
    let engine = Engine::start_on(model.clone(), Box::new(device), EngineOptions::default()).unwrap();
    let request = greedy(prompt(1, 100), 20);
    let expected = run(&engine, request.clone());
    bad.store(15, SeqCst);
    let broken = run(&engine, request.clone());
    assert!(broken.failed.is_some() && !broken.tokens.is_empty(), "it failed on its way");
    assert_idle(&engine.stats());
    assert_eq!(engine.stats().failed_total, 1);
    assert_eq!(run(&engine, request).tokens, expected.tokens, "the engine goes on");
}

#[test]
fn a_listener_that_panics_loses_only_its_own_answer() {
    let model = tiny("llama");
    let engine = reference_engine(&model, EngineOptions::default());
    let other = engine.generate(greedy(prompt(2, 10), 100)).unwrap();
    let mut count = 0;
    let on_event = move |_| {
        count += 1;
        assert!(count < 5, "a test breaks its listener");
    };
    engine.submit(greedy(prompt(1, 10), 500), on_event).unwrap().detach();
    assert_eq!(Answer::collect(other).tokens.len(), 100);
    assert_eq!(run(&engine, greedy(prompt(3, 10), 5)).tokens.len(), 5);
    while engine.stats().running > 0 {
        std::thread::yield_now();
    }
    assert_eq!(engine.stats().cancelled_total, 1);
    assert_idle(&engine.stats());
}
