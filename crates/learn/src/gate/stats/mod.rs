//! The gate's statistics, one test a file.

mod bound;
mod evidence;
mod sign_flip;

pub use bound::upper_bound;
pub use evidence::log_evidence;
pub use sign_flip::sign_flip;

/// Sums of `values` by topic, in the order of the topics.
fn by_topic(values: &[f64], topics: &[u64]) -> Vec<(f64, usize)> {
    let mut sums = std::collections::BTreeMap::<u64, (f64, usize)>::new();
    for (value, topic) in values.iter().zip(topics) {
        let sum = sums.entry(*topic).or_default();
        *sum = (sum.0 + value, sum.1 + 1);
    }
    sums.into_values().collect()
}

/// The mean.
pub fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}
