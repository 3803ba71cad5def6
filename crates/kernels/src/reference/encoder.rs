//! LayerNorm, GELU and attention within texts, in f64.

use super::{Reference, narrow, widen};
use crate::encoder::{check_layer_norm, check_within};
use crate::{Encoder, LayerNorm, Tensor, Within};

impl Encoder for Reference {
    fn layer_norm(&self, x: &mut Tensor, norm: LayerNorm<'_>) {
        check_layer_norm(x, &norm);
        for r in 0..x.rows() {
            let row = widen(x.row(r));
            let mean = row.iter().sum::<f64>() / row.len() as f64;
            let variance = row.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / row.len() as f64;
            let inverse = 1.0 / (variance + f64::from(norm.eps)).sqrt();
            let parameters = norm.weight.iter().zip(norm.bias);
            let y: Vec<f64> = (row.iter().zip(parameters))
                .map(|(v, (&w, &b))| (v - mean) * inverse * f64::from(w) + f64::from(b))
                .collect();
            narrow(&y, x.row_mut(r));
        }
    }

    fn gelu(&self, x: &mut Tensor) {
        x.as_mut_slice().iter_mut().for_each(|v| *v = gelu((*v).into()) as f32);
    }

    fn attend_within(&self, op: &Within<'_>, q: &Tensor, k: &Tensor, v: &Tensor, out: &mut Tensor) {
        check_within(op, q, k, v, out);
        let dim = q.cols() / op.heads;
        for text in op.texts {
            for (head, row) in (0..op.heads).flat_map(|h| text.clone().map(move |row| (h, row))) {
                let part = head * dim..(head + 1) * dim;
                let of = |t: &Tensor, r: usize| widen(&t.row(r)[part.clone()]);
                let query = of(q, row);
                let scores: Vec<f64> = (text.clone())
                    .map(|r| {
                        query.iter().zip(of(k, r)).map(|(q, k)| q * k).sum::<f64>() / (dim as f64).sqrt()
                    })
                    .collect();
                let max = scores.iter().fold(f64::NEG_INFINITY, |a, &b| a.max(b));
                let weights: Vec<f64> = scores.iter().map(|s| (s - max).exp()).collect();
                let total: f64 = weights.iter().sum();
                let mut mixed = vec![0.0; dim];
                for (r, weight) in text.clone().zip(&weights) {
                    mixed.iter_mut().zip(of(v, r)).for_each(|(m, v)| *m += weight / total * v);
                }
                narrow(&mixed, &mut out.row_mut(row)[part]);
            }
        }
    }
}

/// `x · Φ(x)`.
fn gelu(x: f64) -> f64 {
    x * 0.5 * erfc(-x * std::f64::consts::FRAC_1_SQRT_2)
}

/// `1 - erf(x)`: the series of erf near zero, the continued fraction of erfc elsewhere (Abramowitz and Stegun
/// 7.1.6 and 7.1.14).
fn erfc(x: f64) -> f64 {
    if x < 0.0 {
        return 2.0 - erfc(-x);
    }
    let bell = (-x * x).exp();
    if x < 2.5 {
        let (mut term, mut sum) = (x, x);
        for n in 1..100 {
            term *= 2.0 * x * x / f64::from(2 * n + 1);
            sum += term;
        }
        return 1.0 - std::f64::consts::FRAC_2_SQRT_PI * bell * sum;
    }
    let fraction = (1..=60).rev().fold(x, |below, n| x + f64::from(n) / 2.0 / below);
    bell / fraction / std::f64::consts::PI.sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values of `math.erfc` of Python.
    #[test]
    fn erfc_is_that_of_the_c_library() {
        for (x, expected) in [
            (0.0, 1.0),
            (0.5, 0.4795001221869535),
            (-1.0, 1.842_700_792_949_715),
            (2.0, 0.004677734981047266),
            (3.0, 2.209_049_699_858_544e-5),
            (5.0, 1.537_459_794_428_035e-12),
        ] {
            assert!((erfc(x) - expected).abs() <= 1e-13 + 1e-12 * expected, "{x}: {}", erfc(x));
        }
    }
}
