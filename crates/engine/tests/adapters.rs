//! Adapters beside the base, per request: whatever shares a batch or a cache, each answer is its own.
#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

mod common;

use common::*;
use engine::adapter::{Adapter, Loaded, Lora, Shape, Target, Tensor};
use engine::{Engine, EngineOptions, Event, Model, Request, SubmitError};
use kernels::cpu::{Cpu, CpuOptions};
use std::sync::Arc;

/// An adapter that changes answers: both factors are random.
fn adapter(model: &Model, seed: u64, scale: f32) -> Adapter {
    let config = model.config();
    let shape = Shape { rank: 4, scale, layers: 0..config.layers, targets: Target::ALL.to_vec() };
    let (first, second) = (Adapter::init(config, &shape, seed), Adapter::init(config, &shape, seed + 1000));
    let mut adapter = Adapter::empty(config.layers);
    for ((n, target, lora), (_, _, other)) in first.iter().zip(second.iter()) {
        let (inputs, outputs) = target.shape(config);
        let a = Tensor::from_slice(4, inputs, lora.a.as_slice());
        // Any numbers of this many will do.
        let numbers = other.a.as_slice().iter().cycle().take(4 * outputs).map(|v| v * 3.0);
        let b = Tensor::from_slice(4, outputs, &numbers.collect::<Vec<_>>());
        adapter.set(n, target, Lora { a, b, scale });
    }
    adapter
}

fn with(request: Request, adapter: &Arc<Loaded>) -> Request {
    Request { adapter: Some(adapter.clone()), ..request }
}

fn options() -> EngineOptions {
    EngineOptions { prefill_chunk: 16, ..EngineOptions::default() }
}

#[test]
fn a_batch_of_several_adapters_equals_single_runs() {
    for name in ARCHITECTURES {
        let model = tiny(name);
        let adapters: Vec<_> =
            (0..2).map(|n| Loaded::new(format!("a{n}"), adapter(&model, n, 4.0))).collect();
        // The same prompt for all, so that only the adapters differ.
        let base = greedy(prompt(1, 40), 30);
        let requests =
            [base.clone(), with(base.clone(), &adapters[0]), with(base.clone(), &adapters[1]), base.clone()];
        let expected: Vec<_> = requests.iter().map(|request| alone(&model, request).tokens).collect();
        assert!(
            expected[0] == expected[3] && expected[0] != expected[1] && expected[1] != expected[2],
            "{name}"
        );
        let engine = reference_engine(&model, options());
        let running: Vec<_> = requests.iter().map(|r| engine.generate(r.clone()).unwrap()).collect();
        for (generation, expected) in running.into_iter().zip(expected) {
            assert_eq!(Answer::collect(generation).tokens, expected, "{name}");
        }
    }
}

#[test]
fn the_cache_of_one_adapter_is_not_read_with_another() {
    let model = tiny("llama");
    let adapters: Vec<_> = (0..2).map(|n| Loaded::new(format!("a{n}"), adapter(&model, n, 4.0))).collect();
    let engine = reference_engine(&model, options());
    let base = greedy(prompt(2, 150), 10);
    for request in [base.clone(), with(base.clone(), &adapters[0]), with(base.clone(), &adapters[1])] {
        let expected = alone(&model, &request).tokens;
        let cold = run(&engine, request.clone());
        assert_eq!((cold.usage().cached_tokens, &cold.tokens), (0, &expected));
        let warm = run(&engine, request);
        assert_eq!((warm.usage().cached_tokens, &warm.tokens), (149, &expected));
    }
}

#[test]
fn an_adapter_of_scale_zero_is_the_base_to_the_bit() {
    for name in ARCHITECTURES {
        let model = tiny(name);
        let request = greedy(prompt(3, 60), 40);
        let zero = Loaded::new("zero", adapter(&model, 5, 0.0));
        for threads in [1, 2] {
            let start = || {
                let cpu = Cpu::new(CpuOptions { threads: Some(threads), isa: None }).unwrap();
                Engine::start_on(model.clone(), Box::new(cpu), EngineOptions::default()).unwrap()
            };
            let logprobs = Request { logprobs: Some(3), ..request.clone() };
            let (plain, scaled) = (run(&start(), logprobs.clone()), run(&start(), with(logprobs, &zero)));
            assert_eq!(plain.tokens, scaled.tokens, "{name}");
        }
    }
}

#[test]
fn an_answer_in_flight_keeps_its_adapter() {
    let model = tiny("qwen2");
    let adapters: Vec<_> = (0..2).map(|n| Loaded::new(format!("a{n}"), adapter(&model, n, 4.0))).collect();
    let request = greedy(prompt(4, 30), 60);
    let expected = alone(&model, &with(request.clone(), &adapters[0])).tokens;
    let engine = reference_engine(&model, options());
    let mut running = engine.generate(with(request.clone(), &adapters[0])).unwrap();
    let mut heard: Vec<Event> = Vec::new();
    for event in running.by_ref() {
        let token = matches!(event, Event::Token { .. });
        heard.push(event);
        if token && heard.len() == 5 {
            // Another adapter is put in use, and the first one is dropped by everyone else.
            run(&engine, with(request.clone(), &adapters[1]));
        }
    }
    drop(adapters);
    let tokens = heard.iter().filter(|event| matches!(event, Event::Token { .. })).count();
    assert_eq!(tokens, expected.len());
    let ids = |event: &Event| if let Event::Token { info, .. } = event { Some(info.id) } else { None };
    let found: Vec<u32> = heard.iter().filter_map(ids).collect();
    assert_eq!(found, expected.iter().map(|info| info.id).collect::<Vec<_>>());
}

#[test]
fn an_adapter_of_another_model_is_refused() {
    let (model, other) = (tiny("llama"), tiny("qwen3"));
    let foreign = Loaded::new("foreign", adapter(&other, 1, 1.0));
    let engine = reference_engine(&model, options());
    let refused = engine.generate(with(greedy(prompt(1, 5), 5), &foreign)).err().unwrap();
    assert!(matches!(refused, SubmitError::Adapter(_)), "{refused}");
    assert!(
        refused.to_string().contains("another model") || refused.to_string().contains("layers"),
        "{refused}"
    );
}
