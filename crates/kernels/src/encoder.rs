//! What an encoder needs beyond a decoder's operations: LayerNorm, GELU, and attention in both directions.
//!
//! Letters as in `device.rs`: `T` rows of the batch, `D` model width.

use crate::{Device, Tensor};
use std::ops::Range;

/// A device that computes encoders too.
pub trait Encoder: Device {
    /// LayerNorm by rows, in place: `x = (x - mean) / sqrt(variance + eps) ⊙ weight + bias`. `x [T, D]`.
    fn layer_norm(&self, x: &mut Tensor, norm: LayerNorm<'_>);

    /// `x = x · Φ(x)` with the distribution function `Φ` of the normal distribution, in place.
    fn gelu(&self, x: &mut Tensor);

    /// `out = softmax(q · kᵀ / sqrt(dim)) · v` by heads, each text over all of itself and nothing else.
    /// All `[T, heads · dim]`.
    fn attend_within(&self, op: &Within<'_>, q: &Tensor, k: &Tensor, v: &Tensor, out: &mut Tensor);
}

/// LayerNorm's parameters.
#[derive(Clone, Copy, Debug)]
pub struct LayerNorm<'a> {
    /// `[D]`.
    pub weight: &'a [f32],
    /// `[D]`.
    pub bias: &'a [f32],
    /// Added to the variance.
    pub eps: f32,
}

/// Attention within texts.
#[derive(Clone, Copy, Debug)]
pub struct Within<'a> {
    /// Number of heads.
    pub heads: usize,
    /// The rows of each text; together they tile `0..T`.
    pub texts: &'a [Range<usize>],
}

// What every device asserts before it computes; see `device.rs`.

pub(crate) fn check_layer_norm(x: &Tensor, norm: &LayerNorm<'_>) {
    assert_eq!((norm.weight.len(), norm.bias.len()), (x.cols(), x.cols()), "width of the norm");
}

pub(crate) fn check_within(op: &Within<'_>, q: &Tensor, k: &Tensor, v: &Tensor, out: &Tensor) {
    let shape = (q.rows(), q.cols());
    assert!([k, v, out].iter().all(|t| (t.rows(), t.cols()) == shape), "shape of q, k, v and out");
    assert!(op.heads > 0 && shape.1.is_multiple_of(op.heads), "whole heads");
    let mut next = 0;
    for text in op.texts {
        assert!(text.start == next && text.end >= next, "texts tile the batch");
        next = text.end;
    }
    assert_eq!(next, shape.0, "texts tile the batch");
}
