//! What a set looks like: roles, lengths, and how they are spread.

use std::collections::{BTreeMap, HashSet};

use serde::Serialize;

use crate::dataset::Example;

/// Figures of some examples.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Stats {
    /// Examples.
    pub rows: usize,
    /// Messages and characters of each role.
    pub roles: BTreeMap<String, Spoken>,
    /// Characters of an example.
    pub characters: Option<Lengths>,
    /// Tokens of an example as the model's template writes it, where a model was asked.
    pub tokens: Option<Lengths>,
    /// Examples that the model's template cannot write.
    pub refused: usize,
    /// Why not, for the first of them.
    pub first_refusal: Option<String>,
}

/// What a role said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Spoken {
    /// Messages.
    pub messages: usize,
    /// Characters of them all.
    pub characters: usize,
}

/// Lengths of examples. A percentile is a length that occurs (nearest rank).
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Lengths {
    /// The shortest.
    pub min: usize,
    /// Half of the examples are no longer.
    pub median: usize,
    /// Nine in ten are no longer.
    pub p90: usize,
    /// 99 in a hundred are no longer.
    pub p99: usize,
    /// The longest.
    pub max: usize,
    /// The mean.
    pub mean: f64,
    /// Of all together.
    pub total: usize,
    /// Examples by length: each bucket ends at a power of two.
    pub histogram: Vec<Bucket>,
}

/// Examples of a length in `from..to`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Bucket {
    /// The shortest length in it.
    pub from: usize,
    /// The first length that is not in it any more.
    pub to: usize,
    /// Examples.
    pub rows: usize,
}

/// The longest length of the first bucket.
const FIRST_BUCKET: usize = 16;

/// Looks at `examples`; `tokens` counts the tokens of one, or says why it cannot.
pub fn stats(
    examples: &[Example],
    mut tokens: Option<impl FnMut(&Example) -> Result<usize, String>>,
) -> Stats {
    let mut roles: BTreeMap<String, Spoken> = BTreeMap::new();
    let (mut characters, mut counted) = (Vec::new(), Vec::new());
    let (mut refused, mut first_refusal) = (0, None);
    for example in examples {
        let mut length = 0;
        for message in &example.messages {
            let spoken = roles.entry(message.role.clone()).or_default();
            let count = message.content.chars().count();
            spoken.messages += 1;
            spoken.characters += count;
            length += count;
        }
        characters.push(length);
        match tokens.as_mut().map(|tokens| tokens(example)) {
            Some(Ok(count)) => counted.push(count),
            Some(Err(reason)) => {
                refused += 1;
                first_refusal.get_or_insert(reason);
            }
            None => {}
        }
    }
    let (characters, tokens) = (Lengths::of(characters), Lengths::of(counted));
    Stats { rows: examples.len(), roles, characters, tokens, refused, first_refusal }
}

/// How many of `held` are also in `train`: training has seen these answers.
pub fn shared(train: &[Example], held: &[Example]) -> usize {
    let known: HashSet<_> = train.iter().map(Example::digest).collect();
    held.iter().filter(|example| known.contains(&example.digest())).count()
}

impl Lengths {
    /// `None` where there are none.
    fn of(mut lengths: Vec<usize>) -> Option<Lengths> {
        lengths.sort_unstable();
        let (&min, &max) = (lengths.first()?, lengths.last()?);
        let percentile = |p: usize| lengths[(lengths.len() * p).div_ceil(100).max(1) - 1];
        let total: usize = lengths.iter().sum();
        Some(Lengths {
            min,
            median: percentile(50),
            p90: percentile(90),
            p99: percentile(99),
            max,
            mean: total as f64 / lengths.len() as f64,
            total,
            histogram: histogram(&lengths),
        })
    }
}

/// Buckets from the first that holds an example to the last.
fn histogram(sorted: &[usize]) -> Vec<Bucket> {
    let mut buckets = Vec::new();
    let (mut from, mut to, mut counted) = (0, FIRST_BUCKET, 0);
    while counted < sorted.len() {
        let below = sorted.partition_point(|length| *length < to);
        if below > 0 {
            buckets.push(Bucket { from, to, rows: below - counted });
        }
        counted = below;
        (from, to) = (to, to.saturating_mul(2));
    }
    buckets
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_lengths_that_occur() {
        let lengths = Lengths::of((1..=100).collect()).unwrap();
        assert_eq!(
            (lengths.min, lengths.median, lengths.p90, lengths.p99, lengths.max),
            (1, 50, 90, 99, 100)
        );
        assert_eq!((lengths.total, lengths.mean), (5050, 50.5));
        let one = Lengths::of(vec![7]).unwrap();
        assert_eq!((one.min, one.median, one.p99, one.max), (7, 7, 7, 7));
        assert!(Lengths::of(Vec::new()).is_none());
    }

    #[test]
    fn every_length_is_in_one_bucket() {
        let buckets = histogram(&[20, 31, 32, 100]);
        let told: Vec<_> = buckets.iter().map(|b| (b.from, b.to, b.rows)).collect();
        assert_eq!(told, [(16, 32, 2), (32, 64, 1), (64, 128, 1)]);
        assert_eq!(histogram(&[0])[0], Bucket { from: 0, to: 16, rows: 1 });
    }
}
