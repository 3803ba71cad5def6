//! How likely does a model find answers? Loss per example, with an adapter or without.

use crate::train::Tokens;
use engine::train::{Example, Pack, Scorer, Stopped};
use serde::Serialize;

/// Rows of a pack, unless one example alone is longer.
const ROWS: usize = 512;

/// The losses of a set's examples, in nats.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Scores {
    /// In the order of the examples.
    pub examples: Vec<Score>,
    /// Mean of the examples' losses.
    pub mean: f64,
    /// Median of the examples' losses.
    pub median: f64,
    /// Mean over all targets: the logarithm of the perplexity.
    pub token_mean: f64,
}

/// One example.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Score {
    /// Mean loss of its targets.
    pub loss: f64,
    /// Number of its targets.
    pub targets: usize,
}

/// Scores every example. `pause` is asked before each layer of the model and says whether to stop; `done` hears how
/// many examples are.
pub fn score(
    scorer: &mut Scorer,
    tokens: &Tokens,
    pause: &mut dyn FnMut() -> bool,
    done: &mut dyn FnMut(usize),
) -> Result<Scores, Stopped> {
    Ok(Scores::of(each(scorer, &tokens.examples, pause, done)?))
}

/// The same for examples that are no set, without what sums them up.
pub(crate) fn each(
    scorer: &mut Scorer,
    examples: &[Example],
    pause: &mut dyn FnMut() -> bool,
    done: &mut dyn FnMut(usize),
) -> Result<Vec<Score>, Stopped> {
    let mut scores = Vec::new();
    for pack in packs(examples) {
        let losses = scorer.losses(&pack, pause)?;
        let mut losses = losses.iter().map(|&l| f64::from(l));
        for &targets in pack.counts() {
            let sum: f64 = losses.by_ref().take(targets).sum();
            scores.push(Score { loss: sum / targets.max(1) as f64, targets });
        }
        done(scores.len());
    }
    Ok(scores)
}

/// Mean cross-entropy and mean divergence from the teacher of each example.
pub(crate) fn compared(
    scorer: &mut Scorer,
    examples: &[Example],
    pause: &mut dyn FnMut() -> bool,
) -> Result<Vec<(f64, f64)>, Stopped> {
    let mut means = Vec::new();
    for pack in packs(examples) {
        let mut pairs = scorer.compare(&pack, pause)?.into_iter();
        for &targets in pack.counts() {
            let own = pairs.by_ref().take(targets);
            let sum = own.fold((0.0, 0.0), |sum, (a, b)| (sum.0 + f64::from(a), sum.1 + f64::from(b)));
            let count = targets.max(1) as f64;
            means.push((sum.0 / count, sum.1 / count));
        }
    }
    Ok(means)
}

/// Packs of examples in their order, each of as many as fit.
fn packs(mut rest: &[Example]) -> impl Iterator<Item = Pack> {
    std::iter::from_fn(move || {
        let mut rows = 0;
        let fits = rest.iter().take_while(|example| {
            rows += example.tokens.len();
            rows <= ROWS
        });
        let (now, later) = rest.split_at(fits.count().max(1).min(rest.len()));
        rest = later;
        (!now.is_empty()).then(|| Pack::new(now))
    })
}

impl Scores {
    fn of(examples: Vec<Score>) -> Scores {
        let count = examples.len().max(1) as f64;
        let targets: usize = examples.iter().map(|e| e.targets).sum();
        let mut sorted: Vec<f64> = examples.iter().map(|e| e.loss).collect();
        sorted.sort_by(f64::total_cmp);
        let middle = |at: usize| sorted.get(at).copied().unwrap_or(f64::NAN);
        let half = sorted.len() / 2;
        Scores {
            mean: examples.iter().map(|e| e.loss).sum::<f64>() / count,
            median: if sorted.len() % 2 == 1 {
                middle(half)
            } else {
                (middle(half.wrapping_sub(1)) + middle(half)) / 2.0
            },
            token_mean: examples.iter().map(|e| e.loss * e.targets as f64).sum::<f64>()
                / targets.max(1) as f64,
            examples,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn means_weigh_examples_and_tokens() {
        let scores = Scores::of(vec![
            Score { loss: 1.0, targets: 1 },
            Score { loss: 4.0, targets: 3 },
            Score { loss: 2.0, targets: 2 },
            Score { loss: 3.0, targets: 4 },
        ]);
        assert_eq!((scores.mean, scores.median), (2.5, 2.5));
        assert!((scores.token_mean - 2.9).abs() < 1e-12);
    }
}
