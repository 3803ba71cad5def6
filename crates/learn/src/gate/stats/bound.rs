//! How large may the mean of paired differences be? An upper 95 % bound by Student's t.

use super::by_topic;

/// Upper one-sided 95 % bound on the mean of `values`; those of one topic count as one observation, their mean. Infinite
/// where there are fewer than two topics.
pub fn upper_bound(values: &[f64], topics: &[u64]) -> f64 {
    let means: Vec<f64> =
        by_topic(values, topics).into_iter().map(|(sum, count)| sum / count as f64).collect();
    let n = means.len();
    if n < 2 {
        return f64::INFINITY;
    }
    let mean = super::mean(&means);
    let variance = means.iter().map(|m| (m - mean).powi(2)).sum::<f64>() / (n - 1) as f64;
    mean + quantile(n - 1) * (variance / n as f64).sqrt()
}

/// The 95 % quantile of Student's t. Up to 30 degrees of freedom from the table, beyond by the expansion of Cornish and
/// Fisher (Abramowitz and Stegun, 26.7.5).
fn quantile(degrees: usize) -> f64 {
    const TABLE: [f64; 30] = [
        6.3138, 2.9200, 2.3534, 2.1318, 2.0150, 1.9432, 1.8946, 1.8595, 1.8331, 1.8125, 1.7959, 1.7823,
        1.7709, 1.7613, 1.7531, 1.7459, 1.7396, 1.7341, 1.7291, 1.7247, 1.7207, 1.7171, 1.7139, 1.7109,
        1.7081, 1.7056, 1.7033, 1.7011, 1.6991, 1.6973,
    ];
    if let Some(&t) = TABLE.get(degrees - 1) {
        return t;
    }
    let (z, n) = (1.644_853_627_f64, degrees as f64);
    z + (z.powi(3) + z) / (4.0 * n) + (5.0 * z.powi(5) + 16.0 * z.powi(3) + 3.0 * z) / (96.0 * n * n)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_scipy() {
        // scipy.stats.t.ppf(0.95, n)
        for (degrees, t) in [(1, 6.313752), (7, 1.894579), (30, 1.697261), (31, 1.695519), (127, 1.656940)] {
            assert!((quantile(degrees) - t).abs() < 1e-4, "{degrees}");
        }
    }

    #[test]
    fn bounds_are_those_of_the_formula() {
        // mean 2.5, standard deviation 1.2910, four observations: 2.5 + 2.3534 · 0.6455
        let bound = upper_bound(&[1.0, 2.0, 3.0, 4.0], &[1, 2, 3, 4]);
        assert!((bound - 4.0191).abs() < 1e-3, "{bound}");
        assert_eq!(upper_bound(&[1.0, 2.0], &[5, 5]), f64::INFINITY);
        assert_eq!(upper_bound(&[1.0; 9], &[0, 0, 0, 0, 0, 0, 0, 0, 1]), 1.0);
    }
}
