//! Are paired differences above zero? The paired sign-flip test (Fisher's permutation test for pairs), by topic.
//!
//! Where nothing has changed, each difference could as well have had the other sign. Differences of one topic depend on
//! each other and are flipped together.

use super::by_topic;

/// Topics up to which all combinations are counted.
const EXACT: usize = 16;
/// Combinations drawn where there are more.
const DRAWN: u64 = 50_000;

/// P(a sum at least as large as that of `gains`, if signs meant nothing), one-sided.
pub fn sign_flip(gains: &[f64], topics: &[u64]) -> f64 {
    let sums: Vec<f64> = by_topic(gains, topics).into_iter().map(|(sum, _)| sum).collect();
    let observed: f64 = sums.iter().sum();
    // What differs by rounding alone counts as equal.
    let least = observed - 1e-9 * sums.iter().map(|s| s.abs()).sum::<f64>();
    let flipped = |bits: u64| -> f64 {
        sums.iter().enumerate().map(|(n, s)| if bits >> (n % 64) & 1 == 1 { -s } else { *s }).sum()
    };
    if sums.is_empty() {
        return 1.0;
    }
    if sums.len() <= EXACT {
        let all = 1_u64 << sums.len();
        return (0..all).filter(|&bits| flipped(bits) >= least).count() as f64 / all as f64;
    }
    let mut state = 0x5eed_u64;
    let drawn = |state: &mut u64| -> f64 {
        sums.chunks(64)
            .map(|sums| {
                let bits = next(state);
                let sign = |n: usize| if bits >> n & 1 == 1 { -1.0 } else { 1.0 };
                sums.iter().enumerate().map(|(n, s)| sign(n) * s).sum::<f64>()
            })
            .sum()
    };
    let above = (0..DRAWN).filter(|_| drawn(&mut state) >= least).count();
    // The observation itself is one of the combinations.
    (above + 1) as f64 / (DRAWN + 1) as f64
}

/// SplitMix64.
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let x = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alone(gains: &[f64]) -> f64 {
        sign_flip(gains, &(0..gains.len() as u64).collect::<Vec<_>>())
    }

    #[test]
    fn p_values_are_those_of_counting() {
        // By numpy over itertools.product([1, -1], repeat=n): 11 of 256 sums, and 14 of 32.
        assert_eq!(alone(&[0.5, 0.3, -0.1, 0.4, 0.2, 0.6, -0.2, 0.1]), 11.0 / 256.0);
        assert_eq!(alone(&[1.0, -1.0, 0.5, -0.25, 0.1]), 14.0 / 32.0);
        assert_eq!(alone(&[0.2; 5]), 1.0 / 32.0);
        assert_eq!(alone(&[]), 1.0);
    }

    #[test]
    fn many_topics_are_drawn_near_the_exact_value() {
        // Seventeen equal gains: of all sums only the observed one is as large.
        assert!(alone(&[1.0; 17]) < 1e-3);
        let mixed: Vec<f64> = (0..17).map(|n| if n % 2 == 0 { 1.0 } else { -0.9 }).collect();
        // The exact value, by counting all 131,072 combinations.
        assert!((alone(&mixed) - 0.314_537).abs() < 0.01, "{}", alone(&mixed));
    }

    #[test]
    fn one_topic_is_one_observation() {
        assert_eq!(sign_flip(&[1.0; 10], &[7; 10]), 0.5);
        assert_eq!(sign_flip(&[1.0; 10], &[1, 1, 1, 1, 1, 2, 2, 2, 2, 2]), 0.25);
    }
}
