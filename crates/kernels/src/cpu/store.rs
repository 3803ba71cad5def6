//! Tensors in half of their memory, as bf16.

use super::{Cpu, parts::Parts};
use crate::Tensor;

/// Elements per item of work.
const ELEMENTS: usize = 1 << 15;

pub(super) fn narrow(cpu: &Cpu, x: &Tensor, out: &mut Vec<u16>) {
    let x = x.as_slice();
    out.resize(x.len(), 0);
    let out = Parts::new(out);
    cpu.team().pool.for_each(x.len().div_ceil(ELEMENTS), |item| {
        let part = item * ELEMENTS..x.len().min((item + 1) * ELEMENTS);
        // SAFETY: this part belongs to this item alone.
        cpu.kernels.narrow_half(&x[part.clone()], unsafe { out.slice(part) });
    });
}

pub(super) fn widen(cpu: &Cpu, x: &[u16], out: &mut Tensor) {
    assert_eq!(x.len(), out.as_slice().len(), "as many numbers");
    let out = Parts::of(out);
    cpu.team().pool.for_each(x.len().div_ceil(ELEMENTS), |item| {
        let part = item * ELEMENTS..x.len().min((item + 1) * ELEMENTS);
        // SAFETY: this part belongs to this item alone.
        cpu.kernels.widen_half(&x[part.clone()], unsafe { out.slice(part) });
    });
}
