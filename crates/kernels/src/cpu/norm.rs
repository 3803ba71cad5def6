//! RMSNorm by rows: `y = x / sqrt(mean(x²) + eps) ⊙ weight`.

use super::{Cpu, parts::Parts};
use crate::{Norm, Tensor, gradient};

/// Rows per item of work.
const ROWS: usize = 16;

pub(super) fn forward(cpu: &Cpu, x: &Tensor, norm: Norm<'_>, out: &mut Tensor) {
    gradient::check_same(&[x, out]);
    assert_eq!(norm.weight.len(), x.cols(), "width of the norm");
    let (rows, cols) = (x.rows(), x.cols());
    let out = Parts::of(out);
    cpu.team().pool.for_each(rows.div_ceil(ROWS), |item| {
        for t in item * ROWS..rows.min((item + 1) * ROWS) {
            // SAFETY: row `t` belongs to this item alone.
            cpu.kernels.norm(x.row(t), &norm, unsafe { out.slice(t * cols..(t + 1) * cols) });
        }
    });
}

pub(super) fn backward(cpu: &Cpu, x: &Tensor, norm: Norm<'_>, dy: &Tensor, dx: &mut Tensor) {
    gradient::check_same(&[x, dy, dx]);
    assert_eq!(norm.weight.len(), x.cols(), "width of the norm");
    let (rows, cols) = (x.rows(), x.cols());
    let dx = Parts::of(dx);
    cpu.team().pool.for_each(rows.div_ceil(ROWS), |item| {
        for t in item * ROWS..rows.min((item + 1) * ROWS) {
            // SAFETY: row `t` belongs to this item alone.
            let dx = unsafe { dx.slice(t * cols..(t + 1) * cols) };
            cpu.kernels.norm_backward(x.row(t), &norm, dy.row(t), dx);
        }
    });
}
