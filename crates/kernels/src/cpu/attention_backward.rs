//! Gradients of causal attention without a matrix of all scores.
//!
//! One item is one query head of one sequence. Scores are computed block by block and transposed (rows are positions,
//! columns are queries): then every product below reads its operands as they lie. With S the scaled scores,
//! P = exp(S - lse), D_i = dout_i·out_i and dS = P ⊙ (dP - D) · scale (Dao et al., "FlashAttention", 2022):
//!
//! ```text
//! Sᵀ = K·Qᵀ    dPᵀ = V·dOᵀ    dV += Pᵀ·dO    dK += dSᵀ·Q    dQᵀ += Kᵀ·dSᵀ
//! ```

use super::activations::grow;
use super::kernels::{Gemm, Kernels};
use super::parts::Parts;
use super::{Cpu, Team, lock};
use crate::{AlignedBuf, Attend, Attended, Span, Tensor, gradient};
use std::ops::Range;

/// Positions, and queries, of a block.
const BLOCK: usize = 64;

/// Rows per item of the last phase.
const ROWS: usize = 16;

/// Memory of one thread.
#[derive(Default)]
pub(super) struct Buffers {
    /// Queries, keys and the result's gradient of the head, `[dim, n]`.
    q: AlignedBuf<f32>,
    k: AlignedBuf<f32>,
    dout: AlignedBuf<f32>,
    /// `[dim, n]`.
    dq: AlignedBuf<f32>,
    /// `[n, dim]`.
    dk: AlignedBuf<f32>,
    dv: AlignedBuf<f32>,
    /// Scores, and gradients of weights, `[BLOCK positions][BLOCK queries]`.
    s: AlignedBuf<f32>,
    ds: AlignedBuf<f32>,
    /// One number for each query of a block.
    max: AlignedBuf<f32>,
    sum: AlignedBuf<f32>,
    lse: AlignedBuf<f32>,
    delta: AlignedBuf<f32>,
}

pub(super) fn backward(
    cpu: &Cpu,
    op: &Attend<'_>,
    f: &Attended<'_>,
    dq: &mut Tensor,
    dk: &mut Tensor,
    dv: &mut Tensor,
) {
    gradient::check_attend(op, f, dq, dk, dv);
    let (heads, dim, rows) = (op.heads, op.heads.dim, f.q.rows());
    let mut team = cpu.team();
    let Team { pool, scratch, partials, .. } = &mut *team;
    // Every query head leaves its own gradients of keys and values; those of a key head are added in order below.
    let each = rows * heads.q * dim;
    grow(partials, 2 * each);
    let (dk_parts, dv_parts) = partials[..2 * each].split_at_mut(each);
    let task = Task {
        kernels: cpu.kernels,
        op,
        f,
        dq: Parts::of(dq),
        dk: Parts::new(dk_parts),
        dv: Parts::new(dv_parts),
    };
    pool.share(op.spans.len() * heads.q, |thread, items| {
        let b = &mut lock(&scratch[thread]).attention_backward;
        for item in items {
            // SAFETY: an item alone writes its head of its sequence.
            unsafe { task.head(&op.spans[item / heads.q], item % heads.q, b) }
        }
    });
    let (group, width) = (heads.q / heads.kv, heads.kv * dim);
    let (dq, dk, dv) = (Parts::of(dq), Parts::of(dk), Parts::of(dv));
    let (dk_parts, dv_parts) = (&partials[..each], &partials[each..2 * each]);
    pool.for_each(rows.div_ceil(ROWS), |item| {
        for t in item * ROWS..rows.min((item + 1) * ROWS) {
            // SAFETY: row `t` belongs to this item alone.
            let (dq, dk, dv) = unsafe {
                let kv = t * width..(t + 1) * width;
                (dq.slice(t * heads.q * dim..(t + 1) * heads.q * dim), dk.slice(kv.clone()), dv.slice(kv))
            };
            for (sums, parts) in [(&mut *dk, dk_parts), (&mut *dv, dv_parts)] {
                for (h, head) in sums.chunks_exact_mut(dim).enumerate() {
                    head.fill(0.0);
                    for g in h * group..(h + 1) * group {
                        let part = &parts[(t * heads.q + g) * dim..][..dim];
                        head.iter_mut().zip(part).for_each(|(sum, v)| *sum += v);
                    }
                }
            }
            turn_back(cpu.kernels, op, t, dq);
            turn_back(cpu.kernels, op, t, dk);
        }
    });
}

/// The gradient of a rotation is the rotation back.
fn turn_back(kernels: &Kernels, op: &Attend<'_>, t: usize, heads: &mut [f32]) {
    let back: Vec<f32> = op.rope.sin.row(t).iter().map(|sin| -sin).collect();
    for head in heads.chunks_exact_mut(op.heads.dim) {
        kernels.rotate(head, op.rope.cos.row(t), &back, op.rope.pairing);
    }
}

/// One backward pass as its threads see it.
struct Task<'a> {
    kernels: &'static Kernels,
    op: &'a Attend<'a>,
    f: &'a Attended<'a>,
    dq: Parts<'a, f32>,
    /// `[T, heads.q · dim]`.
    dk: Parts<'a, f32>,
    dv: Parts<'a, f32>,
}

impl Task<'_> {
    /// All gradients of one query head of one sequence.
    ///
    /// # Safety
    /// No other thread writes this head's columns of the sequence's rows.
    unsafe fn head(&self, span: &Span<'_>, h: usize, b: &mut Buffers) {
        let (n, dim) = (span.rows.len(), self.op.heads.dim);
        b.begin(n, dim);
        self.turn(self.f.q, span, h, &mut b.q);
        self.turn(self.f.dout, span, h, &mut b.dout);
        self.turn(self.f.k, span, self.kv_head(h), &mut b.k);
        for queries in blocks(n) {
            self.logsumexp(span, h, &queries, b);
            self.deltas(span, h, &queries, b);
            for positions in blocks(queries.end) {
                self.block(span, h, &queries, &positions, b);
            }
        }
        for (i, t) in span.rows.clone().enumerate() {
            let at = (t * self.op.heads.q + h) * dim;
            // SAFETY: by the caller's promise.
            let (dq, dk, dv) = unsafe {
                (self.dq.slice(at..at + dim), self.dk.slice(at..at + dim), self.dv.slice(at..at + dim))
            };
            dq.iter_mut().enumerate().for_each(|(c, v)| *v = b.dq[c * n + i]);
            dk.copy_from_slice(&b.dk[i * dim..][..dim]);
            dv.copy_from_slice(&b.dv[i * dim..][..dim]);
        }
    }

    fn kv_head(&self, h: usize) -> usize {
        h / (self.op.heads.q / self.op.heads.kv)
    }

    /// Head `h` of the sequence's rows of `x` as `[dim, n]`.
    fn turn(&self, x: &Tensor, span: &Span<'_>, h: usize, out: &mut [f32]) {
        let (n, dim) = (span.rows.len(), self.op.heads.dim);
        for (i, t) in span.rows.clone().enumerate() {
            let head = &x.row(t)[h * dim..][..dim];
            head.iter().enumerate().for_each(|(c, &v)| out[c * n + i] = v);
        }
    }

    /// `lse_i = ln Σ_j exp(scale · q_i·k_j)` of a block of queries.
    fn logsumexp(&self, span: &Span<'_>, h: usize, queries: &Range<usize>, b: &mut Buffers) {
        b.max.fill(f32::NEG_INFINITY);
        b.sum.fill(0.0);
        for positions in blocks(queries.end) {
            self.scores(span, h, queries, &positions, b);
            for (j, row) in positions.clone().zip(b.s.chunks_exact(BLOCK)) {
                let seen = j.saturating_sub(queries.start)..queries.len();
                let (max, sum) = (&mut b.max[seen.clone()], &mut b.sum[seen.clone()]);
                self.kernels.fold_row(&row[seen], self.op.scale, max, sum);
            }
        }
        for i in 0..queries.len() {
            b.lse[i] = b.max[i] + b.sum[i].ln();
        }
    }

    /// `D_i = dout_i·out_i`.
    fn deltas(&self, span: &Span<'_>, h: usize, queries: &Range<usize>, b: &mut Buffers) {
        let head = h * self.op.heads.dim..(h + 1) * self.op.heads.dim;
        for (i, t) in (span.rows.start + queries.start..span.rows.start + queries.end).enumerate() {
            b.delta[i] =
                self.kernels.dot(&self.f.dout.row(t)[head.clone()], &self.f.out.row(t)[head.clone()]);
        }
    }

    /// `Sᵀ = K·Qᵀ` of a block, not scaled.
    fn scores(
        &self,
        span: &Span<'_>,
        h: usize,
        queries: &Range<usize>,
        positions: &Range<usize>,
        b: &mut Buffers,
    ) {
        let n = span.rows.len();
        b.s[..positions.len() * BLOCK].fill(0.0);
        let (keys, stride) = self.rows(self.f.k, span, self.kv_head(h), positions);
        let dim = self.op.heads.dim;
        let shape = Gemm {
            m: positions.len(),
            n: queries.len(),
            k: dim,
            a_stride: stride,
            b_stride: n,
            c_stride: BLOCK,
        };
        self.kernels.gemm_floats(shape, keys, &b.q[queries.start..], &mut b.s);
    }

    /// What one block of queries and positions adds to the gradients.
    fn block(
        &self,
        span: &Span<'_>,
        h: usize,
        queries: &Range<usize>,
        positions: &Range<usize>,
        b: &mut Buffers,
    ) {
        let (n, dim, kernels) = (span.rows.len(), self.op.heads.dim, self.kernels);
        let (m, width) = (positions.len(), queries.len());
        self.scores(span, h, queries, positions, b);
        b.ds[..m * BLOCK].fill(0.0);
        let (values, stride) = self.rows(self.f.v, span, self.kv_head(h), positions);
        let shape = Gemm { m, n: width, k: dim, a_stride: stride, b_stride: n, c_stride: BLOCK };
        kernels.gemm_floats(shape, values, &b.dout[queries.start..], &mut b.ds);

        let rows = b.s.chunks_exact_mut(BLOCK).zip(b.ds.chunks_exact_mut(BLOCK));
        for (j, (s, ds)) in positions.clone().zip(rows) {
            let first = j.saturating_sub(queries.start);
            s[..first].fill(0.0);
            ds[..first].fill(0.0);
            let (lse, delta) = (&b.lse[first..width], &b.delta[first..width]);
            kernels.score_grad(&mut s[first..width], &mut ds[first..width], self.op.scale, lse, delta);
        }

        // `[positions, dim] += [positions, queries] · [queries, dim]`.
        let (dout, stride) = self.rows(self.f.dout, span, h, queries);
        let shape = Gemm { m, n: dim, k: width, a_stride: BLOCK, b_stride: stride, c_stride: dim };
        kernels.gemm_floats(shape, &b.s, dout, &mut b.dv[positions.start * dim..]);
        let (q, _) = self.rows(self.f.q, span, h, queries);
        kernels.gemm_floats(shape, &b.ds, q, &mut b.dk[positions.start * dim..]);
        // `[dim, queries] += [dim, positions] · [positions, queries]`.
        let shape = Gemm { m: dim, n: width, k: m, a_stride: n, b_stride: BLOCK, c_stride: n };
        kernels.gemm_floats(shape, &b.k[positions.start..], &b.ds, &mut b.dq[queries.start..]);
    }

    /// Head `h` of some rows of the sequence, and the distance between them.
    fn rows<'t>(&self, x: &'t Tensor, span: &Span<'_>, h: usize, rows: &Range<usize>) -> (&'t [f32], usize) {
        let first = (span.rows.start + rows.start) * x.cols() + h * self.op.heads.dim;
        (&x.as_slice()[first..], x.cols())
    }
}

/// `0..n` in blocks.
fn blocks(n: usize) -> impl Iterator<Item = Range<usize>> {
    (0..n).step_by(BLOCK).map(move |first| first..n.min(first + BLOCK))
}

impl Buffers {
    fn begin(&mut self, n: usize, dim: usize) {
        for buffer in [&mut self.q, &mut self.k, &mut self.dout] {
            grow(buffer, n * dim);
        }
        for buffer in [&mut self.dq, &mut self.dk, &mut self.dv] {
            grow(buffer, n * dim);
            buffer[..n * dim].fill(0.0);
        }
        for buffer in [&mut self.s, &mut self.ds] {
            grow(buffer, BLOCK * BLOCK);
        }
        for buffer in [&mut self.max, &mut self.sum, &mut self.lse, &mut self.delta] {
            grow(buffer, BLOCK);
        }
    }
}
