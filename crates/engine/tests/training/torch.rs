//! Loss, gradients, twenty steps and the final adapter against torch and PEFT on the same weights.

use crate::recorded::{CASES, Recorded, distance, exact, total};
use engine::adapter::Adapter;
use engine::train::{Options, Pack};
use kernels::cpu::{Cpu, CpuOptions};
use kernels::reference::Reference;
use std::sync::Arc;

/// The project's promise for the exact mode.
const EXACT: f64 = 1e-3;

#[test]
fn the_first_gradients_are_those_of_torch() {
    for case in CASES {
        let recorded = Recorded::open(case);
        let mut trainer = recorded.trainer(Arc::new(Reference), exact());
        let pack = Pack::new(&recorded.batches[0]);
        let loss = total(&trainer.accumulate(&pack, &mut || false).unwrap()) / pack.targets() as f64;
        let expected = f64::from(recorded.floats("first.loss")[0]);
        assert!((loss - expected).abs() < 1e-5 * expected, "{case}: {loss} and {expected}");
        let gradients = scaled(trainer.gradients(), 1.0 / pack.targets() as f32);
        for ((n, target, found), (_, _, expected)) in
            gradients.iter().zip(recorded.adapter("gradient").iter())
        {
            for (found, expected) in [(&found.a, &expected.a), (&found.b, &expected.b)] {
                let error = relative(found.as_slice(), expected.as_slice());
                assert!(error < EXACT, "{case} {n} {target:?}: {error}");
            }
        }
    }
}

#[test]
fn twenty_steps_are_those_of_torch() {
    for case in CASES {
        let recorded = Recorded::open(case);
        let mut trainer = recorded.trainer(Arc::new(Reference), exact());
        let (losses, norms) = recorded.run(&mut trainer);
        for (what, found, expected) in
            [("loss", losses, recorded.floats("steps.loss")), ("norm", norms, recorded.floats("steps.norm"))]
        {
            for (step, (found, expected)) in found.iter().zip(&expected).enumerate() {
                let error = (found / f64::from(*expected) - 1.0).abs();
                assert!(error < EXACT, "{case}, {what} of step {step}: {found} and {expected}");
            }
        }
        let moved = distance(&recorded.adapter("initial"), &recorded.adapter("final"));
        let error = distance(trainer.adapter(), &recorded.adapter("final"));
        assert!(moved > 10.0 * EXACT && error < EXACT, "{case}: moved {moved}, off by {error}");
    }
}

#[test]
fn the_fast_device_trains_as_well() {
    for case in CASES {
        let recorded = Recorded::open(case);
        let cpu = Cpu::new(CpuOptions { threads: Some(2), isa: None }).unwrap();
        let mut trainer = recorded.trainer(Arc::new(cpu), Options::default());
        let (losses, _) = recorded.run(&mut trainer);
        for (step, (found, expected)) in losses.iter().zip(recorded.floats("steps.loss")).enumerate() {
            let error = (found / f64::from(expected) - 1.0).abs();
            assert!(error < 0.01, "{case}, loss of step {step}: {found} and {expected}");
        }
        // Rounding turns single elements of the update, its direction stays.
        let (start, end) = (recorded.adapter("initial"), recorded.adapter("final"));
        let along = direction(&start, trainer.adapter(), &end);
        assert!(along > 0.95, "{case}: {along}");
    }
}

/// Cosine between the ways from `start` to `a` and to `b`.
fn direction(start: &Adapter, a: &Adapter, b: &Adapter) -> f64 {
    let way = |x: &Adapter| -> Vec<f64> {
        let values = |x: &Adapter| -> Vec<f32> {
            x.iter().flat_map(|(_, _, l)| [l.a.as_slice(), l.b.as_slice()].concat()).collect()
        };
        values(x).iter().zip(values(start)).map(|(x, s)| f64::from(*x) - f64::from(s)).collect()
    };
    let (a, b) = (way(a), way(b));
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    dot(&a, &b) / (dot(&a, &a) * dot(&b, &b)).sqrt()
}

fn scaled(adapter: &Adapter, factor: f32) -> Adapter {
    let mut other = Adapter::empty(adapter.layers());
    for (n, target, lora) in adapter.iter() {
        let times = |t: &kernels::Tensor| {
            let values: Vec<f32> = t.as_slice().iter().map(|v| v * factor).collect();
            kernels::Tensor::from_slice(t.rows(), t.cols(), &values)
        };
        other.set(
            n,
            target,
            engine::adapter::Lora { a: times(&lora.a), b: times(&lora.b), scale: lora.scale },
        );
    }
    other
}

fn relative(a: &[f32], b: &[f32]) -> f64 {
    let square = |x: f32| f64::from(x).powi(2);
    let error: f64 = a.iter().zip(b).map(|(a, b)| square(a - b)).sum();
    (error / b.iter().map(|&b| square(b)).sum::<f64>()).sqrt()
}
