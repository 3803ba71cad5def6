//! SwiGLU: `y = silu(norm(x) · gateᵀ) ⊙ (norm(x) · upᵀ)`, `silu(z) = z / (1 + exp(-z))`.

use super::{matmul::product, norm};
use crate::{Matrix, Norm, Tensor, device};

pub(super) fn forward(x: &Tensor, norm: Option<Norm<'_>>, gate: &Matrix, up: &Matrix, out: &mut Tensor) {
    device::check_gated(x, norm, gate, up, out);
    let x = norm::rows(x, norm);
    let (gate, up) = (product(&x, gate), product(&x, up));
    for ((o, &g), &u) in out.as_mut_slice().iter_mut().zip(gate.as_slice()).zip(up.as_slice()) {
        *o = silu(g) * u;
    }
}

fn silu(z: f32) -> f32 {
    (f64::from(z) / (1.0 + f64::from(-z).exp())) as f32
}
