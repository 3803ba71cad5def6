//! SwiGLU: `y = silu(norm(x) · gateᵀ) ⊙ (norm(x) · upᵀ)`, `silu(z) = z / (1 + exp(-z))`.

use super::{matmul::product, norm};
use crate::{Matrix, Norm, Tensor, device, gradient};

pub(super) fn forward(x: &Tensor, norm: Option<Norm<'_>>, gate: &Matrix, up: &Matrix, out: &mut Tensor) {
    device::check_gated(x, norm, gate, up, out);
    let x = norm::rows(x, norm);
    swiglu(&product(&x, gate), &product(&x, up), out);
}

pub(super) fn swiglu(gate: &Tensor, up: &Tensor, out: &mut Tensor) {
    gradient::check_same(&[gate, up, out]);
    for ((o, &g), &u) in out.as_mut_slice().iter_mut().zip(gate.as_slice()).zip(up.as_slice()) {
        *o = (silu(g.into()) as f32) * u;
    }
}

pub(super) fn backward(gate: &mut Tensor, up: &mut Tensor, dout: &Tensor) {
    gradient::check_same(&[gate, up, dout]);
    for ((g, u), &d) in gate.as_mut_slice().iter_mut().zip(up.as_mut_slice()).zip(dout.as_slice()) {
        let (z, d) = (f64::from(*g), f64::from(d));
        *g = (d * f64::from(*u) * silu_slope(z)) as f32;
        *u = (d * silu(z)) as f32;
    }
}

fn silu(z: f64) -> f64 {
    z / (1.0 + (-z).exp())
}

/// `silu'(z) = σ(z) · (1 + z · (1 - σ(z)))`.
fn silu_slope(z: f64) -> f64 {
    let sigma = 1.0 / (1.0 + (-z).exp());
    sigma * (1.0 + z * (1.0 - sigma))
}

#[cfg(test)]
mod tests {
    use super::super::check::{agree, differences, numbers};
    use super::*;

    #[test]
    fn the_slope_is_that_of_the_formula() {
        let z = numbers(20, 3).iter().map(|z| 4.0 * z).collect::<Vec<_>>();
        let slopes: Vec<f64> = z.iter().map(|&z| silu_slope(z)).collect();
        agree(&slopes, &differences(|z| z.iter().map(|&z| silu(z)).sum(), &z));
    }
}
