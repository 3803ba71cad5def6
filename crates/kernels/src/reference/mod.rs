//! What is the right answer? Plain loops over dequantised weights and exact f32 activations.
//!
//! Each file is one operation; its forward and its backward stand side by side. Nothing here is fast.
//! The other devices are held to it by `tests/ops.rs`.

mod attention;
mod embed;
mod encoder;
mod gated;
mod lora;
mod loss;
mod matmul;
mod norm;
mod rope;

use crate::{
    Attend, Attended, Device, KvStore, Linear, LinearGrad, Lora, LoraGrad, Matrix, Norm, Tensor, gradient,
};

/// The reference device. One thread, no state.
#[derive(Clone, Copy, Debug, Default)]
pub struct Reference;

impl Device for Reference {
    fn describe(&self) -> String {
        "reference".to_owned()
    }

    fn embed(&self, table: &Matrix, ids: &[u32], out: &mut Tensor) {
        embed::forward(table, ids, out);
    }

    fn linear(&self, x: &Tensor, norm: Option<Norm<'_>>, jobs: &mut [Linear<'_>]) {
        matmul::forward(x, norm, jobs);
    }

    fn linear_backward(&self, jobs: &[LinearGrad<'_>], dx: &mut Tensor) {
        matmul::backward(jobs, dx);
    }

    fn lora(&self, x: &Tensor, norm: Option<Norm<'_>>, jobs: &mut [Lora<'_>]) {
        lora::forward(x, norm, jobs);
    }

    fn lora_backward(&self, x: &Tensor, jobs: &mut [LoraGrad<'_>], dx: Option<&mut Tensor>) {
        lora::backward(x, jobs, dx);
    }

    fn norm(&self, x: &Tensor, norm: Norm<'_>, out: &mut Tensor) {
        gradient::check_same(&[x, out]);
        *out = norm::rows(x, Some(norm));
    }

    fn norm_backward(&self, x: &Tensor, norm: Norm<'_>, dy: &Tensor, dx: &mut Tensor) {
        gradient::check_same(&[x, dy, dx]);
        norm::backward(x, norm, dy, dx);
    }

    fn gated(&self, x: &Tensor, norm: Option<Norm<'_>>, gate: &Matrix, up: &Matrix, out: &mut Tensor) {
        gated::forward(x, norm, gate, up, out);
    }

    fn swiglu(&self, gate: &Tensor, up: &Tensor, out: &mut Tensor) {
        gated::swiglu(gate, up, out);
    }

    fn swiglu_backward(&self, gate: &mut Tensor, up: &mut Tensor, dout: &Tensor) {
        gated::backward(gate, up, dout);
    }

    fn attend(
        &self,
        op: &Attend<'_>,
        q: &mut Tensor,
        k: &mut Tensor,
        v: &Tensor,
        kv: &mut KvStore,
        out: &mut Tensor,
    ) {
        attention::forward(op, q, k, v, kv, out);
    }

    fn attend_backward(
        &self,
        op: &Attend<'_>,
        forward: &Attended<'_>,
        dq: &mut Tensor,
        dk: &mut Tensor,
        dv: &mut Tensor,
    ) {
        attention::backward(op, forward, dq, dk, dv);
    }

    fn narrow(&self, x: &Tensor, out: &mut Vec<u16>) {
        out.clear();
        out.extend(x.as_slice().iter().map(|&v| half::bf16::from_f32(v).to_bits()));
    }

    fn widen(&self, x: &[u16], out: &mut Tensor) {
        assert_eq!(x.len(), out.as_slice().len(), "as many numbers");
        out.as_mut_slice().iter_mut().zip(x).for_each(|(o, &v)| *o = half::bf16::from_bits(v).to_f32());
    }

    fn cross_entropy(&self, logits: &mut Tensor, targets: &[u32], losses: &mut [f32]) {
        loss::cross_entropy(logits, targets, losses);
    }
}

fn widen(x: &[f32]) -> Vec<f64> {
    x.iter().map(|&v| f64::from(v)).collect()
}

fn narrow(x: &[f64], out: &mut [f32]) {
    out.iter_mut().zip(x).for_each(|(o, &v)| *o = v as f32);
}

/// Gradients by differences, in f64.
#[cfg(test)]
mod check {
    /// Numbers between -1 and 1, the same for every call with a seed.
    pub(super) fn numbers(count: usize, seed: u64) -> Vec<f64> {
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            f64::from((state >> 33) as u32) / f64::from(1u32 << 30) - 1.0
        };
        // Exact in f32, so that operations on tensors see the same numbers.
        (0..count).map(|_| f64::from(next() as f32)).collect()
    }

    /// `∂f/∂x_i` by central differences.
    pub(super) fn differences(f: impl Fn(&[f64]) -> f64, x: &[f64]) -> Vec<f64> {
        const STEP: f64 = 1e-5;
        let at = |i: usize, step: f64| {
            let mut x = x.to_vec();
            x[i] += step;
            f(&x)
        };
        (0..x.len()).map(|i| (at(i, STEP) - at(i, -STEP)) / (2.0 * STEP)).collect()
    }

    pub(super) fn agree(found: &[f64], expected: &[f64]) {
        assert_eq!(found.len(), expected.len());
        for (i, (a, b)) in found.iter().zip(expected).enumerate() {
            assert!((a - b).abs() <= 1e-6 * (1.0 + b.abs()), "element {i}: {a} and {b}");
        }
    }
}
