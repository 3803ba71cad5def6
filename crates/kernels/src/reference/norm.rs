//! RMSNorm: `y = x / sqrt(mean(x²) + eps) ⊙ weight`.

use super::{narrow, widen};
use crate::{Norm, Tensor};

/// Normalises one row in place.
pub(super) fn row(x: &mut [f32], norm: &Norm<'_>) {
    narrow(&exact(&widen(x), norm), x);
}

/// A copy of `x`, normalised by rows where there is a norm.
pub(super) fn rows(x: &Tensor, norm: Option<Norm<'_>>) -> Tensor {
    let mut y = Tensor::from_slice(x.rows(), x.cols(), x.as_slice());
    if let Some(norm) = norm {
        for r in 0..y.rows() {
            row(y.row_mut(r), &norm);
        }
    }
    y
}

/// `dx += dy · ∂y/∂x`.
pub(super) fn backward(x: &Tensor, norm: Norm<'_>, dy: &Tensor, dx: &mut Tensor) {
    for r in 0..x.rows() {
        let gradient = exact_backward(&widen(x.row(r)), &norm, &widen(dy.row(r)));
        dx.row_mut(r).iter_mut().zip(gradient).for_each(|(dx, g)| *dx = (f64::from(*dx) + g) as f32);
    }
}

fn inverse_rms(x: &[f64], norm: &Norm<'_>) -> f64 {
    let mean_square = x.iter().map(|v| v * v).sum::<f64>() / x.len() as f64;
    1.0 / (mean_square + f64::from(norm.eps)).sqrt()
}

fn exact(x: &[f64], norm: &Norm<'_>) -> Vec<f64> {
    let inverse = inverse_rms(x, norm);
    x.iter().zip(norm.weight).map(|(v, &w)| v * inverse * f64::from(w)).collect()
}

/// With `s` the inverse RMS: `dx_i = s·w_i·dy_i - x_i · s³/D · Σ_j w_j·dy_j·x_j`.
fn exact_backward(x: &[f64], norm: &Norm<'_>, dy: &[f64]) -> Vec<f64> {
    let s = inverse_rms(x, norm);
    let scaled: Vec<f64> = dy.iter().zip(norm.weight).map(|(dy, &w)| dy * f64::from(w)).collect();
    let along: f64 = scaled.iter().zip(x).map(|(g, x)| g * x).sum();
    let shrink = s.powi(3) / x.len() as f64 * along;
    scaled.iter().zip(x).map(|(g, x)| s * g - shrink * x).collect()
}

#[cfg(test)]
mod tests {
    use super::super::check::{agree, differences, numbers};
    use super::*;

    #[test]
    fn three_and_four_have_a_mean_square_of_twelve_and_a_half() {
        let x = Tensor::from_slice(1, 2, &[3.0, 4.0]);
        let y = rows(&x, Some(Norm { weight: &[1.0, 2.0], eps: 0.0 }));
        let rms = 12.5f32.sqrt();
        assert!((y.row(0)[0] - 3.0 / rms).abs() < 1e-6 && (y.row(0)[1] - 8.0 / rms).abs() < 1e-6);
    }

    #[test]
    fn the_gradient_is_that_of_the_formula() {
        let (x, dy) = (numbers(7, 1), numbers(7, 2));
        let norm = Norm { weight: &[0.5, 1.0, 2.0, -1.0, 0.0, 3.0, 0.1], eps: 1e-3 };
        let loss = |x: &[f64]| exact(x, &norm).iter().zip(&dy).map(|(y, g)| y * g).sum();
        agree(&exact_backward(&x, &norm, &dy), &differences(loss, &x));
    }
}
