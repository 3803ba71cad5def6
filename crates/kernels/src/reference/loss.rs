//! Cross-entropy: `-ln softmax(logits)[target]`.

use super::{narrow, widen};
use crate::{Tensor, gradient};

pub(super) fn cross_entropy(logits: &mut Tensor, targets: &[u32], losses: &mut [f32]) {
    gradient::check_cross_entropy(logits, targets, losses);
    for (t, (&target, loss)) in targets.iter().zip(losses).enumerate() {
        let mut row = widen(logits.row(t));
        *loss = exact(&mut row, target as usize) as f32;
        narrow(&row, logits.row_mut(t));
    }
}

/// The loss of one row, which becomes its gradient.
fn exact(row: &mut [f64], target: usize) -> f64 {
    let largest = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let sum: f64 = row.iter().map(|v| (v - largest).exp()).sum();
    let loss = sum.ln() + largest - row[target];
    row.iter_mut().for_each(|v| *v = (*v - largest).exp() / sum);
    row[target] -= 1.0;
    loss
}

#[cfg(test)]
mod tests {
    use super::super::check::{agree, differences, numbers};
    use super::*;

    #[test]
    fn the_gradient_is_that_of_the_loss() {
        let logits = numbers(9, 5);
        let mut gradient = logits.clone();
        exact(&mut gradient, 4);
        agree(&gradient, &differences(|row| exact(&mut row.to_vec(), 4), &logits));
    }

    #[test]
    fn equal_logits_cost_the_logarithm_of_their_number() {
        let mut logits = Tensor::zeros(1, 8);
        let mut losses = [0.0];
        cross_entropy(&mut logits, &[3], &mut losses);
        assert!((losses[0] - 8f32.ln()).abs() < 1e-6);
    }
}
