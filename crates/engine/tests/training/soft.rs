//! Weights of examples, and teachers whose distributions take the place of tokens.

use crate::recorded::{CASES, Recorded, bits, distance, exact, total};
use engine::adapter::Loaded;
use engine::train::{Example, Options, Pack, Scorer, Teacher, Trainer};
use kernels::Device;
use kernels::cpu::{Cpu, CpuOptions};
use kernels::reference::Reference;
use std::sync::Arc;

fn cpu(threads: usize) -> Arc<dyn Device> {
    Arc::new(Cpu::new(CpuOptions { threads: Some(threads), isa: None }).unwrap())
}

/// The example with what the base alone says at its targets.
fn taught(recorded: &Recorded, example: &Example, top: usize) -> Example {
    let mut scorer = Scorer::new(recorded.model.clone(), Arc::new(Reference), None).unwrap();
    let teacher = scorer.teach(&Pack::new([example]), top, &mut || false).unwrap().remove(0);
    assert_eq!((teacher.targets(), teacher.top()), (example.targets(), top));
    Example { teacher: Some(Arc::new(teacher)), ..example.clone() }
}

#[test]
fn a_base_does_not_diverge_from_itself_and_an_adapter_does() {
    for case in CASES {
        let recorded = Recorded::open(case);
        let example = taught(&recorded, &recorded.batches[0][0], 20);
        let divergence = |adapter: Option<Arc<Loaded>>| {
            let mut scorer = Scorer::new(recorded.model.clone(), Arc::new(Reference), adapter).unwrap();
            total(&scorer.losses(&Pack::new([&example]), &mut || false).unwrap()) / example.targets() as f64
        };
        let (own, tuned) = (divergence(None), divergence(Some(Loaded::new("x", recorded.adapter("final")))));
        assert!(own.abs() < 1e-5 && tuned > 1e-4 && tuned > 50.0 * own.abs(), "{case}: {own} and {tuned}");
    }
}

#[test]
fn a_step_along_the_gradient_of_a_divergence_changes_it_as_it_says() {
    for case in ["llama", "qwen2", "qwen3"] {
        let recorded = Recorded::open(case);
        let anchored = Example { weight: 0.7, ..taught(&recorded, &recorded.batches[0][0], 10) };
        let heavy = Example { weight: 2.0, ..recorded.batches[1][0].clone() };
        let pack = Pack::new([&anchored, &heavy]);
        let start = recorded.adapter("final");
        let mut trainer = Trainer::new(recorded.model.clone(), Arc::new(Reference), start, exact()).unwrap();
        trainer.accumulate(&pack, &mut || false).unwrap();
        let values =
            trainer.gradients().iter().flat_map(|(_, _, l)| [l.a.as_slice(), l.b.as_slice()].concat());
        let slope = values.map(|g| f64::from(g).powi(2)).sum::<f64>().sqrt();
        let loss_at = |distance: f64| {
            let moved = recorded.moved_from("final", trainer.gradients(), (distance / slope) as f32);
            let mut trainer =
                Trainer::new(recorded.model.clone(), Arc::new(Reference), moved, exact()).unwrap();
            let losses = trainer.losses(&pack, &mut || false).unwrap();
            let (soft, hard) = losses.split_at(anchored.targets());
            0.7 * total(soft) + 2.0 * total(hard)
        };
        const STEP: f64 = 1e-2;
        let difference = (loss_at(STEP) - loss_at(-STEP)) / (2.0 * STEP);
        assert!((difference / slope - 1.0).abs() < 5e-3, "{case}: {difference} and {slope}");
    }
}

#[test]
fn a_weight_of_two_is_the_example_twice() {
    let recorded = Recorded::open("llama");
    let (one, other) = (&recorded.batches[0][0], &recorded.batches[1][0]);
    let after = |examples: &[&Example]| {
        let mut trainer = recorded.trainer(Arc::new(Reference), exact());
        let pack = Pack::new(examples.iter().copied());
        trainer.accumulate(&pack, &mut || false).unwrap();
        let norm = trainer.update(1e-3, 1e9).norm;
        (norm, pack.mass(), trainer)
    };
    let heavy = Example { weight: 2.0, ..one.clone() };
    let (weighted, twice) = (after(&[&heavy, other]), after(&[one, one, other]));
    assert!((weighted.0 / twice.0 - 1.0).abs() < 1e-5, "{} and {}", weighted.0, twice.0);
    assert_eq!(weighted.1, twice.1);
    assert!(distance(weighted.2.adapter(), twice.2.adapter()) < 1e-4);
    assert!((after(&[one, other]).0 / twice.0 - 1.0).abs() > 1e-3, "the weight matters");
}

#[test]
fn a_teacher_is_no_part_of_what_a_step_is_divided_by() {
    let recorded = Recorded::open("qwen2");
    let anchored = taught(&recorded, &recorded.batches[0][0], 10);
    let plain = &recorded.batches[1][0];
    let pack = Pack::new([&anchored, plain]);
    assert_eq!(pack.mass(), plain.targets() as f64);
    let totals = pack.totals(&vec![1.0; pack.targets()]);
    assert_eq!((totals.loss, totals.anchored), (plain.targets() as f64, anchored.targets()));
}

#[test]
fn threads_recomputing_and_a_resumed_run_change_no_bit_of_weighted_steps_with_teachers() {
    for case in ["llama", "qwen3"] {
        let recorded = Recorded::open(case);
        let anchored = Example { weight: 0.3, ..taught(&recorded, &recorded.batches[0][0], 16) };
        let heavy = Example { weight: 1.7, ..recorded.batches[1][0].clone() };
        let run = |threads: usize, options: Options, interrupted: bool| {
            let mut trainer = recorded.trainer(cpu(threads), options);
            for step in 0..4 {
                for pack in [Pack::new([&heavy, &anchored]), Pack::new(&recorded.batches[step])] {
                    trainer.accumulate(&pack, &mut || false).unwrap();
                }
                trainer.update(1e-3, 1.0);
                if interrupted {
                    let state = trainer.save();
                    trainer = recorded.trainer(cpu(threads), options);
                    trainer.restore(&state).unwrap();
                }
            }
            bits(trainer.adapter())
        };
        let one = run(1, Options::default(), false);
        assert_eq!(run(3, Options::default(), false), one, "{case}: threads");
        assert_eq!(
            run(2, Options { recompute: true, ..Options::default() }, false),
            one,
            "{case}: recomputed"
        );
        assert_eq!(run(2, Options::default(), true), one, "{case}: resumed");
    }
}

#[test]
fn staying_close_lowers_the_divergence() {
    let recorded = Recorded::open("llama");
    let example = taught(&recorded, &recorded.batches[0][0], 32);
    let adapter = recorded.adapter("final");
    let mut trainer = Trainer::new(recorded.model.clone(), cpu(2), adapter, Options::default()).unwrap();
    let pack = Pack::new([&example]);
    let mut losses = Vec::new();
    for _ in 0..20 {
        losses.push(total(&trainer.accumulate(&pack, &mut || false).unwrap()));
        trainer.update(1e-3, 1.0);
    }
    assert!(losses[19] < 0.5 * losses[0], "{losses:?}");
}

#[test]
fn the_divergence_and_its_gradient_are_those_of_torch() {
    // `make_soft.py` beside the file records them; the model's head is not part of it.
    let text = std::fs::read_to_string(crate::fixtures::path("training/soft.json")).unwrap();
    let cases: serde_json::Value = serde_json::from_str(&text).unwrap();
    let floats = |v: &serde_json::Value| -> Vec<f32> {
        v.as_array().unwrap().iter().map(|x| x.as_f64().unwrap() as f32).collect()
    };
    for case in cases.as_array().unwrap() {
        let (logits, expected) = (floats(&case["logits"]), floats(&case["gradient"]));
        let ids: Vec<u32> =
            case["ids"].as_array().unwrap().iter().map(|x| x.as_u64().unwrap() as u32).collect();
        let teacher = Teacher::new(ids.len(), ids, floats(&case["log_probs"]), logits.len()).unwrap();
        let (loss, gradient) = teacher.divergence(&logits);
        let wanted = case["loss"].as_f64().unwrap();
        assert!((f64::from(loss) / wanted - 1.0).abs() < 1e-5, "{loss} and {wanted}");
        for (found, expected) in gradient.iter().zip(&expected) {
            assert!((found - expected).abs() < 1e-6, "{found} and {expected}");
        }
    }
}
