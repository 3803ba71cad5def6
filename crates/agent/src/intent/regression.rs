//! Kernel ridge regression: the scores of a message are a sum over the samples, each weighted by how near it is.
//!
//! The kernel is Gaussian. With `K` the nearness of the samples to each other and `Y` their targets, the coefficients
//! are `(K + ridge)⁻¹ Y`, by Cholesky's decomposition.

use super::features::Features;

/// Width of the kernel: nearness is `exp(-WIDTH · distance²)`. Chosen, like [`RIDGE`], by cross-validation on the
/// training examples.
const WIDTH: f32 = 0.3;

/// What is added to the diagonal: the larger, the less a single sample counts.
const RIDGE: f64 = 0.03;

/// Scores of a message, or the targets of a sample.
pub(super) type Scores = [f64; 4];

/// What is learned from.
pub(super) struct Sample<'a> {
    pub(super) features: &'a Features,
    pub(super) targets: Scores,
    /// How much it counts.
    pub(super) weight: f64,
}

/// What was learned: the coefficients of each sample, in their order.
#[derive(Clone, Debug)]
pub(super) struct Regression(Vec<Scores>);

impl Regression {
    /// Learns from `samples`. The same samples give the same result.
    pub(super) fn train(samples: &[Sample<'_>]) -> Regression {
        let mut rows: Vec<Vec<f64>> = Vec::with_capacity(samples.len());
        for (n, sample) in samples.iter().enumerate() {
            let before = samples[..n].iter();
            let mut row: Vec<f64> =
                before.map(|other| f64::from(nearness(sample.features, other.features))).collect();
            row.push(1.0 + RIDGE / sample.weight);
            rows.push(row);
        }
        decompose(&mut rows);
        let mut solution: Vec<Scores> = samples.iter().map(|sample| sample.targets).collect();
        solve(&rows, &mut solution);
        Regression(solution)
    }

    /// The scores of a message; `samples` are those that were trained on.
    pub(super) fn scores<'a>(&self, samples: impl Iterator<Item = &'a Features>, x: &Features) -> Scores {
        let mut scores = [0.0; 4];
        for (sample, coefficients) in samples.zip(&self.0) {
            let near = f64::from(nearness(sample, x));
            scores.iter_mut().zip(coefficients).for_each(|(score, c)| *score += near * c);
        }
        scores
    }
}

/// 1 for the same, towards 0 for what is far.
fn nearness(a: &Features, b: &Features) -> f32 {
    (-WIDTH * (a.square + b.square - 2.0 * a.dot(b)).max(0.0)).exp()
}

/// Cholesky: the lower triangle `A`, row by row, becomes `L` with `L Lᵀ = A`.
fn decompose(rows: &mut [Vec<f64>]) {
    for i in 0..rows.len() {
        let (above, rest) = rows.split_at_mut(i);
        let row = &mut rest[0];
        for (j, other) in above.iter().enumerate() {
            row[j] = (row[j] - dot(&row[..j], &other[..j])) / other[j];
        }
        // The ridge keeps it above zero.
        row[i] = (row[i] - dot(&row[..i], &row[..i])).max(1e-9).sqrt();
    }
}

/// Solves `L Lᵀ x = y` in place.
fn solve(rows: &[Vec<f64>], y: &mut [Scores]) {
    for c in 0..4 {
        for (i, row) in rows.iter().enumerate() {
            let done: f64 = row[..i].iter().zip(&y[..i]).map(|(l, y)| l * y[c]).sum();
            y[i][c] = (y[i][c] - done) / row[i];
        }
        for (i, row) in rows.iter().enumerate().rev() {
            y[i][c] /= row[i];
            let value = y[i][c];
            row[..i].iter().zip(&mut y[..i]).for_each(|(l, y)| y[c] -= l * value);
        }
    }
}

/// `Σ a · b` in eight sums, which the compiler can compute at once.
fn dot(a: &[f64], b: &[f64]) -> f64 {
    let (a8, a_rest) = a.as_chunks::<8>();
    let (b8, b_rest) = b.as_chunks::<8>();
    let mut sums = [0.0; 8];
    for (a, b) in a8.iter().zip(b8) {
        for i in 0..8 {
            sums[i] += a[i] * b[i];
        }
    }
    sums.iter().sum::<f64>() + a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum::<f64>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_equations_are_solved() {
        // [[4, 2], [2, 5]] x = [8, 14] has x = [0.75, 2.5].
        let mut rows = vec![vec![4.0], vec![2.0, 5.0]];
        decompose(&mut rows);
        let mut y = vec![[8.0, 0.0, 0.0, 0.0], [14.0, 0.0, 0.0, 0.0]];
        solve(&rows, &mut y);
        assert!((y[0][0] - 0.75).abs() < 1e-12 && (y[1][0] - 2.5).abs() < 1e-12, "{y:?}");
    }

    #[test]
    fn what_can_be_told_apart_is_learned() {
        let texts = [("red apple", 0), ("green apple", 0), ("old car", 1), ("new car", 1), ("big house", 2)];
        let features: Vec<Features> = texts.iter().map(|(t, _)| Features::new(t, vec![0.5; 4])).collect();
        let samples: Vec<Sample<'_>> = (features.iter().zip(texts))
            .map(|(features, (_, class))| {
                let mut targets = [0.0; 4];
                targets[class] = 1.0;
                Sample { features, targets, weight: 1.0 }
            })
            .collect();
        let model = Regression::train(&samples);
        for (text, class) in [("red apple", 0), ("apple", 0), ("a yellow car", 1), ("house", 2)] {
            let scores = model.scores(features.iter(), &Features::new(text, vec![0.5; 4]));
            let best = (0..3).max_by(|&a, &b| scores[a].total_cmp(&scores[b]));
            assert_eq!(best, Some(class), "{text}: {scores:?}");
        }
        assert_eq!(model.0, Regression::train(&samples).0, "the same each time");
    }
}
