//! What encoders add to the portable kernels.

use super::portable::{dot, exp, fma, sum16};
use crate::LayerNorm;

/// LayerNorm of one row.
#[inline(always)]
pub(crate) fn layer_norm<const FMA: bool>(x: &mut [f32], norm: &LayerNorm<'_>) {
    let (chunks, rest) = x.as_chunks::<16>();
    let mut sums = [0.0f32; 16];
    for chunk in chunks {
        for i in 0..16 {
            sums[i] += chunk[i];
        }
    }
    sums.iter_mut().zip(rest).for_each(|(sum, v)| *sum += v);
    let mean = sum16(sums) / x.len() as f32;
    x.iter_mut().for_each(|v| *v -= mean);
    let variance = dot::<FMA>(x, x) / x.len() as f32;
    let inverse = 1.0 / (variance + norm.eps).sqrt();
    for ((v, &w), &b) in x.iter_mut().zip(norm.weight).zip(norm.bias) {
        *v = fma::<FMA>(*v * inverse, w, b);
    }
}

/// `x · Φ(x)`, with the tail of the normal distribution to within 1.5e-7 (Abramowitz and Stegun 7.1.26).
#[inline(always)]
pub(crate) fn gelu<const FMA: bool>(x: &mut [f32]) {
    for v in x {
        let z = v.abs() * std::f32::consts::FRAC_1_SQRT_2;
        let t = 1.0 / fma::<FMA>(z, 0.327_591_1, 1.0);
        let mut p = 1.061_405_4;
        for c in [-1.453_152, 1.421_413_7, -0.284_496_74, 0.254_829_6] {
            p = fma::<FMA>(p, t, c);
        }
        let tail = 0.5 * p * t * exp::<FMA>(-z * z);
        let share = if *v < 0.0 { tail } else { 1.0 - tail };
        *v *= share;
    }
}
