//! Which examples make a step, and which of those share a pack.

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
    fn a_set_smaller_than_a_step_is_one_step() {
        assert_eq!(chosen(3, 7, 48, 0).len(), 3);
        assert_eq!(steps_per_epoch(3, 48), 1);
    }
}
