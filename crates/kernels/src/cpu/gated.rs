//! SwiGLU: `y = silu(norm(x) · gateᵀ) ⊙ (norm(x) · upᵀ)`. One item computes the same rows of both.

use super::matmul::{Plan, product};
use super::{Cpu, FEW_ROWS, Scratch, Team, parts::Parts};
use crate::{Matrix, Norm, Tensor, device, gradient};
use std::ops::Range;

/// Elements per item of work on whole tensors.
const ELEMENTS: usize = 1 << 14;

pub(super) fn forward(
    cpu: &Cpu,
    x: &Tensor,
    norm: Option<Norm<'_>>,
    gate: &Matrix,
    up: &Matrix,
    out: &mut Tensor,
) {
    device::check_gated(x, norm, gate, up, out);
    if x.rows() == 0 {
        return;
    }
    if let Team { pool, tiles: Some(tiles), scratch, .. } = &mut *cpu.team()
        && x.rows() > FEW_ROWS
        && tiles.takes(gate)
        && tiles.takes(up)
    {
        return tiles.gated(pool, scratch, x, norm, gate, up, out);
    }
    let (kernels, n) = (cpu.kernels, gate.rows());
    let plan = Plan::paired(cpu, x.rows(), gate, up);
    let out = Parts::of(out);
    cpu.team().multiply(kernels, x, norm, &plan, |scratch, inputs, item| {
        let (_, rows) = plan.locate(item, std::iter::once(n));
        let Scratch { panel, acc, other, .. } = scratch;
        let width = product(kernels, gate, rows.clone(), inputs, panel, acc);
        product(kernels, up, rows.clone(), inputs, panel, other);
        for t in 0..x.rows() {
            let (gate, up) = (&mut acc[t * width..][..rows.len()], &other[t * width..][..rows.len()]);
            kernels.silu_mul(gate, up);
            // SAFETY: items divide the weight rows, so these columns belong to this item alone.
            unsafe { out.slice(t * n + rows.start..t * n + rows.end) }.copy_from_slice(gate);
        }
    });
}

pub(super) fn swiglu(cpu: &Cpu, gate: &Tensor, up: &Tensor, out: &mut Tensor) {
    gradient::check_same(&[gate, up, out]);
    let (gate, up, out) = (gate.as_slice(), up.as_slice(), Parts::of(out));
    elementwise(cpu, gate.len(), |part| {
        // SAFETY: this part belongs to this item alone.
        let out = unsafe { out.slice(part.clone()) };
        out.copy_from_slice(&gate[part.clone()]);
        cpu.kernels.silu_mul(out, &up[part]);
    });
}

pub(super) fn backward(cpu: &Cpu, gate: &mut Tensor, up: &mut Tensor, dout: &Tensor) {
    gradient::check_same(&[gate, up, dout]);
    let (dout, gate, up) = (dout.as_slice(), Parts::of(gate), Parts::of(up));
    elementwise(cpu, dout.len(), |part| {
        // SAFETY: this part belongs to this item alone.
        let (gate, up) = unsafe { (gate.slice(part.clone()), up.slice(part.clone())) };
        cpu.kernels.silu_grad(gate, up, &dout[part]);
    });
}

fn elementwise(cpu: &Cpu, count: usize, job: impl Fn(Range<usize>) + Sync) {
    cpu.team().pool.for_each(count.div_ceil(ELEMENTS), |item| {
        job(item * ELEMENTS..count.min((item + 1) * ELEMENTS));
    });
}
