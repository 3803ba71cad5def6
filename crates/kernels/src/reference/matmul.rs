//! Matrix product with quantised weights: `y = norm(x) · wᵀ + b`.

use super::norm;
use crate::{Linear, Matrix, Norm, Tensor, device, quant::dequantize_row};

pub(super) fn forward(x: &Tensor, norm: Option<Norm<'_>>, jobs: &mut [Linear<'_>]) {
    device::check_linear(x, norm, jobs);
    let x = norm::rows(x, norm);
    for job in jobs {
        let y = product(&x, job.weight);
        for t in 0..x.rows() {
            for (n, out) in job.out.row_mut(t).iter_mut().enumerate() {
                let y = y.row(t)[n] + job.bias.map_or(0.0, |b| b[n]);
                *out = if job.add { *out + y } else { y };
            }
        }
    }
}

/// `x · wᵀ`, `x [T, D]`, `w [N, D]`, accumulated in f64.
pub(super) fn product(x: &Tensor, w: &Matrix) -> Tensor {
    let mut y = Tensor::zeros(x.rows(), w.rows());
    let mut row = vec![0.0; w.cols()];
    for n in 0..w.rows() {
        dequantize_row(w.format(), w.row(n), &mut row);
        for t in 0..x.rows() {
            y.row_mut(t)[n] = dot(x.row(t), &row) as f32;
        }
    }
    y
}

/// `Σ a·b`; four sums so that the processor can overlap them.
pub(super) fn dot(a: &[f32], b: &[f32]) -> f64 {
    let mut sums = [0.0f64; 4];
    for (i, (&a, &b)) in a.iter().zip(b).enumerate() {
        sums[i % 4] += f64::from(a) * f64::from(b);
    }
    sums.iter().sum()
}
