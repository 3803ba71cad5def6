//! Causal attention over the cache, with the norm, rotation and cache write that come before it.

use super::{matmul::dot, narrow, norm, rope, rope::rotate, widen};
use crate::{Attend, Attended, KV_BLOCK, KvStore, Span, Tensor, device, gradient, quant};
use std::ops::Range;

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

pub(super) fn backward(op: &Attend<'_>, f: &Attended<'_>, dq: &mut Tensor, dk: &mut Tensor, dv: &mut Tensor) {
    gradient::check_attend(op, f, dq, dk, dv);
    let (dim, group) = (op.heads.dim, op.heads.q / op.heads.kv);
    for tensor in [&mut *dq, &mut *dk, &mut *dv] {
        tensor.as_mut_slice().fill(0.0);
    }
    for span in op.spans {
        for h in 0..op.heads.q {
            let head = Head {
                dim,
                scale: op.scale.into(),
                q: column(f.q, &span.rows, h, dim),
                k: column(f.k, &span.rows, h / group, dim),
                v: column(f.v, &span.rows, h / group, dim),
            };
            let gradient = head.backward(&column(f.dout, &span.rows, h, dim));
            add_column(dq, &span.rows, h, dim, &gradient.q);
            add_column(dk, &span.rows, h / group, dim, &gradient.k);
            add_column(dv, &span.rows, h / group, dim, &gradient.v);
        }
    }
    for t in 0..dq.rows() {
        let (cos, sin) = (op.rope.cos.row(t), op.rope.sin.row(t));
        for x in [&mut *dq, &mut *dk] {
            for head in x.row_mut(t).chunks_exact_mut(dim) {
                rope::rotate_back(head, cos, sin, op.rope.pairing);
            }
        }
    }
}

/// One head of one sequence in f64, `[n, dim]` each.
struct Head {
    dim: usize,
    scale: f64,
    q: Vec<f64>,
    k: Vec<f64>,
    v: Vec<f64>,
}

impl Head {
    /// `softmax(scale · q_i·k_j, j <= i)` of row `i`.
    fn weights(&self, i: usize) -> Vec<f64> {
        let scores: Vec<f64> =
            (0..=i).map(|j| self.scale * product(self.row(&self.q, i), self.row(&self.k, j))).collect();
        let largest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = scores.iter().map(|s| (s - largest).exp()).sum();
        scores.iter().map(|s| (s - largest).exp() / sum).collect()
    }

    /// With p the weights and `dp_ij = dout_i·v_j`: `ds_ij = p_ij · (dp_ij - Σ_j p_ij·dp_ij)`, `dq_i = scale · Σ_j ds_ij·k_j`,
    /// `dk_j = scale · Σ_i ds_ij·q_i`, `dv_j = Σ_i p_ij·dout_i`.
    fn backward(&self, dout: &[f64]) -> Head {
        let zeros = || vec![0.0; self.q.len()];
        let mut d = Head { dim: self.dim, scale: self.scale, q: zeros(), k: zeros(), v: zeros() };
        for i in 0..self.q.len() / self.dim {
            let (weights, dout) = (self.weights(i), self.row(dout, i));
            let dp: Vec<f64> = (0..=i).map(|j| product(dout, self.row(&self.v, j))).collect();
            let mean: f64 = product(&weights, &dp);
            for j in 0..=i {
                let ds = self.scale * weights[j] * (dp[j] - mean);
                for c in 0..self.dim {
                    d.q[i * self.dim + c] += ds * self.k[j * self.dim + c];
                    d.k[j * self.dim + c] += ds * self.q[i * self.dim + c];
                    d.v[j * self.dim + c] += weights[j] * dout[c];
                }
            }
        }
        d
    }

    fn row<'a>(&self, x: &'a [f64], i: usize) -> &'a [f64] {
        &x[i * self.dim..][..self.dim]
    }
}

fn product(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Head `h` of some rows.
fn column(x: &Tensor, rows: &Range<usize>, h: usize, dim: usize) -> Vec<f64> {
    rows.clone().flat_map(|t| widen(&x.row(t)[h * dim..][..dim])).collect()
}

fn add_column(x: &mut Tensor, rows: &Range<usize>, h: usize, dim: usize, values: &[f64]) {
    for (t, values) in rows.clone().zip(values.chunks_exact(dim)) {
        let head = &mut x.row_mut(t)[h * dim..][..dim];
        let sums: Vec<f64> = widen(head).iter().zip(values).map(|(a, b)| a + b).collect();
        narrow(&sums, head);
    }
}

#[cfg(test)]
mod tests {
    use super::super::check::{agree, differences, numbers};
    use super::*;

    #[test]
    fn gradients_are_those_of_the_formula() {
        let (n, dim) = (5, 4);
        let head =
            |q: &[f64], k: &[f64], v: &[f64]| Head { dim, scale: 0.7, q: q.into(), k: k.into(), v: v.into() };
        let (q, k, v) = (numbers(n * dim, 1), numbers(n * dim, 2), numbers(n * dim, 3));
        let dout = numbers(n * dim, 4);
        let loss = |head: &Head| -> f64 {
            let out = |i: usize, c: usize| -> f64 {
                head.weights(i).iter().enumerate().map(|(j, w)| w * head.v[j * dim + c]).sum()
            };
            (0..n * dim).map(|at| dout[at] * out(at / dim, at % dim)).sum()
        };
        let gradient = head(&q, &k, &v).backward(&dout);
        agree(&gradient.q, &differences(|q| loss(&head(q, &k, &v)), &q));
        agree(&gradient.k, &differences(|k| loss(&head(&q, k, &v)), &k));
        agree(&gradient.v, &differences(|v| loss(&head(&q, &k, v)), &v));
    }
}
