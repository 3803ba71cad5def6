//! What must not change a training run, and what must.

use crate::recorded::{CASES, Recorded, bits, distance, exact, total};
use engine::train::{Example, Options, Pack, Trainer};
use kernels::cpu::{Cpu, CpuOptions};
use kernels::reference::Reference;
use kernels::{Device, KvFormat};
use std::sync::Arc;

fn cpu(threads: usize) -> Arc<dyn Device> {
    Arc::new(Cpu::new(CpuOptions { threads: Some(threads), isa: None }).unwrap())
}

/// Adapter after a few steps on the fast device.
fn trained(recorded: &Recorded, threads: usize, options: Options) -> Vec<u32> {
    let mut trainer = recorded.trainer(cpu(threads), options);
    recorded.run(&mut trainer);
    bits(trainer.adapter())
}

#[test]
fn threads_and_recomputing_change_no_bit() {
    for case in CASES {
        let recorded = Recorded::open(case);
        for dropout in [0.0, 0.3] {
            let options = Options { dropout, seed: 7, ..Options::default() };
            let one = trained(&recorded, 1, options);
            assert_eq!(trained(&recorded, 3, options), one, "{case}: threads, dropout {dropout}");
            let recompute = Options { recompute: true, ..options };
            assert_eq!(trained(&recorded, 2, recompute), one, "{case}: recomputed, dropout {dropout}");
        }
    }
}

#[test]
fn dropout_changes_the_run_and_its_seed_does_too() {
    let recorded = Recorded::open("qwen2");
    let options = |dropout: f32, seed: u64| Options { dropout, seed, ..exact() };
    let [none, some, other] =
        [options(0.0, 1), options(0.3, 1), options(0.3, 2)].map(|o| trained(&recorded, 2, o));
    assert!(none != some && some != other);
}

#[test]
fn packed_sequences_learn_as_they_do_alone() {
    for case in ["llama", "qwen3"] {
        let recorded = Recorded::open(case);
        let examples: Vec<&Example> = recorded.batches.iter().flatten().collect();
        let mut packed = recorded.trainer(Arc::new(Reference), exact());
        let together = packed.accumulate(&Pack::new(examples.iter().copied()), &mut || false).unwrap();
        let mut alone = recorded.trainer(Arc::new(Reference), exact());
        let mut losses = Vec::new();
        for example in examples {
            losses.extend(alone.accumulate(&Pack::new([example]), &mut || false).unwrap());
        }
        assert_eq!(together, losses, "{case}: no row sees another sequence");
        let error = distance(packed.gradients(), alone.gradients());
        assert!(error < 1e-5, "{case}: {error}");
    }
}

#[test]
fn a_step_along_the_gradient_changes_the_loss_as_it_says() {
    for case in CASES {
        let recorded = Recorded::open(case);
        let pack = Pack::new(&recorded.batches[2]);
        let mut trainer = recorded.trainer(Arc::new(Reference), exact());
        trainer.accumulate(&pack, &mut || false).unwrap();
        let slope: f64 = trainer
            .gradients()
            .iter()
            .flat_map(|(_, _, l)| [l.a.as_slice(), l.b.as_slice()].concat())
            .map(|g| f64::from(g).powi(2))
            .sum();
        let at = |distance: f64| {
            let moved = recorded.moved(trainer.gradients(), (distance / slope.sqrt()) as f32);
            let mut trainer =
                Trainer::new(recorded.model.clone(), Arc::new(Reference), moved, exact()).unwrap();
            total(&trainer.losses(&pack, &mut || false).unwrap())
        };
        const STEP: f64 = 1e-2;
        let difference = (at(STEP) - at(-STEP)) / (2.0 * STEP);
        assert!((difference / slope.sqrt() - 1.0).abs() < 5e-3, "{case}: {difference} and {}", slope.sqrt());
    }
}

#[test]
fn every_adapted_layer_gets_a_gradient() {
    // Including the lowest one, and with layers computed again: the closure of a checkpoint must know the adapter.
    for recompute in [false, true] {
        let recorded = Recorded::open("llama");
        let mut trainer = recorded.trainer(cpu(2), Options { recompute, ..Options::default() });
        trainer.accumulate(&Pack::new(&recorded.batches[0]), &mut || false).unwrap();
        for (n, target, lora) in trainer.gradients().iter() {
            for factor in [&lora.a, &lora.b] {
                assert!(factor.as_slice().iter().any(|v| *v != 0.0), "{n} {target:?}");
            }
        }
    }
}

#[test]
fn evaluating_leaves_the_run_as_it_is() {
    let recorded = Recorded::open("qwen2");
    let pack = Pack::new(&recorded.batches[1]);
    let run = |evaluate: bool| {
        let mut trainer = recorded.trainer(cpu(2), Options { dropout: 0.2, ..Options::default() });
        for batch in &recorded.batches {
            if evaluate {
                trainer.losses(&pack, &mut || false).unwrap();
            }
            trainer.accumulate(&Pack::new(batch), &mut || false).unwrap();
            trainer.update(1e-3, 1.0);
        }
        bits(trainer.adapter())
    };
    assert_eq!(run(false), run(true));
}

#[test]
fn a_loss_that_is_no_number_moves_nothing() {
    let recorded = Recorded::open("llama");
    let mut adapter = recorded.adapter("initial");
    adapter.get_mut(0, engine::adapter::Target::Q).unwrap().a.row_mut(0)[0] = f32::NAN;
    let before = bits(&adapter);
    let mut trainer = Trainer::new(recorded.model.clone(), cpu(1), adapter, Options::default()).unwrap();
    trainer.accumulate(&Pack::new(&recorded.batches[0]), &mut || false).unwrap();
    let update = trainer.update(1e-3, 1.0);
    assert!(!update.applied && !update.norm.is_finite());
    assert_eq!(bits(trainer.adapter()), before);
}

#[test]
fn a_pause_that_says_stop_ends_the_work() {
    let recorded = Recorded::open("llama");
    let pack = Pack::new(&recorded.batches[0]);
    let layers = recorded.model.config().layers;
    for stop_at in 1..=2 * layers {
        let mut trainer =
            recorded.trainer(cpu(1), Options { kv_format: KvFormat::F16, ..Options::default() });
        let mut asked = 0;
        let stopped = trainer.accumulate(&pack, &mut || {
            asked += 1;
            asked == stop_at
        });
        assert!(stopped.is_err() && asked == stop_at);
    }
}

#[test]
fn nothing_goes_back_below_the_first_adapted_layer() {
    for (case, adapted) in [("llama", 2), ("llama-upper", 1), ("qwen2-upper", 1)] {
        let recorded = Recorded::open(case);
        let layers = recorded.model.config().layers;
        let mut trainer = recorded.trainer(cpu(1), Options::default());
        let mut asked = 0;
        let pause = &mut || {
            asked += 1;
            false
        };
        trainer.accumulate(&Pack::new(&recorded.batches[0]), pause).unwrap();
        // Once a layer on the way there and back, and once for the only chunk of the head.
        assert_eq!((layers, asked), (2, layers + 1 + adapted), "{case}");
    }
}

#[test]
fn a_run_that_goes_on_has_its_optimiser_with_it() {
    let recorded = Recorded::open("llama");
    let options = Options::default();
    let step = |trainer: &mut Trainer, n: usize| {
        trainer.accumulate(&Pack::new(&recorded.batches[n]), &mut || false).unwrap();
        trainer.update(1e-3, 1.0);
    };
    let mut whole = recorded.trainer(cpu(1), options);
    (0..2).for_each(|n| step(&mut whole, n));
    let state = whole.save();
    step(&mut whole, 2);

    let mut resumed = recorded.trainer(cpu(1), options);
    resumed.restore(&state).unwrap();
    step(&mut resumed, 2);
    assert_eq!(bits(resumed.adapter()), bits(whole.adapter()));

    let mut half = recorded.trainer(cpu(1), options);
    half.restore(&state).unwrap();
    let mut forgetful = Trainer::new(recorded.model.clone(), cpu(1), half.into_adapter(), options).unwrap();
    step(&mut forgetful, 2);
    assert_ne!(bits(forgetful.adapter()), bits(whole.adapter()), "the means and squares matter");
}

#[test]
fn a_step_is_divided_by_the_targets_of_all_its_packs() {
    // Two packs with unequal numbers of targets are not the mean of two means.
    let recorded = Recorded::open("qwen2");
    let long = Example::all((1..40).collect());
    let short = Example::all(vec![5, 6]);
    let after = |packs: &[Pack]| {
        let mut trainer = recorded.trainer(Arc::new(Reference), exact());
        packs.iter().for_each(|pack| drop(trainer.accumulate(pack, &mut || false).unwrap()));
        trainer.update(1e-3, 1.0).norm
    };
    let together = after(&[Pack::new([&long, &short])]);
    let apart = after(&[Pack::new([&long]), Pack::new([&short])]);
    assert!((together / apart - 1.0).abs() < 1e-5, "{together} and {apart}");
}
