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
use super::products::{Half, Products, Single};
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
    single: Head<f32>,
    half: Head<u16>,
    sums: Sums,
}

/// The head as factors, and a block of weights and of their gradients.
struct Head<N: bytemuck::Pod> {
    /// `[n, dim]`, one row after the other.
    keys: AlignedBuf<N>,
    values: AlignedBuf<N>,
    /// `[dim, n]`.
    turned_keys: AlignedBuf<N>,
    /// `[dim / P][n][P]`.
    turned_queries: AlignedBuf<N>,
    turned_dout: AlignedBuf<N>,
    /// `[n / P][dim][P]`.
    queries: AlignedBuf<N>,
    dout: AlignedBuf<N>,
    /// One row on its way.
    row: AlignedBuf<N>,
    /// `[BLOCK positions][BLOCK queries]`.
    weights: AlignedBuf<N>,
    dscores: AlignedBuf<N>,
    /// `[BLOCK / P][BLOCK queries][P]`.
    grouped: AlignedBuf<N>,
}

/// What sums are kept in.
#[derive(Default)]
struct Sums {
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
    let bf16 = (cpu.kernels.bf16)().filter(|_| dim.is_multiple_of(2));
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
            let (span, h) = (&op.spans[item / heads.q], item % heads.q);
            // SAFETY: an item alone writes its head of its sequence.
            unsafe {
                match bf16 {
                    Some(bf16) => task.head(Half(bf16), span, h, &mut b.half, &mut b.sums),
                    None => task.head(Single(cpu.kernels), span, h, &mut b.single, &mut b.sums),
                }
            }
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
    unsafe fn head<M: Products>(
        &self,
        math: M,
        span: &Span<'_>,
        h: usize,
        head: &mut Head<M::Number>,
        sums: &mut Sums,
    ) {
        let (n, dim) = (span.rows.len(), self.op.heads.dim);
        self.fill(math, span, h, head);
        sums.begin(n, dim);
        for queries in blocks(n) {
            self.logsumexp(math, n, &queries, head, sums);
            self.deltas(span, h, &queries, sums);
            for positions in blocks(queries.end) {
                self.block(math, n, &queries, &positions, head, sums);
            }
        }
        for (i, t) in span.rows.clone().enumerate() {
            let at = (t * self.op.heads.q + h) * dim;
            // SAFETY: by the caller's promise.
            let (dq, dk, dv) = unsafe {
                (self.dq.slice(at..at + dim), self.dk.slice(at..at + dim), self.dv.slice(at..at + dim))
            };
            dq.iter_mut().enumerate().for_each(|(c, v)| *v = sums.dq[c * n + i]);
            dk.copy_from_slice(&sums.dk[i * dim..][..dim]);
            dv.copy_from_slice(&sums.dv[i * dim..][..dim]);
        }
    }

    /// Brings the head's tensors into the forms that its products read.
    fn fill<M: Products>(&self, math: M, span: &Span<'_>, h: usize, head: &mut Head<M::Number>) {
        let (n, dim, p) = (span.rows.len(), self.op.heads.dim, M::P);
        let kv_head = h / (self.op.heads.q / self.op.heads.kv);
        head.begin(n, dim);
        let row = |x: &'_ Tensor, i: usize, h: usize| -> Range<usize> {
            let at = (span.rows.start + i) * x.cols() + h * dim;
            at..at + dim
        };
        for (x, out) in [(self.f.k, &mut head.keys), (self.f.v, &mut head.values)] {
            for (i, out) in out.chunks_exact_mut(dim).take(n).enumerate() {
                math.row(&x.as_slice()[row(x, i, kv_head)], out);
            }
        }
        for (x, out) in [(self.f.q, &mut head.queries), (self.f.dout, &mut head.dout)] {
            for (i, out) in (0..n).step_by(p).zip(out.chunks_exact_mut(p * dim)) {
                let second = (p > 1 && i + 1 < n).then(|| &x.as_slice()[row(x, i + 1, h)]);
                math.group(&x.as_slice()[row(x, i, h)], second, out);
            }
        }
        // `queries` and `dout` hold rows 2i and 2i + 1 side by side; the turned forms hold columns so.
        let even = n.next_multiple_of(p);
        for (x, h, group, stride, out) in [
            (self.f.q, h, p, n, &mut head.turned_queries),
            (self.f.dout, h, p, n, &mut head.turned_dout),
            (self.f.k, kv_head, 1, even, &mut head.turned_keys),
        ] {
            for i in 0..n {
                let values = &mut head.row[..dim];
                math.row(&x.as_slice()[row(x, i, h)], values);
                for (c, v) in values.chunks_exact(group).enumerate() {
                    out[(c * stride + i) * group..][..group].copy_from_slice(v);
                }
            }
        }
        // A group of positions that has only one: the other counts as zero.
        for c in (0..dim).filter(|_| even > n) {
            head.turned_keys[c * even + n] = bytemuck::Zeroable::zeroed();
        }
    }

    /// `lse_i = ln Σ_j exp(scale · q_i·k_j)` of a block of queries.
    fn logsumexp<M: Products>(
        &self,
        math: M,
        n: usize,
        queries: &Range<usize>,
        head: &Head<M::Number>,
        sums: &mut Sums,
    ) {
        sums.max.fill(f32::NEG_INFINITY);
        sums.sum.fill(0.0);
        for positions in blocks(queries.end) {
            self.scores(math, n, queries, &positions, &head.keys, &head.turned_queries, &mut sums.s);
            for (j, row) in positions.clone().zip(sums.s.chunks_exact(BLOCK)) {
                let seen = j.saturating_sub(queries.start)..queries.len();
                let (max, sum) = (&mut sums.max[seen.clone()], &mut sums.sum[seen.clone()]);
                self.kernels.fold_row(&row[seen], self.op.scale, max, sum);
            }
        }
        for i in 0..queries.len() {
            sums.lse[i] = sums.max[i] + sums.sum[i].ln();
        }
    }

    /// `D_i = dout_i·out_i`.
    fn deltas(&self, span: &Span<'_>, h: usize, queries: &Range<usize>, sums: &mut Sums) {
        let head = h * self.op.heads.dim..(h + 1) * self.op.heads.dim;
        for (i, t) in (span.rows.start + queries.start..span.rows.start + queries.end).enumerate() {
            sums.delta[i] =
                self.kernels.dot(&self.f.dout.row(t)[head.clone()], &self.f.out.row(t)[head.clone()]);
        }
    }

    /// `out = rows · turnedᵀ` of a block: `K·Qᵀ`, not scaled, or `V·dOᵀ`.
    #[allow(clippy::too_many_arguments, reason = "the factors of one product")]
    fn scores<M: Products>(
        &self,
        math: M,
        n: usize,
        queries: &Range<usize>,
        positions: &Range<usize>,
        rows: &[M::Number],
        turned: &[M::Number],
        out: &mut [f32],
    ) {
        let dim = self.op.heads.dim;
        out[..positions.len() * BLOCK].fill(0.0);
        let shape = Gemm {
            m: positions.len(),
            n: queries.len(),
            k: dim,
            a_stride: dim,
            b_stride: n,
            c_stride: BLOCK,
        };
        math.gemm(shape, &rows[positions.start * dim..], &turned[queries.start * M::P..], out);
    }

    /// What one block of queries and positions adds to the gradients.
    fn block<M: Products>(
        &self,
        math: M,
        n: usize,
        queries: &Range<usize>,
        positions: &Range<usize>,
        head: &mut Head<M::Number>,
        sums: &mut Sums,
    ) {
        let dim = self.op.heads.dim;
        let (m, width) = (positions.len(), queries.len());
        self.scores(math, n, queries, positions, &head.keys, &head.turned_queries, &mut sums.s);
        self.scores(math, n, queries, positions, &head.values, &head.turned_dout, &mut sums.ds);
        let rows = sums.s.chunks_exact_mut(BLOCK).zip(sums.ds.chunks_exact_mut(BLOCK));
        for (j, (s, ds)) in positions.clone().zip(rows) {
            let first = j.saturating_sub(queries.start).min(width);
            s[..first].fill(0.0);
            ds[..first].fill(0.0);
            let (lse, delta) = (&sums.lse[first..width], &sums.delta[first..width]);
            self.kernels.score_grad(&mut s[first..width], &mut ds[first..width], self.op.scale, lse, delta);
            // A product takes whole groups of queries.
            s[width..].fill(0.0);
            ds[width..].fill(0.0);
        }
        let even = |rows: usize| rows.next_multiple_of(M::P);
        for (from, to) in [(&sums.s, &mut head.weights), (&sums.ds, &mut head.dscores)] {
            for (from, to) in from.chunks_exact(BLOCK).zip(to.chunks_exact_mut(BLOCK)).take(m) {
                math.row(from, to);
            }
        }
        for (r, out) in (0..m).step_by(M::P).zip(head.grouped.chunks_exact_mut(M::P * BLOCK)) {
            let row = |r: usize| &sums.ds[r * BLOCK..(r + 1) * BLOCK];
            math.group(row(r), (M::P > 1 && r + 1 < m).then(|| row(r + 1)), out);
        }

        // `[positions, dim] += [positions, queries] · [queries, dim]`.
        let shape = Gemm { m, n: dim, k: even(width), a_stride: BLOCK, b_stride: dim, c_stride: dim };
        let at = positions.start * dim;
        math.gemm(shape, &head.weights, &head.dout[queries.start * dim..], &mut sums.dv[at..]);
        math.gemm(shape, &head.dscores, &head.queries[queries.start * dim..], &mut sums.dk[at..]);
        // `[dim, queries] += [dim, positions] · [positions, queries]`.
        let stride = even(n);
        let shape = Gemm { m: dim, n: width, k: even(m), a_stride: stride, b_stride: BLOCK, c_stride: n };
        math.gemm(shape, &head.turned_keys[positions.start..], &head.grouped, &mut sums.dq[queries.start..]);
    }
}

/// `0..n` in blocks.
fn blocks(n: usize) -> impl Iterator<Item = Range<usize>> {
    (0..n).step_by(BLOCK).map(move |first| first..n.min(first + BLOCK))
}

impl<N: bytemuck::Pod> Head<N> {
    fn begin(&mut self, n: usize, dim: usize) {
        let size = (n + 1) * dim;
        for buffer in [
            &mut self.keys,
            &mut self.values,
            &mut self.turned_keys,
            &mut self.turned_queries,
            &mut self.turned_dout,
            &mut self.queries,
            &mut self.dout,
        ] {
            grow(buffer, size);
        }
        grow(&mut self.row, dim);
        for buffer in [&mut self.weights, &mut self.dscores, &mut self.grouped] {
            grow(buffer, BLOCK * BLOCK);
        }
    }
}

impl<N: bytemuck::Pod> Default for Head<N> {
    fn default() -> Self {
        let none = AlignedBuf::default;
        Head {
            keys: none(),
            values: none(),
            turned_keys: none(),
            turned_queries: none(),
            turned_dout: none(),
            queries: none(),
            dout: none(),
            row: none(),
            weights: none(),
            dscores: none(),
            grouped: none(),
        }
    }
}

impl Sums {
    fn begin(&mut self, n: usize, dim: usize) {
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
