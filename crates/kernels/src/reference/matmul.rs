//! Matrix product with quantised weights: `y = norm(x) · wᵀ + b`.

use super::norm;
use crate::{Linear, LinearGrad, Matrix, Norm, Tensor, device, gradient, quant::dequantize_row};

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

/// `dx = Σ dy · w`.
pub(super) fn backward(jobs: &[LinearGrad<'_>], dx: &mut Tensor) {
    gradient::check_linear(jobs, dx);
    let (rows, cols) = (dx.rows(), dx.cols());
    let mut sums = vec![0.0f64; rows * cols];
    let mut row = vec![0.0; cols];
    for job in jobs {
        for n in 0..job.weight.rows() {
            dequantize_row(job.weight.format(), job.weight.row(n), &mut row);
            for (t, sums) in sums.chunks_exact_mut(cols).enumerate() {
                let dy = f64::from(job.dy.row(t)[n]);
                sums.iter_mut().zip(&row).for_each(|(s, &w)| *s += dy * f64::from(w));
            }
        }
    }
    super::narrow(&sums, dx.as_mut_slice());
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

#[cfg(test)]
mod tests {
    use super::super::check::{agree, differences, numbers};
    use super::*;
    use crate::{Bytes, Format, quant::quantize_row};

    #[test]
    fn the_gradient_is_that_of_the_product() {
        const D: usize = 32;
        let weights: Vec<f32> = numbers(3 * D, 1).iter().map(|&v| v as f32).collect();
        let mut bytes = vec![0; 3 * Format::Q4_1.row_bytes(D)];
        for (row, bytes) in weights.chunks(D).zip(bytes.chunks_mut(Format::Q4_1.row_bytes(D))) {
            quantize_row(Format::Q4_1, row, bytes);
        }
        let w = Matrix::new(Format::Q4_1, 3, D, Bytes::copy(&bytes)).unwrap();
        let stored: Vec<f64> = (0..3)
            .flat_map(|n| {
                let mut row = [0.0; D];
                dequantize_row(w.format(), w.row(n), &mut row);
                row.map(f64::from)
            })
            .collect();
        let (x, dy) = (numbers(2 * D, 2), numbers(6, 3));
        let loss = |x: &[f64]| -> f64 {
            let y = |t: usize, n: usize| -> f64 { (0..D).map(|d| x[t * D + d] * stored[n * D + d]).sum() };
            (0..6).map(|i| dy[i] * y(i / 3, i % 3)).sum()
        };
        let dy32 = Tensor::from_slice(2, 3, &dy.iter().map(|&v| v as f32).collect::<Vec<_>>());
        let mut dx = Tensor::zeros(2, D);
        backward(&[LinearGrad { weight: &w, dy: &dy32 }], &mut dx);
        agree(&super::super::widen(dx.as_slice()), &differences(loss, &x));
    }
}
