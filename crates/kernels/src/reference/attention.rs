//! Causal attention over the cache, with the norm, rotation and cache write that come before it.

use super::{matmul::dot, norm, rope::rotate};
use crate::{Attend, KV_BLOCK, KvStore, Span, Tensor, device, quant};

pub(super) fn forward(
    op: &Attend<'_>,
    q: &mut Tensor,
    k: &mut Tensor,
    v: &Tensor,
    kv: &mut KvStore,
    out: &mut Tensor,
) {
    device::check_attend(op, q, k, v, kv, out);
    let dim = op.heads.dim;
    for t in 0..q.rows() {
        let (cos, sin) = (op.rope.cos.row(t), op.rope.sin.row(t));
        for (x, norm) in [(&mut *q, op.q_norm), (&mut *k, op.k_norm)] {
            for head in x.row_mut(t).chunks_exact_mut(dim) {
                if let Some(norm) = &norm {
                    norm::row(head, norm);
                }
                rotate(head, cos, sin, op.rope.pairing);
            }
        }
    }
    for span in op.spans {
        append(op, span, k, 0, kv);
        append(op, span, v, 1, kv);
        for (i, t) in span.rows.clone().enumerate() {
            for h in 0..op.heads.q {
                let head = h * dim..(h + 1) * dim;
                let kv_head = h / (op.heads.q / op.heads.kv);
                let y = attend_one(op, span, kv_head, span.start + i + 1, &q.row(t)[head.clone()], kv);
                out.row_mut(t)[head].copy_from_slice(&y);
            }
        }
    }
}

/// Stores the span's rows of `x`, keys (`which` 0) or values (1), in the cache.
fn append(op: &Attend<'_>, span: &Span<'_>, x: &Tensor, which: usize, kv: &mut KvStore) {
    let shape = kv.shape();
    for (i, t) in span.rows.clone().enumerate() {
        let position = span.start + i;
        let block = kv.block_mut(span.blocks[position / KV_BLOCK]);
        for (h, head) in x.row(t).chunks_exact(op.heads.dim).enumerate() {
            let at = shape.offset(op.layer, h, which) + position % KV_BLOCK * shape.row_bytes();
            quant::quantize_row(shape.format.row_format(), head, &mut block[at..at + shape.row_bytes()]);
        }
    }
}

/// `softmax(scale · q·Kᵀ) · V` of one query over the first `length` positions.
fn attend_one(
    op: &Attend<'_>,
    span: &Span<'_>,
    kv_head: usize,
    length: usize,
    q: &[f32],
    kv: &KvStore,
) -> Vec<f32> {
    let shape = kv.shape();
    let mut row = vec![0.0; op.heads.dim];
    let mut read = |position: usize, which: usize| {
        let block = kv.block(span.blocks[position / KV_BLOCK]);
        let at = shape.offset(op.layer, kv_head, which) + position % KV_BLOCK * shape.row_bytes();
        quant::dequantize_row(shape.format.row_format(), &block[at..at + shape.row_bytes()], &mut row);
        row.clone()
    };
    let scores: Vec<f64> = (0..length).map(|p| dot(q, &read(p, 0)) * f64::from(op.scale)).collect();
    let largest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let weights: Vec<f64> = scores.iter().map(|s| (s - largest).exp()).collect();
    let total: f64 = weights.iter().sum();
    let mut sum = vec![0.0f64; op.heads.dim];
    for (p, weight) in weights.iter().enumerate() {
        for (s, v) in sum.iter_mut().zip(read(p, 1)) {
            *s += weight / total * f64::from(v);
        }
    }
    sum.into_iter().map(|s| s as f32).collect()
}
