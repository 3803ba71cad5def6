//! What training adds to the portable kernels: gradients of rows, the loss, and rounding to bf16.

use super::portable::{dot, exp, fma, sum16};
use super::products::SLICE;
use crate::quant::dequantize_row;
use crate::{Matrix, Norm};
use std::ops::Range;

/// With `s` the inverse RMS: `dx_i += s·w_i·dy_i - x_i · s³/D · Σ_j w_j·dy_j·x_j`.
#[inline(always)]
pub(crate) fn norm_backward<const FMA: bool>(x: &[f32], norm: &Norm<'_>, dy: &[f32], dx: &mut [f32]) {
    let inverse = 1.0 / (dot::<false>(x, x) / x.len() as f32 + norm.eps).sqrt();
    let mut sums = [0.0f32; 16];
    for ((x, dy), w) in x.chunks(16).zip(dy.chunks(16)).zip(norm.weight.chunks(16)) {
        for (((sum, x), dy), w) in sums.iter_mut().zip(x).zip(dy).zip(w) {
            *sum = fma::<FMA>(x * dy, *w, *sum);
        }
    }
    let shrink = inverse * inverse * inverse / x.len() as f32 * sum16(sums);
    for (((dx, &x), &dy), &w) in dx.iter_mut().zip(x).zip(dy).zip(norm.weight) {
        *dx += inverse * w * dy - shrink * x;
    }
}

/// See `Kernels::dequantize`.
#[inline(always)]
pub(crate) fn dequantize(w: &Matrix, rows: Range<usize>, cols: Range<usize>, out: &mut [f32]) {
    // The longest block.
    const PASS: usize = 256;
    let (mut buffer, slice) = ([0.0f32; PASS], SLICE * rows.len());
    for (r, row) in rows.enumerate() {
        for c in cols.clone().step_by(PASS) {
            let pass = c..cols.end.min(c + PASS);
            let bytes = w.format().row_bytes(pass.start)..w.format().row_bytes(pass.end);
            let weights = &mut buffer[..pass.len()];
            dequantize_row(w.format(), &w.row(row)[bytes], weights);
            for (i, weights) in weights.chunks(SLICE).enumerate() {
                out[((c - cols.start) / SLICE + i) * slice + r * SLICE..][..weights.len()]
                    .copy_from_slice(weights);
            }
        }
    }
}

/// With `σ = 1 / (1 + exp(-z))`: `dgate = dout · up · σ · (1 + z · (1 - σ))`, `dup = dout · z · σ`.
#[inline(always)]
pub(crate) fn silu_grad<const FMA: bool>(gate: &mut [f32], up: &mut [f32], dout: &[f32]) {
    for ((g, u), &d) in gate.iter_mut().zip(up).zip(dout) {
        let (z, e) = (*g, exp::<FMA>(-g.abs()));
        let sigma = if z < 0.0 { e } else { 1.0 } / (1.0 + e);
        *g = d * *u * sigma * (1.0 + z * (1.0 - sigma));
        *u = d * z * sigma;
    }
}

/// Rounds to bf16, ties to even; what is no number stays none.
#[inline(always)]
pub(crate) fn narrow_half(x: &[f32], out: &mut [u16]) {
    for (o, v) in out.iter_mut().zip(x) {
        let bits = v.to_bits();
        let rounded = bits.wrapping_add(0x7fff + (bits >> 16 & 1)) >> 16;
        *o = if v.is_nan() { (bits >> 16) as u16 | 0x40 } else { rounded as u16 };
    }
}

#[inline(always)]
pub(crate) fn widen_half(x: &[u16], out: &mut [f32]) {
    for (o, &v) in out.iter_mut().zip(x) {
        *o = f32::from_bits(u32::from(v) << 16);
    }
}

/// `-ln softmax(row)[target]`; the row becomes `softmax(row) - onehot(target)`.
#[inline(always)]
pub(crate) fn cross_entropy<const FMA: bool>(row: &mut [f32], target: usize) -> f32 {
    let mut lanes = [f32::NEG_INFINITY; 16];
    for chunk in row.chunks(16) {
        for (lane, &v) in lanes.iter_mut().zip(chunk) {
            *lane = if v > *lane { v } else { *lane };
        }
    }
    let max = lanes.into_iter().fold(f32::NEG_INFINITY, |a, b| if b > a { b } else { a });
    let score = row[target] - max;
    // Sums of 16 lanes grow long; blocks of rows of lanes keep their rounding small.
    let mut total = 0.0f64;
    for block in row.chunks_mut(4096) {
        let mut sums = [0.0f32; 16];
        for chunk in block.chunks_mut(16) {
            for (sum, v) in sums.iter_mut().zip(chunk) {
                *v = exp::<FMA>(*v - max);
                *sum += *v;
            }
        }
        total += f64::from(sum16(sums));
    }
    let inverse = (1.0 / total) as f32;
    row.iter_mut().for_each(|v| *v *= inverse);
    row[target] -= 1.0;
    (total.ln() - f64::from(score)) as f32
}

/// The larger of both, element by element.
#[inline(always)]
pub(crate) fn max_row(s: &[f32], max: &mut [f32]) {
    for (max, &s) in max.iter_mut().zip(s) {
        *max = if s > *max { s } else { *max };
    }
}

/// One row of transposed scores: `s = exp(scale · (s - max))`, which is added to `sum`. Columns are queries.
#[inline(always)]
pub(crate) fn exp_row<const FMA: bool>(s: &mut [f32], scale: f32, max: &[f32], sum: &mut [f32]) {
    for ((s, &max), sum) in s.iter_mut().zip(max).zip(sum) {
        *s = exp::<FMA>(scale * (*s - max));
        *sum += *s;
    }
}

/// One row of `exp(S - max)` and of the gradients of weights: `s` becomes the weights `p = s · inverse`, `ds` becomes
/// `scale · p · (ds - delta)`.
#[inline(always)]
pub(crate) fn score_grad(s: &mut [f32], ds: &mut [f32], scale: f32, inverse: &[f32], delta: &[f32]) {
    for (((s, ds), &inverse), &delta) in s.iter_mut().zip(ds).zip(inverse).zip(delta) {
        *s *= inverse;
        *ds = scale * *s * (*ds - delta);
    }
}
