//! Tokens are drawn from the distribution that the settings describe.
#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

use engine::sampler::{SampleError, Sampler};
use engine::{Sampling, SubmitError};
use proptest::prelude::*;

/// Everything off: the model's own distribution.
fn plain() -> Sampling {
    Sampling { temperature: 1.0, top_k: 0, top_p: 1.0, min_p: 0.0, ..Sampling::default() }
}

fn sampler(sampling: &Sampling, seed: u64) -> Sampler {
    Sampler::new(sampling, seed).unwrap()
}

/// The definition, written without any haste: (token, probability), by id.
fn reference(logits: &[f32], sampling: &Sampling) -> Vec<(u32, f64)> {
    let mut all: Vec<(u32, f64)> = logits
        .iter()
        .enumerate()
        .map(|(id, &l)| (id as u32, (l as f64 / sampling.temperature as f64).exp()))
        .collect();
    all.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    if sampling.top_k > 0 {
        all.truncate(sampling.top_k);
    }
    if sampling.top_p < 1.0 {
        let total: f64 = all.iter().map(|(_, p)| p).sum();
        let mut mass = 0.0;
        let keep = all.iter().position(|(_, p)| {
            mass += p / total;
            mass >= sampling.top_p as f64
        });
        all.truncate(keep.map_or(all.len(), |at| at + 1));
    }
    let bar = sampling.min_p as f64 * all[0].1;
    all.retain(|(_, p)| *p >= bar);
    let total: f64 = all.iter().map(|(_, p)| p).sum();
    all.iter_mut().for_each(|(_, p)| *p /= total);
    all.sort_by_key(|(id, _)| *id);
    all
}

fn distribution(logits: &[f32], sampling: &Sampling) -> Vec<(u32, f64)> {
    let mut found: Vec<(u32, f64)> =
        sampler(sampling, 0).distribution(logits).unwrap().iter().map(|&(id, w)| (id, w as f64)).collect();
    let total: f64 = found.iter().map(|(_, w)| w).sum();
    found.iter_mut().for_each(|(_, w)| *w /= total);
    found.sort_by_key(|(id, _)| *id);
    found
}

/// Distinct logits in a random order, none so near to a bar that rounding decides.
fn logits() -> impl Strategy<Value = Vec<f32>> {
    let spread = (1usize..900, 0.01f32..2.0);
    spread.prop_flat_map(|(len, step)| {
        let ladder: Vec<f32> = (0..len).map(|n| n as f32 * step.min(20.0 / len as f32)).collect();
        Just(ladder).prop_shuffle()
    })
}

proptest! {
    #[test]
    fn every_filter_keeps_what_its_definition_says(
        logits in logits(),
        temperature in prop_oneof![Just(1.0f32), 0.3f32..3.0],
        top_k in prop_oneof![Just(0usize), 1usize..1000],
        top_p in prop_oneof![Just(1.0f32), 0.0f32..1.0],
        min_p in prop_oneof![Just(0.0f32), 0.0f32..1.0],
    ) {
        let sampling = Sampling { temperature, top_k, top_p, min_p, ..plain() };
        let (found, expected) = (distribution(&logits, &sampling), reference(&logits, &sampling));
        // A token on a bar may fall to either side.
        prop_assert!(found.len().abs_diff(expected.len()) <= 1, "{} and {} tokens", found.len(), expected.len());
        let p = |list: &[(u32, f64)], id| list.iter().find(|(other, _)| *other == id).map_or(0.0, |(_, p)| *p);
        for &(id, expected_p) in &expected {
            let least = expected.iter().map(|(_, p)| *p).fold(f64::INFINITY, f64::min);
            prop_assert!((p(&found, id) - expected_p).abs() <= least * 1.01 + 1e-5, "token {id}");
        }
    }

    /// The penalties, token by token, as their documentation says.
    #[test]
    fn penalties_change_the_logits_of_seen_tokens(
        repetition in 0.5f32..2.0, presence in -2.0f32..2.0, frequency in -2.0f32..2.0,
    ) {
        let logits = [1.0f32, -1.0, 2.0, 0.5, -0.5];
        let on = Sampling {
            repetition_penalty: repetition, presence_penalty: presence, frequency_penalty: frequency, ..plain()
        };
        // Only one token is possible, so that it is known which were generated: twice 3, once 4.
        let mut sampler = sampler(&on, 1);
        sampler.see_prompt(&[0, 1, 0, 4]);
        let only = |id: usize| (0..5).map(|n| if n == id { 0.0 } else { f32::NEG_INFINITY }).collect::<Vec<f32>>();
        for id in [3, 3, 4] {
            prop_assert_eq!(sampler.sample(&only(id), None).unwrap().id, id as u32);
        }
        let expected = [
            1.0 / repetition,
            -repetition,
            2.0,
            0.5 / repetition - presence - 2.0 * frequency,
            -0.5 * repetition - presence - frequency,
        ];
        let weights = sampler.distribution(&logits).unwrap();
        let greatest = expected.iter().copied().fold(f32::MIN, f32::max);
        for (id, expected) in expected.into_iter().enumerate() {
            let weight = weights.iter().find(|(other, _)| *other == id as u32).unwrap().1;
            prop_assert!((weight.ln() - (expected - greatest)).abs() < 1e-4, "token {id}");
        }
    }

    #[test]
    fn greedy_takes_the_first_of_the_best(values in prop::collection::vec(-3i8..3, 1..50)) {
        let logits: Vec<f32> = values.iter().map(|&v| v as f32).collect();
        let sampling = Sampling { temperature: 0.0, top_k: 7, top_p: 0.1, ..plain() };
        let best = values.iter().max().unwrap();
        let expected = values.iter().position(|v| v == best).unwrap() as u32;
        prop_assert_eq!(sampler(&sampling, 9).sample(&logits, None).unwrap().id, expected);
    }
}

/// Pearson's chi-square against the exact distribution; the bound is passed by chance once in 10,000 seeds.
#[test]
fn draws_follow_the_distribution() {
    let logits: Vec<f32> = (0..10).map(|n| (n as f32 * 0.37).sin() * 2.0).collect();
    let cases = [
        plain(),
        Sampling { temperature: 0.5, ..plain() },
        Sampling { temperature: 2.0, top_k: 6, ..plain() },
        Sampling { top_p: 0.8, ..plain() },
        Sampling { min_p: 0.2, temperature: 1.3, ..plain() },
    ];
    for (seed, sampling) in cases.iter().enumerate() {
        let expected = reference(&logits, sampling);
        let mut sampler = sampler(sampling, seed as u64);
        let (draws, mut counts) = (20_000, [0u32; 10]);
        for _ in 0..draws {
            counts[sampler.sample(&logits, None).unwrap().id as usize] += 1;
        }
        let kept = |id: usize| expected.iter().any(|(kept, _)| *kept as usize == id);
        assert!((0..10).all(|id| kept(id) || counts[id] == 0), "{sampling:?}: {counts:?}");
        let chi_square: f64 = expected
            .iter()
            .map(|&(id, p)| (counts[id as usize] as f64 - draws as f64 * p).powi(2) / (draws as f64 * p))
            .sum();
        // Upper 1e-4 points of the distribution for 1 to 9 degrees of freedom.
        let bound = [15.1, 18.4, 21.1, 23.5, 25.7, 27.9, 29.9, 31.8, 33.7][expected.len() - 2];
        assert!(chi_square < bound, "{sampling:?}: {chi_square}");
    }
}

#[test]
fn a_seed_gives_the_same_tokens_and_another_one_others() {
    let logits: Vec<f32> = (0..1000).map(|n| (n as f32).sin()).collect();
    let draw = |seed| {
        let mut sampler = sampler(&plain(), seed);
        (0..50).map(|_| sampler.sample(&logits, None).unwrap().id).collect::<Vec<_>>()
    };
    assert_eq!(draw(7), draw(7));
    assert_ne!(draw(7), draw(8));
    assert_ne!(draw(0), draw(u64::MAX));
    // Step n of one seed is not step n - 1 of a neighbour.
    assert_ne!(draw(7)[1..], draw(8)[..49]);
}

#[test]
fn logprobs_are_the_models_own() {
    let logits = [0.5f32, 2.0, -1.0, f32::NEG_INFINITY, 1.0];
    let log_sum = logits.iter().map(|l| (*l as f64).exp()).sum::<f64>().ln();
    let expected = |id: usize| (logits[id] as f64 - log_sum) as f32;
    // Settings change what is chosen, not what is told.
    let sampling = Sampling { temperature: 0.3, top_k: 1, presence_penalty: 1.0, ..plain() };
    let mut sampler = sampler(&sampling, 0);
    for _ in 0..3 {
        let chosen = sampler.sample(&logits, Some(3)).unwrap();
        assert!((chosen.logprob.unwrap() - expected(chosen.id as usize)).abs() < 1e-6);
        assert_eq!(chosen.top.iter().map(|t| t.id).collect::<Vec<_>>(), [1, 4, 0]);
        assert!(chosen.top.iter().all(|t| (t.logprob - expected(t.id as usize)).abs() < 1e-6));
    }
    assert_eq!(sampler.sample(&logits, Some(0)).unwrap().top, []);
    assert_eq!(sampler.sample(&logits, Some(99)).unwrap().top.len(), 4);
    assert_eq!(sampler.sample(&logits, None).unwrap().logprob, None);
}

#[test]
fn broken_logits_are_an_error() {
    for temperature in [0.0, 1.0] {
        let mut sampler = sampler(&Sampling { temperature, ..plain() }, 0);
        let error = sampler.sample(&[0.0, f32::NAN], None).unwrap_err();
        assert!(matches!(error, SampleError::NotFinite { id: 1, .. }));
        let error = sampler.sample(&[f32::INFINITY, 0.0], Some(2)).unwrap_err();
        assert!(matches!(error, SampleError::NotFinite { id: 0, .. }));
        assert_eq!(sampler.sample(&[f32::NEG_INFINITY; 3], None).unwrap_err(), SampleError::Nothing);
        assert_eq!(sampler.sample(&[], None).unwrap_err(), SampleError::Nothing);
        // Great but finite ones are no reason to fail.
        assert_eq!(sampler.sample(&[f32::MIN, f32::MAX, f32::NEG_INFINITY], None).unwrap().id, 1);
    }
}

#[test]
fn settings_out_of_range_are_refused() {
    let bad = [
        ("temperature", Sampling { temperature: -0.1, ..plain() }),
        ("temperature", Sampling { temperature: f32::NAN, ..plain() }),
        ("temperature", Sampling { temperature: f32::INFINITY, ..plain() }),
        ("top_p", Sampling { top_p: 1.1, ..plain() }),
        ("min_p", Sampling { min_p: -0.1, ..plain() }),
        ("repetition_penalty", Sampling { repetition_penalty: 0.0, ..plain() }),
        ("presence_penalty", Sampling { presence_penalty: f32::NEG_INFINITY, ..plain() }),
        ("frequency_penalty", Sampling { frequency_penalty: f32::NAN, ..plain() }),
    ];
    for (name, sampling) in bad {
        let error = Sampler::new(&sampling, 0).unwrap_err();
        assert!(matches!(error, SubmitError::Sampling { field, .. } if field == name), "{name}");
    }
    assert!(Sampler::new(&Sampling::default(), 0).is_ok());
}

/// The largest vocabularies, with settings that keep nearly everything.
#[test]
fn large_vocabularies_are_filtered_like_small_ones() {
    let logits: Vec<f32> =
        (0..152_064u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 8) as f32 / 4e6).collect();
    for sampling in [
        Sampling { top_p: 0.9, ..plain() },
        Sampling { top_k: 40, top_p: 0.95, min_p: 0.05, ..plain() },
        Sampling { top_k: 100_000, ..plain() },
    ] {
        let (found, expected) = (distribution(&logits, &sampling), reference(&logits, &sampling));
        assert!(found.len().abs_diff(expected.len()) <= 2 + expected.len() / 1000, "{sampling:?}");
        let common =
            found.iter().filter(|(id, _)| expected.binary_search_by_key(id, |(id, _)| *id).is_ok()).count();
        assert!(common + 2 + expected.len() / 1000 >= expected.len(), "{sampling:?}");
    }
}
