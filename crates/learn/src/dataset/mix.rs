//! Several sets become one, by weight.

use std::collections::HashSet;

use crate::dataset::split::shuffled;
use crate::dataset::{DatasetError, Example, Parts};

/// A set, and its share of the mixture.
#[derive(Clone, Debug)]
pub struct Weighted {
    /// Its examples.
    pub parts: Parts,
    /// Its share beside those of the others; `None` takes all of it.
    pub weight: Option<f64>,
}

/// Mixes `sets`, part by part, so that weights hold and as many examples as possible are used: none is taken
/// twice. What is held back in one set is not trained on because of another.
pub fn mix(sets: Vec<Weighted>, seed: u64) -> Result<Parts, DatasetError> {
    if let Some(weight) = sets.iter().filter_map(|set| set.weight).find(|w| !(w.is_finite() && *w > 0.0)) {
        return Err(DatasetError::Weight(weight));
    }
    let weights: Vec<Option<f64>> = sets.iter().map(|set| set.weight).collect();
    let (mut train, mut valid, mut test) = (Vec::new(), Vec::new(), Vec::new());
    for set in sets {
        train.push(set.parts.train);
        valid.push(set.parts.valid);
        test.push(set.parts.test);
    }
    // The stricter a part, the earlier it chooses.
    let mut taken = HashSet::new();
    for part in [&mut test, &mut valid, &mut train] {
        let held = taken.clone();
        for examples in part.iter_mut() {
            examples.retain(|example| !held.contains(&example.digest()) && taken.insert(example.digest()));
        }
    }
    let join = |part: Vec<Vec<Example>>| {
        let counts = counts(&part.iter().map(Vec::len).collect::<Vec<_>>(), &weights);
        let chosen = part.into_iter().zip(counts).flat_map(|(examples, count)| {
            let mut examples = shuffled(examples, seed);
            examples.truncate(count);
            examples
        });
        shuffled(chosen.collect(), seed)
    };
    Ok(Parts { train: join(train), valid: join(valid), test: join(test) })
}

/// How many of each: the most for which the weights hold. A set without weight gives all; so does each where
/// only one has examples.
fn counts(rows: &[usize], weights: &[Option<f64>]) -> Vec<usize> {
    let there = || rows.iter().zip(weights).filter(|(rows, _)| **rows > 0);
    let unit = there().filter_map(|(rows, weight)| weight.map(|w| *rows as f64 / w)).fold(f64::MAX, f64::min);
    let count = |(rows, weight): (&usize, &Option<f64>)| {
        weight.map_or(*rows, |weight| ((weight * unit).round() as usize).min(*rows))
    };
    rows.iter().zip(weights).map(count).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scarcest_set_decides() {
        assert_eq!(counts(&[700, 700], &[Some(0.7), Some(0.3)]), [700, 300]);
        assert_eq!(counts(&[1000, 30], &[Some(7.0), Some(3.0)]), [70, 30]);
        assert_eq!(counts(&[10, 20], &[None, None]), [10, 20]);
        assert_eq!(counts(&[10, 0], &[Some(0.5), Some(0.5)]), [10, 0]);
        assert_eq!(counts(&[], &[]), [0; 0]);
    }
}
