//! Which examples make a step, and which of those share a pack.

use super::Recipe;
use engine::train::{Example, Pack};

/// Rows that a pack holds, unless one example alone is longer. More rows use the processor a little better and need
/// more memory.
const ROWS: usize = 512;

/// The examples of one step, in packs of similar lengths. Depends on nothing but its arguments.
pub fn packs(examples: &[Example], step: u64, per_step: usize, seed: u64) -> Vec<Pack> {
    let chosen = chosen(examples.len(), step, per_step, seed);
    let mut order: Vec<&Example> = chosen.into_iter().map(|i| &examples[i]).collect();
    // Longest first, each into the first pack with room: the usual rule, within a fifth of the best packing.
    order.sort_by_key(|example| std::cmp::Reverse(example.tokens.len()));
    fill(order)
}

/// A step with sequences of the base's own beside its examples. Their mean divergence counts `recipe.anchor` times as
/// much as the examples' mean loss.
pub(super) fn with_replay(examples: &[Example], replay: &[Example], step: u64, recipe: &Recipe) -> Vec<Pack> {
    if replay.is_empty() || recipe.replay == 0 {
        return packs(examples, step, recipe.step_examples(), recipe.seed);
    }
    let chosen_examples = chosen(examples.len(), step, recipe.step_examples(), recipe.seed);
    let mass: f64 =
        chosen_examples.iter().map(|&i| f64::from(examples[i].weight) * examples[i].targets() as f64).sum();
    let chosen_replay = chosen(replay.len(), step, recipe.replay.min(replay.len()), !recipe.seed);
    let anchored: usize = chosen_replay.iter().map(|&i| replay[i].targets()).sum();
    let weight = (f64::from(recipe.anchor) * mass / anchored.max(1) as f64) as f32;
    let anchors: Vec<Example> =
        chosen_replay.iter().map(|&i| Example { weight, ..replay[i].clone() }).collect();
    let mut order: Vec<&Example> =
        chosen_examples.into_iter().map(|i| &examples[i]).chain(&anchors).collect();
    order.sort_by_key(|example| std::cmp::Reverse(example.tokens.len()));
    fill(order)
}

/// All examples in packs, for an evaluation.
pub(super) fn all(examples: &[Example]) -> Vec<Pack> {
    fill(examples.iter().collect())
}

/// Steps in which every example is seen once.
pub fn steps_per_epoch(examples: usize, per_step: usize) -> u64 {
    examples.div_ceil(per_step) as u64
}

fn fill(order: Vec<&Example>) -> Vec<Pack> {
    let mut bins: Vec<(usize, Vec<&Example>)> = Vec::new();
    for example in order {
        let len = example.tokens.len();
        match bins.iter_mut().find(|(used, _)| used + len <= ROWS) {
            Some((used, bin)) => {
                *used += len;
                bin.push(example);
            }
            None => bins.push((len, vec![example])),
        }
    }
    bins.into_iter().map(|(_, bin)| Pack::new(bin)).collect()
}

/// Numbers of a step's examples: every epoch is a new permutation, and its last step may be smaller.
fn chosen(count: usize, step: u64, per_step: usize, seed: u64) -> Vec<usize> {
    let per_epoch = steps_per_epoch(count, per_step).max(1);
    let order = permutation(count, seed, step / per_epoch);
    let first = (step % per_epoch) as usize * per_step;
    order[first..count.min(first + per_step)].to_vec()
}

/// Fisher and Yates with SplitMix64.
fn permutation(count: usize, seed: u64, epoch: u64) -> Vec<usize> {
    let mut state = seed ^ epoch.wrapping_mul(0xd134_2543_de82_ef95);
    let mut next = || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let x = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    };
    let mut order: Vec<usize> = (0..count).collect();
    for i in (1..count).rev() {
        // The high half of a product: no remainder, whose bias would be larger.
        let j = (u128::from(next()) * (i as u128 + 1)) >> 64;
        order.swap(i, j as usize);
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_epoch_sees_each_example_once_in_another_order() {
        let epoch = |e: u64| -> Vec<usize> { (0..4).flat_map(|s| chosen(10, 4 * e + s, 3, 5)).collect() };
        for e in 0..3 {
            let mut seen = epoch(e);
            seen.sort_unstable();
            assert_eq!(seen, (0..10).collect::<Vec<_>>());
        }
        assert_ne!(epoch(0), epoch(1));
        assert_eq!(epoch(1), epoch(1));
        assert_ne!(chosen(10, 0, 3, 5), chosen(10, 0, 3, 6));
    }

    #[test]
    fn packs_hold_every_example_and_no_more_rows_than_they_may() {
        let examples: Vec<Example> = (1..40).map(|i| Example::all(vec![1; i * 17])).collect();
        let packs = packs(&examples, 0, 100, 1);
        let targets: usize = (1..40).map(|i| i * 17 - 1).sum();
        assert_eq!(packs.iter().map(Pack::targets).sum::<usize>(), targets);
        assert!(packs.iter().all(|p| p.rows() <= ROWS || p.counts().len() == 1));
    }

    #[test]
    fn replay_counts_as_much_as_the_examples_of_its_step() {
        let teacher = |targets: usize| {
            let ids = vec![1; targets];
            std::sync::Arc::new(engine::train::Teacher::new(1, ids, vec![-1.0; targets], 10).unwrap())
        };
        let examples: Vec<Example> =
            (0..7).map(|n| Example { weight: 2.0, ..Example::all(vec![1; 10 + n]) }).collect();
        let replay: Vec<Example> = (0..5)
            .map(|n| Example { teacher: Some(teacher(20 + n)), ..Example::all(vec![2; 21 + n]) })
            .collect();
        let recipe = Recipe { batch: 3, accumulation: 1, replay: 2, anchor: 0.5, ..Recipe::default() };
        let mut seen = 0;
        for step in 0..6 {
            let packs = with_replay(&examples, &replay, step, &recipe);
            let alone = super::packs(&examples, step, 3, recipe.seed);
            let mass = |packs: &[Pack]| packs.iter().map(Pack::mass).sum::<f64>();
            assert_eq!(mass(&packs), mass(&alone), "replay is no part of the mean");
            let anchored: usize = packs.iter().map(|p| p.totals(&vec![0.0; p.targets()]).anchored).sum();
            let weighted: f64 = packs.iter().map(Pack::anchor_mass).sum();
            assert!((weighted / (0.5 * mass(&packs)) - 1.0).abs() < 1e-5);
            seen += anchored;
        }
        assert_eq!(seen, 2 * (20 + 21 + 22 + 23 + 24), "two rounds in six steps");
    }

    #[test]
    fn a_set_smaller_than_a_step_is_one_step() {
        assert_eq!(chosen(3, 7, 48, 0).len(), 3);
        assert_eq!(steps_per_epoch(3, 48), 1);
    }
}
