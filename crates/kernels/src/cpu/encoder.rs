//! LayerNorm, GELU, and attention within texts: one item is one head of one text.

use super::activations::grow;
use super::kernels::{Gemm, Softmax};
use super::{Cpu, Team, lock, parts::Parts};
use crate::encoder::{check_layer_norm, check_within};
use crate::{AlignedBuf, Encoder, LayerNorm, Tensor, Within};

/// Rows per item of work on rows.
const ROWS: usize = 16;

/// Queries that are scored at once, so that the scores stay in the second cache.
const TILE: usize = 64;

/// Memory of one thread.
#[derive(Default)]
pub(super) struct Buffers {
    /// Keys of a head, one column a position.
    keys: AlignedBuf<f32>,
    scores: AlignedBuf<f32>,
    mixed: AlignedBuf<f32>,
}

impl Encoder for Cpu {
    fn layer_norm(&self, x: &mut Tensor, norm: LayerNorm<'_>) {
        check_layer_norm(x, &norm);
        self.by_rows(x, |row| self.kernels.layer_norm(row, &norm));
    }

    fn gelu(&self, x: &mut Tensor) {
        self.by_rows(x, |row| self.kernels.gelu(row));
    }

    fn attend_within(&self, op: &Within<'_>, q: &Tensor, k: &Tensor, v: &Tensor, out: &mut Tensor) {
        check_within(op, q, k, v, out);
        let task = Task { cpu: self, op, dim: q.cols() / op.heads, q, k, v, out: Parts::of(out) };
        let Team { pool, scratch, .. } = &mut *self.team();
        pool.share(op.texts.len() * op.heads, |thread, items| {
            let buffers = &mut lock(&scratch[thread]).encoder;
            for item in items {
                // SAFETY: this head of this text belongs to this item alone.
                unsafe { task.attend(item / op.heads, item % op.heads, buffers) }
            }
        });
    }
}

impl Cpu {
    fn by_rows(&self, x: &mut Tensor, job: impl Fn(&mut [f32]) + Sync) {
        let (rows, cols) = (x.rows(), x.cols());
        let x = Parts::of(x);
        self.team().pool.for_each(rows.div_ceil(ROWS), |item| {
            for t in item * ROWS..rows.min((item + 1) * ROWS) {
                // SAFETY: row `t` belongs to this item alone.
                job(unsafe { x.slice(t * cols..(t + 1) * cols) });
            }
        });
    }
}

struct Task<'a> {
    cpu: &'a Cpu,
    op: &'a Within<'a>,
    dim: usize,
    q: &'a Tensor,
    k: &'a Tensor,
    v: &'a Tensor,
    out: Parts<'a, f32>,
}

impl Task<'_> {
    /// # Safety
    /// No other thread writes this head of this text.
    unsafe fn attend(&self, text: usize, head: usize, b: &mut Buffers) {
        let (rows, dim, cols) = (self.op.texts[text].clone(), self.dim, self.q.cols());
        let (count, kernels) = (rows.len(), self.cpu.kernels);
        if count == 0 {
            return;
        }
        let stride = count.next_multiple_of(16);
        grow(&mut b.keys, dim * stride);
        grow(&mut b.scores, TILE * stride);
        grow(&mut b.mixed, TILE * dim);
        let at = |row: usize| row * cols + head * dim;
        for (p, row) in rows.clone().enumerate() {
            for (d, key) in self.k.row(row)[head * dim..][..dim].iter().enumerate() {
                b.keys[d * stride + p] = *key;
            }
        }
        let scale = 1.0 / (dim as f32).sqrt();
        for first in rows.clone().step_by(TILE) {
            let m = TILE.min(rows.end - first);
            let (scores, mixed) = (&mut b.scores[..m * stride], &mut b.mixed[..m * dim]);
            scores.fill(0.0);
            let shape = Gemm { m, n: stride, k: dim, a_stride: cols, b_stride: stride, c_stride: stride };
            kernels.gemm_floats(shape, &self.q.as_slice()[at(first)..], &b.keys[..dim * stride], scores);
            mixed.fill(0.0);
            let mut totals = [0.0; TILE];
            for (scores, total) in scores.chunks_exact_mut(stride).zip(&mut totals) {
                let mut state = Softmax::EMPTY;
                kernels.softmax(&mut scores[..count], scale, &mut state);
                *total = state.sum;
            }
            let shape = Gemm { m, n: dim, k: count, a_stride: stride, b_stride: cols, c_stride: dim };
            kernels.gemm_floats(shape, scores, &self.v.as_slice()[at(rows.start)..], mixed);
            for ((row, mixed), total) in (first..).zip(mixed.chunks_exact(dim)).zip(totals) {
                // SAFETY: by the caller's promise.
                let out = unsafe { self.out.slice(at(row)..at(row) + dim) };
                out.iter_mut().zip(mixed).for_each(|(o, m)| *o = m / total);
            }
        }
    }
}
