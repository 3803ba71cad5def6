//! A low-rank update beside a frozen layer: `y += scale · (norm(x) · aᵀ) · b`.

use super::norm;
use crate::{Lora, LoraGrad, Norm, Tensor, gradient};

pub(super) fn forward(x: &Tensor, norm: Option<Norm<'_>>, jobs: &mut [Lora<'_>]) {
    gradient::check_lora(x, norm, jobs);
    let x = norm::rows(x, norm);
    for job in jobs {
        for update in job.updates {
            for t in update.rows.clone() {
                let z = project(x.row(t), update.a, update.scale);
                for (n, y) in job.out.row_mut(t).iter_mut().enumerate() {
                    let sum: f64 = z.iter().enumerate().map(|(r, z)| z * f64::from(update.b.row(r)[n])).sum();
                    *y = (f64::from(*y) + sum) as f32;
                }
            }
        }
    }
}

/// With `z = scale · x·aᵀ` and `dz = scale · dy·bᵀ`: `db += zᵀ·dy`, `da += dzᵀ·x`, `dx += dz·a`.
pub(super) fn backward(x: &Tensor, jobs: &mut [LoraGrad<'_>], mut dx: Option<&mut Tensor>) {
    gradient::check_lora_grad(x, jobs, dx.as_deref());
    for job in jobs {
        for t in 0..x.rows() {
            let z = project(x.row(t), job.a, job.scale);
            let dz = project(job.dy.row(t), job.b, job.scale);
            for r in 0..job.a.rows() {
                add(job.db.row_mut(r), z[r], job.dy.row(t));
                add(job.da.row_mut(r), dz[r], x.row(t));
                if let Some(dx) = &mut dx {
                    add(dx.row_mut(t), dz[r], job.a.row(r));
                }
            }
        }
    }
}

/// `scale · x · aᵀ` of one row.
fn project(x: &[f32], a: &Tensor, scale: f32) -> Vec<f64> {
    (0..a.rows()).map(|r| super::matmul::dot(x, a.row(r)) * f64::from(scale)).collect()
}

/// `y += factor · x`.
fn add(y: &mut [f32], factor: f64, x: &[f32]) {
    y.iter_mut().zip(x).for_each(|(y, &x)| *y = (f64::from(*y) + factor * f64::from(x)) as f32);
}

#[cfg(test)]
mod tests {
    use super::super::check::{agree, differences, numbers};
    use super::*;
    use crate::Update;

    const T: usize = 3;
    const D: usize = 5;
    const R: usize = 2;
    const N: usize = 4;
    const SCALE: f32 = 1.5;

    fn tensor(rows: usize, cols: usize, values: &[f64]) -> Tensor {
        Tensor::from_slice(rows, cols, &values.iter().map(|&v| v as f32).collect::<Vec<_>>())
    }

    /// `Σ dy ⊙ y` in f64, straight from the definition.
    fn loss(x: &[f64], a: &[f64], b: &[f64], dy: &[f64]) -> f64 {
        let mut sum = 0.0;
        for (t, n) in (0..T).flat_map(|t| (0..N).map(move |n| (t, n))) {
            for (r, d) in (0..R).flat_map(|r| (0..D).map(move |d| (r, d))) {
                sum += dy[t * N + n] * f64::from(SCALE) * x[t * D + d] * a[r * D + d] * b[r * N + n];
            }
        }
        sum
    }

    #[test]
    fn gradients_are_those_of_the_formula() {
        let (x, a, b, dy) = (numbers(T * D, 1), numbers(R * D, 2), numbers(R * N, 3), numbers(T * N, 4));
        let (mut da, mut db, mut dx) = (Tensor::zeros(R, D), Tensor::zeros(R, N), Tensor::zeros(T, D));
        let (x32, a32, b32, dy32) = (tensor(T, D, &x), tensor(R, D, &a), tensor(R, N, &b), tensor(T, N, &dy));
        let job = LoraGrad { a: &a32, b: &b32, scale: SCALE, dy: &dy32, da: &mut da, db: &mut db };
        backward(&x32, &mut [job], Some(&mut dx));
        agree(&super::super::widen(dx.as_slice()), &differences(|x| loss(x, &a, &b, &dy), &x));
        agree(&super::super::widen(da.as_slice()), &differences(|a| loss(&x, a, &b, &dy), &a));
        agree(&super::super::widen(db.as_slice()), &differences(|b| loss(&x, &a, b, &dy), &b));
    }

    #[test]
    fn the_forward_pass_is_what_the_gradient_is_of() {
        let (x, a, b, dy) = (numbers(T * D, 1), numbers(R * D, 2), numbers(R * N, 3), numbers(T * N, 4));
        let (x32, a32, b32, mut out) =
            (tensor(T, D, &x), tensor(R, D, &a), tensor(R, N, &b), Tensor::zeros(T, N));
        let updates = [Update { rows: 0..T, a: &a32, b: &b32, scale: SCALE }];
        forward(&x32, None, &mut [Lora { updates: &updates, out: &mut out }]);
        let found: f64 = out.as_slice().iter().zip(&dy).map(|(&y, g)| f64::from(y) * g).sum();
        assert!((found - loss(&x, &a, &b, &dy)).abs() < 1e-5);
    }
}
