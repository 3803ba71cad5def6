//! Were answers lost? McNemar's exact test on pairs of right and wrong.

/// P(at least `lost` of all changes are losses, if losses and gains were as likely), one-sided.
pub fn mcnemar(lost: usize, gained: usize) -> f64 {
    let n = lost + gained;
    // Binomial coefficients over 2ⁿ, one after another; no sum of theirs overflows.
    let mut term = 0.5_f64.powi(n as i32);
    let mut below = 0.0;
    for k in 0..lost {
        below += term;
        term *= (n - k) as f64 / (k + 1) as f64;
    }
    (1.0 - below).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p_values_are_those_of_scipy() {
        // scipy.stats.binomtest(lost, lost + gained, alternative="greater").pvalue
        for (lost, gained, p) in
            [(0, 0, 1.0), (0, 5, 1.0), (5, 0, 0.031_25), (8, 2, 0.054_687_5), (12, 4, 0.038_406_37)]
        {
            assert!((mcnemar(lost, gained) - p).abs() < 1e-7, "{lost}, {gained}");
        }
    }
}
