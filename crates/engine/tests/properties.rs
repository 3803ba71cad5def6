//! However requests are cut, batched, cached and interrupted, the answers are those that each gets alone.
#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

mod common;

use common::*;
use engine::{Engine, EngineOptions, Event, Model, Sampling};
use kernels::KV_BLOCK;
use std::sync::{Arc, mpsc};

/// Small chunks, so that prompts are cut.
fn options() -> EngineOptions {
    EngineOptions { prefill_chunk: 16, ..EngineOptions::default() }
}

/// A cache of so many blocks, for sequences of `context` tokens.
fn cache_of(model: &Model, blocks: usize, context: usize) -> EngineOptions {
    let kv_bytes = Some(blocks * model.kv_shape(EngineOptions::default().kv_format).block_bytes());
    EngineOptions { kv_bytes, context: Some(context), ..options() }
}

#[test]
fn a_batch_equals_single_runs() {
    for name in ARCHITECTURES {
        let model = tiny(name);
        let requests: Vec<_> = (0..4).map(|i| greedy(prompt(i, 5 + 70 * i as usize), 40)).collect();
        let expected: Vec<_> = requests.iter().map(|request| alone(&model, request)).collect();
        let engine = reference_engine(&model, options());
        let running: Vec<_> =
            requests.iter().map(|request| engine.generate(request.clone()).unwrap()).collect();
        for (generation, expected) in running.into_iter().zip(expected) {
            assert_eq!(Answer::collect(generation).tokens, expected.tokens, "{name}");
        }
        let steps = engine.stats().steps_total;
        assert!(steps < 100, "{steps} steps: the sequences were not computed together");
    }
}

#[test]
fn a_prompt_in_chunks_equals_a_whole_one() {
    for name in ARCHITECTURES {
        let model = tiny(name);
        let long = greedy(prompt(1, 300), 20);
        let expected = alone(&model, &long);
        assert_eq!(expected.prefill, [(300, 300)], "alone it goes in whole");

        let engine = reference_engine(&model, options());
        let mut other = engine.generate(greedy(prompt(2, 4), 900)).unwrap();
        other.find(|event| matches!(event, Event::Token { .. })).unwrap();
        let answer = run(&engine, long);
        assert!(answer.prefill.len() >= 300 / 16, "{:?}", answer.prefill);
        assert_eq!(answer.tokens, expected.tokens, "{name}");
    }
}

#[test]
fn a_known_prefix_changes_nothing() {
    for name in ARCHITECTURES {
        let model = tiny(name);
        let engine = reference_engine(&model, options());
        let first = greedy(prompt(3, 210), 30);
        let cold = run(&engine, first.clone());
        assert_eq!(cold.usage().cached_tokens, 0);
        let warm = run(&engine, first.clone());
        assert_eq!(warm.usage().cached_tokens, 209, "all but the last token");
        assert_eq!(warm.tokens, cold.tokens, "{name}");

        // The conversation goes on: prompt, answer, and more. The answer's last token was never computed.
        let mut next = first.clone();
        next.prompt.extend(cold.ids());
        next.prompt.extend(prompt(4, 50));
        let follow = run(&engine, next.clone());
        assert_eq!(follow.usage().cached_tokens, 239);
        assert_eq!(follow.tokens, alone(&model, &next).tokens, "{name}");

        // Another text that parts from the first in the middle of a block.
        let mut fork = first;
        fork.prompt.truncate(100);
        fork.prompt.extend(prompt(5, 60));
        let forked = run(&engine, fork.clone());
        assert_eq!(forked.usage().cached_tokens, 100);
        assert_eq!(forked.tokens, alone(&model, &fork).tokens, "{name}");
    }
}

#[test]
fn a_prefix_is_shared_while_it_is_in_use() {
    let model = tiny("llama");
    let engine = reference_engine(&model, options());
    let shared = prompt(6, 2 * KV_BLOCK);
    let mut holder = engine.generate(greedy(shared.clone(), 800)).unwrap();
    holder.find(|event| matches!(event, Event::Token { .. })).unwrap();
    let mut request = greedy(shared, 10);
    request.prompt.extend(prompt(7, 20));
    let answer = run(&engine, request.clone());
    assert_eq!(answer.usage().cached_tokens, 2 * KV_BLOCK);
    assert_eq!(answer.tokens, alone(&model, &request).tokens);
}

#[test]
fn a_cache_that_is_too_small_changes_nothing() {
    for name in ARCHITECTURES {
        let model = tiny(name);
        // Each needs 4 blocks at its end; together they get 5.
        let requests: Vec<_> = (0..4).map(|i| greedy(prompt(i, 20 + 9 * i as usize), 200)).collect();
        let engine = reference_engine(&model, cache_of(&model, 5, 256));
        let (sender, finished) = mpsc::channel();
        for (i, request) in requests.iter().enumerate() {
            let (sender, mut events) = (sender.clone(), Vec::new());
            let on_event = move |event| {
                let last = matches!(event, Event::Done { .. } | Event::Failed(_));
                events.push(event);
                if last {
                    sender.send((i, Answer::collect(events.drain(..)))).unwrap();
                }
            };
            engine.submit(request.clone(), on_event).unwrap().detach();
        }
        drop(sender);
        let mut order = Vec::new();
        for (i, answer) in finished {
            assert_eq!(answer.tokens, alone(&model, &requests[i]).tokens, "{name}");
            assert_eq!(answer.usage().cached_tokens, 0, "what comes back after giving way is not a saving");
            assert_eq!(answer.prefill.iter().filter(|(done, total)| done == total).count(), 1, "heard once");
            order.push(i);
        }
        assert_eq!(order, [0, 1, 2, 3], "the younger give way to the older");
        let stats = engine.stats();
        assert!(stats.preempted_total > 0, "{stats:?}");
        assert_eq!(stats.total_blocks, 5);
        assert_eq!(stats.generated_tokens_total, 800, "no token was generated twice");
        assert_idle(&stats);
    }
}

#[test]
fn old_texts_make_room_for_new_ones() {
    let model = tiny("qwen2");
    let engine = reference_engine(&model, cache_of(&model, 4, 256));
    for i in 0..10 {
        let request = greedy(prompt(i % 3, 150), 20);
        assert_eq!(run(&engine, request.clone()).tokens, alone(&model, &request).tokens);
        assert_idle(&engine.stats());
    }
}

/// On the processor's own kernels, bit for bit: the tokens and their probabilities.
#[test]
fn threads_do_not_change_the_answer() {
    for name in ARCHITECTURES {
        let model = tiny(name);
        let answers = [1, 2, 3].map(|threads| {
            let engine =
                Engine::start(model.clone(), EngineOptions { threads: Some(threads), ..options() }).unwrap();
            run(&engine, greedy(prompt(8, 150), 60))
        });
        assert_eq!(answers[0].tokens, answers[1].tokens, "{name}: 1 and 2 threads");
        assert_eq!(answers[0].tokens, answers[2].tokens, "{name}: 1 and 3 threads");
    }
}

/// The processor's kernels choose the same tokens however the work is cut.
#[test]
fn batches_and_prefixes_agree_on_the_processor() {
    for name in ARCHITECTURES {
        let model = tiny(name);
        let start = || Engine::start(model.clone(), EngineOptions { threads: Some(2), ..options() }).unwrap();
        let requests: Vec<_> = (0..4).map(|i| greedy(prompt(i, 5 + 70 * i as usize), 40)).collect();
        let expected: Vec<_> = requests.iter().map(|request| run(&start(), request.clone())).collect();
        let engine = start();
        for round in ["together", "from the cache"] {
            let running: Vec<_> =
                requests.iter().map(|request| engine.generate(request.clone()).unwrap()).collect();
            for (generation, expected) in running.into_iter().zip(&expected) {
                same_words(&Answer::collect(generation), expected, &format!("{name}, {round}"));
            }
        }
    }
}

/// Equal tokens, up to a place where two of them were equally likely within the kernels' rounding.
fn same_words(answer: &Answer, expected: &Answer, what: &str) {
    for (i, (a, b)) in answer.tokens.iter().zip(&expected.tokens).enumerate() {
        let apart = (a.logprob.unwrap() - b.logprob.unwrap()).abs();
        assert!(apart < 0.05, "{what}: token {i}, {a:?} and {b:?}");
        if a.id != b.id {
            return;
        }
    }
    assert_eq!(answer.tokens.len(), expected.tokens.len(), "{what}");
}

#[test]
fn a_seed_decides_in_any_company() {
    let model = tiny("llama");
    let mut request = greedy(prompt(9, 30), 60);
    request.sampling =
        Sampling { temperature: 5.0, top_k: 0, min_p: 0.0, seed: Some(42), ..Sampling::default() };
    let expected = alone(&model, &request);
    let engine = reference_engine(&model, options());
    let others: Vec<_> = (0..3).map(|i| engine.generate(greedy(prompt(i, 100), 200)).unwrap()).collect();
    assert_eq!(run(&engine, request.clone()).tokens, expected.tokens);
    drop(others);
    request.sampling.seed = Some(43);
    assert_ne!(alone(&model, &request).ids(), expected.ids(), "another seed, another text");
}

#[test]
fn a_q8_cache_is_close_to_an_f16_one() {
    let model: Arc<Model> = tiny("qwen3");
    let request = greedy(prompt(10, 150), 1);
    let q8 = EngineOptions { kv_format: kernels::KvFormat::Q8_0, ..options() };
    let q8 = run(&reference_engine(&model, q8), request.clone()).tokens[0].logprob.unwrap();
    let f16 = alone(&model, &request).tokens[0].logprob.unwrap();
    assert!((q8 - f16).abs() < 0.1, "{q8} and {f16}");
}
