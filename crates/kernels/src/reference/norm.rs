//! RMSNorm: `y = x / sqrt(mean(x²) + eps) ⊙ weight`.

use crate::{Norm, Tensor};

/// Normalises one row in place.
pub(super) fn row(x: &mut [f32], norm: &Norm<'_>) {
    let mean_square = x.iter().map(|&v| f64::from(v).powi(2)).sum::<f64>() / x.len() as f64;
    let inverse = 1.0 / (mean_square + f64::from(norm.eps)).sqrt();
    for (v, &w) in x.iter_mut().zip(norm.weight) {
        *v = (f64::from(*v) * inverse * f64::from(w)) as f32;
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_and_four_have_a_mean_square_of_twelve_and_a_half() {
        let x = Tensor::from_slice(1, 2, &[3.0, 4.0]);
        let y = rows(&x, Some(Norm { weight: &[1.0, 2.0], eps: 0.0 }));
        let rms = 12.5f32.sqrt();
        assert!((y.row(0)[0] - 3.0 / rms).abs() < 1e-6 && (y.row(0)[1] - 8.0 / rms).abs() < 1e-6);
    }
}
