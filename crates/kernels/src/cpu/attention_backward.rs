//! Gradients of causal attention without a matrix of all scores.
//!
//! One item is one query head of one sequence. A block of queries has its scores at once, transposed (rows are positions,
//! columns are queries): then every product below reads its operands as they lie, and each score is exponentiated once.
//! With S the scaled scores, P their softmax, D_i = dout_i·out_i and dS = P ⊙ (dP - D) · scale (Dao et al.,
//! "FlashAttention", 2022):
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

/// Queries of a block.
const BLOCK: usize = 64;

/// Positions whose gradients are computed together.
const STRIPE: usize = 256;

/// Rows per item of the last phase.
const ROWS: usize = 16;

/// Memory of one thread.
#[derive(Default)]
pub(super) struct Buffers {
    single: Head<f32>,
    half: Head<u16>,
    sums: Sums,
}

/// The head as factors, and a stripe of weights and of their gradients.
struct Head<N: bytemuck::Pod> {
    /// `[n, dim]`, one row after the other.
    keys: AlignedBuf<N>,
    values: AlignedBuf<N>,
    /// `[n / STRIPE][dim][STRIPE]`.
    turned_keys: AlignedBuf<N>,
    /// `[n / BLOCK][dim / P][BLOCK][P]`.
    turned_queries: AlignedBuf<N>,
    turned_dout: AlignedBuf<N>,
    /// `[n / P][dim][P]`.
    queries: AlignedBuf<N>,
    dout: AlignedBuf<N>,
    /// One row on its way.
    row: AlignedBuf<N>,
    /// `[STRIPE positions][BLOCK queries]`.
    weights: AlignedBuf<N>,
    dscores: AlignedBuf<N>,
    /// `[STRIPE / P][BLOCK queries][P]`.
    grouped: AlignedBuf<N>,
}

/// What sums are kept in.
struct Sums {
    /// `[dim, BLOCK]`.
    dq: AlignedBuf<f32>,
    /// `[n, dim]`.
    dk: AlignedBuf<f32>,
    dv: AlignedBuf<f32>,
    /// Scores of a block of queries and what becomes of them, `[n positions][BLOCK queries]`.
    s: AlignedBuf<f32>,
    /// Gradients of weights, `[STRIPE positions][BLOCK queries]`.
    ds: AlignedBuf<f32>,
    /// One number for each query of a block.
    max: [f32; BLOCK],
    /// `1 / Σ exp(S - max)`.
    inverse: [f32; BLOCK],
    delta: [f32; BLOCK],
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
        for queries in blocks(n, BLOCK) {
            self.softmax(math, &queries, head, sums);
            self.deltas(span, h, &queries, sums);
            sums.dq[..dim * BLOCK].fill(0.0);
            for positions in blocks(queries.end, STRIPE) {
                self.stripe(math, &queries, &positions, head, sums);
            }
            for (i, t) in (span.rows.start + queries.start..span.rows.start + queries.end).enumerate() {
                let at = (t * self.op.heads.q + h) * dim;
                // SAFETY: by the caller's promise.
                let dq = unsafe { self.dq.slice(at..at + dim) };
                dq.iter_mut().zip(sums.dq.chunks_exact(BLOCK)).for_each(|(v, sums)| *v = sums[i]);
            }
        }
        for (i, t) in span.rows.clone().enumerate() {
            let at = (t * self.op.heads.q + h) * dim;
            // SAFETY: by the caller's promise.
            let (dk, dv) = unsafe { (self.dk.slice(at..at + dim), self.dv.slice(at..at + dim)) };
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
        for (x, h, group, block, out) in [
            (self.f.q, h, p, BLOCK, &mut head.turned_queries),
            (self.f.dout, h, p, BLOCK, &mut head.turned_dout),
            (self.f.k, kv_head, 1, STRIPE, &mut head.turned_keys),
        ] {
            for i in 0..n {
                let values = &mut head.row[..dim];
                math.row(&x.as_slice()[row(x, i, h)], values);
                let out = &mut out[i / block * block * dim..];
                for (c, v) in values.chunks_exact(group).enumerate() {
                    let at = (c * block + i % block) * group;
                    // Not as slices: a call to copy a number or two takes longer than the copy.
                    out[at] = v[0];
                    if group > 1 {
                        out[at + 1] = v[1];
                    }
                }
            }
        }
        // A group of positions that has only one: the other counts as zero.
        for c in (0..dim).filter(|_| !n.is_multiple_of(p)) {
            head.turned_keys[n / STRIPE * STRIPE * dim + c * STRIPE + n % STRIPE] =
                bytemuck::Zeroable::zeroed();
        }
    }

    /// Scores of a block of queries as `exp(S - max)`, 0 for positions that a query does not see, and what they are
    /// divided by.
    fn softmax<M: Products>(&self, math: M, queries: &Range<usize>, head: &Head<M::Number>, sums: &mut Sums) {
        let Sums { s, max, inverse, .. } = sums;
        self.scores(math, queries, &(0..queries.end), &head.keys, &head.turned_queries, s);
        let s = &mut s[..queries.end * BLOCK];
        for (j, row) in s.chunks_exact_mut(BLOCK).enumerate().skip(queries.start + 1) {
            row[..j - queries.start].fill(f32::NEG_INFINITY);
        }
        max.fill(f32::NEG_INFINITY);
        inverse.fill(0.0);
        s.chunks_exact(BLOCK).for_each(|row| self.kernels.max_row(row, max));
        for row in s.chunks_exact_mut(BLOCK) {
            self.kernels.exp_row(row, self.op.scale, max, inverse);
        }
        inverse.iter_mut().for_each(|sum| *sum = 1.0 / *sum);
    }

    /// `D_i = dout_i·out_i`.
    fn deltas(&self, span: &Span<'_>, h: usize, queries: &Range<usize>, sums: &mut Sums) {
        let head = h * self.op.heads.dim..(h + 1) * self.op.heads.dim;
        for (i, t) in (span.rows.start + queries.start..span.rows.start + queries.end).enumerate() {
            sums.delta[i] =
                self.kernels.dot(&self.f.dout.row(t)[head.clone()], &self.f.out.row(t)[head.clone()]);
        }
        // A product may take one query more, whose factor is zero: this one must be a number.
        sums.delta[queries.len()..].fill(0.0);
    }

    /// `out = rows · turnedᵀ`: `K·Qᵀ`, not scaled, or `V·dOᵀ`; `[positions][BLOCK queries]`.
    fn scores<M: Products>(
        &self,
        math: M,
        queries: &Range<usize>,
        positions: &Range<usize>,
        rows: &[M::Number],
        turned: &[M::Number],
        out: &mut [f32],
    ) {
        let (dim, m) = (self.op.heads.dim, positions.len());
        out[..m * BLOCK].fill(0.0);
        let shape = Gemm { m, n: queries.len(), k: dim, a_stride: dim, b_stride: BLOCK, c_stride: BLOCK };
        math.gemm(shape, &rows[positions.start * dim..], &turned[queries.start * dim..], out);
    }

    /// What one block of queries and stripe of positions adds to the gradients.
    fn stripe<M: Products>(
        &self,
        math: M,
        queries: &Range<usize>,
        positions: &Range<usize>,
        head: &mut Head<M::Number>,
        sums: &mut Sums,
    ) {
        let dim = self.op.heads.dim;
        let (m, width) = (positions.len(), queries.len());
        self.scores(math, queries, positions, &head.values, &head.turned_dout, &mut sums.ds);
        let Head { weights, dscores, grouped, .. } = head;
        let s = &mut sums.s[positions.start * BLOCK..positions.end * BLOCK];
        let ds = &mut sums.ds[..m * BLOCK];
        let out = weights.chunks_exact_mut(BLOCK).zip(dscores.chunks_exact_mut(BLOCK));
        for ((s, ds), (weights, dscores)) in
            s.chunks_exact_mut(BLOCK).zip(ds.chunks_exact_mut(BLOCK)).zip(out)
        {
            self.kernels.score_grad(s, ds, self.op.scale, &sums.inverse, &sums.delta);
            math.row(s, weights);
            math.row(ds, dscores);
        }
        for (ds, out) in ds.chunks(M::P * BLOCK).zip(grouped.chunks_exact_mut(M::P * BLOCK)) {
            let (first, second) = ds.split_at(BLOCK);
            math.group(first, (!second.is_empty()).then_some(second), out);
        }

        let even = |rows: usize| rows.next_multiple_of(M::P);
        // `[positions, dim] += [positions, queries] · [queries, dim]`.
        let shape = Gemm { m, n: dim, k: even(width), a_stride: BLOCK, b_stride: dim, c_stride: dim };
        let at = positions.start * dim;
        math.gemm(shape, &head.weights, &head.dout[queries.start * dim..], &mut sums.dv[at..]);
        math.gemm(shape, &head.dscores, &head.queries[queries.start * dim..], &mut sums.dk[at..]);
        // `[dim, queries] += [dim, positions] · [positions, queries]`.
        let shape = Gemm { m: dim, n: width, k: even(m), a_stride: STRIPE, b_stride: BLOCK, c_stride: BLOCK };
        math.gemm(shape, &head.turned_keys[positions.start * dim..], &head.grouped, &mut sums.dq);
    }
}

/// `0..n` in blocks.
fn blocks(n: usize, block: usize) -> impl Iterator<Item = Range<usize>> {
    (0..n).step_by(block).map(move |first| first..n.min(first + block))
}

impl<N: bytemuck::Pod> Head<N> {
    fn begin(&mut self, n: usize, dim: usize) {
        for buffer in [&mut self.keys, &mut self.values, &mut self.queries, &mut self.dout] {
            grow(buffer, (n + 1) * dim);
        }
        grow(&mut self.turned_keys, n.next_multiple_of(STRIPE) * dim);
        for buffer in [&mut self.turned_queries, &mut self.turned_dout] {
            grow(buffer, n.next_multiple_of(BLOCK) * dim);
        }
        grow(&mut self.row, dim);
        for buffer in [&mut self.weights, &mut self.dscores, &mut self.grouped] {
            grow(buffer, STRIPE * BLOCK);
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

impl Default for Sums {
    fn default() -> Self {
        let none = AlignedBuf::default;
        let row = [0.0; BLOCK];
        Sums { dq: none(), dk: none(), dv: none(), s: none(), ds: none(), max: row, inverse: row, delta: row }
    }
}

impl Sums {
    fn begin(&mut self, n: usize, dim: usize) {
        for buffer in [&mut self.dk, &mut self.dv] {
            grow(buffer, n * dim);
            buffer[..n * dim].fill(0.0);
        }
        grow(&mut self.dq, dim * BLOCK);
        grow(&mut self.s, n * BLOCK);
        grow(&mut self.ds, STRIPE * BLOCK);
    }
}
