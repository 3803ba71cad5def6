//! Causal attention over the cache, with the norm, rotation and cache write that come before it.
//!
//! Flash attention: blocks of [`KV_BLOCK`] positions, softmax kept up to date as they pass, no matrix of
//! all scores. The query heads that share a key head are computed together, so that keys and values are
//! read once. A sequence with few rows and a long past is divided by positions too, and the partial
//! results are added in order.

use super::activations::grow;
use super::kernels::{Bf16, Gemm, Kernels, Softmax};
use super::parts::Parts;
use super::products::{Half, Products};
use super::{Cpu, FEW_ROWS, Flash, Team, lock};
use crate::{AlignedBuf, Attend, KV_BLOCK, KvFormat, KvStore, Norm, Span, Tensor, device};
use std::ops::Range;

/// Cache blocks that one item reads of a long past, where it is divided.
const CHUNK: usize = 8;

/// Query vectors that one item computes, about.
const TILE: usize = 96;

pub(super) fn forward(
    cpu: &Cpu,
    op: &Attend<'_>,
    q: &mut Tensor,
    k: &mut Tensor,
    v: &Tensor,
    kv: &mut KvStore,
    out: &mut Tensor,
) {
    device::check_attend(op, q, k, v, kv, out);
    let group = op.heads.q / op.heads.kv;
    let mut team = cpu.team();
    let Team { pool, partials, scratch, tiles, .. } = &mut *team;
    let (q_rows, slot) = (q.rows(), slot_len(op));
    let flash = tiles.is_some() && Flash::takes(op.heads.dim) && kv.shape().format == KvFormat::F16;
    let mut plan = Plan { op, group, items: 0, slots: 0 };
    for span in op.spans {
        plan.items += plan.items_of(span);
        plan.slots += plan.slots_of(span);
    }
    grow(partials, plan.slots * slot);
    let task = Task {
        op,
        group,
        flash,
        // Not where nothing is to be rounded.
        bf16: (cpu.kernels.bf16)()
            .filter(|_| kv.shape().format != KvFormat::F32 && op.heads.dim.is_multiple_of(2)),
        kernels: cpu.kernels,
        q: Parts::of(q),
        k: Parts::of(k),
        v,
        kv: Cells(kv),
        out: Parts::of(out),
        partials: Parts::new(partials),
    };

    // One token a sequence and no division: an item prepares the heads that it needs, without a barrier.
    let alone = plan.slots == 0 && op.spans.iter().all(|s| s.rows.len() <= 1);
    if !alone {
        pool.share(q_rows.div_ceil(FEW_ROWS), |thread, items| {
            let buffers = &mut lock(&scratch[thread]).attention;
            for item in items {
                for t in item * FEW_ROWS..q_rows.min((item + 1) * FEW_ROWS) {
                    let span = op.spans.iter().find(|s| s.rows.contains(&t)).expect("spans tile the batch");
                    for kv_head in 0..op.heads.kv {
                        // SAFETY: row `t` belongs to this item alone.
                        unsafe { task.prepare(span, t, kv_head, &mut buffers.head) }
                    }
                }
            }
        });
    }
    pool.share(plan.items, |thread, items| {
        let buffers = &mut lock(&scratch[thread]).attention;
        for item in items {
            // The last rows of a prompt cost most: take them first.
            let tile = plan.tile(plan.items - 1 - item);
            if alone {
                // SAFETY: the only row of this sequence and the heads belong to this item alone.
                unsafe { task.prepare(tile.span, tile.span.rows.start, tile.kv_head, &mut buffers.head) }
            }
            // SAFETY: everything this tile reads is prepared, and its rows, heads and slot are its own.
            unsafe { task.attend(&tile, buffers) }
        }
    });
    if plan.slots > 0 {
        pool.for_each(op.spans.len() * op.heads.kv, |item| {
            let (span, kv_head) = (item / op.heads.kv, item % op.heads.kv);
            if let Some((slots, chunks)) = plan.slots_at(span, kv_head) {
                // SAFETY: all tiles are done, and this item alone writes these heads of these rows.
                unsafe { task.merge(&op.spans[span], kv_head, slots, chunks) }
            }
        });
    }
}

/// How rows, heads and positions are divided into items.
struct Plan<'a> {
    op: &'a Attend<'a>,
    group: usize,
    items: usize,
    slots: usize,
}

/// One item: some rows of a sequence, the query heads of one key head, some blocks of positions.
struct Tile<'a> {
    span: &'a Span<'a>,
    kv_head: usize,
    /// Rows, counted from the first of the span.
    rows: Range<usize>,
    blocks: Range<usize>,
    /// Where the partial result goes; without one the result goes to the output.
    slot: Option<usize>,
}

/// Floats of a partial result: `[FEW_ROWS · group][dim]` sums, then maximum and sum of each.
fn slot_len(op: &Attend<'_>) -> usize {
    FEW_ROWS * (op.heads.q / op.heads.kv) * (op.heads.dim + 2)
}

impl<'a> Plan<'a> {
    fn rows_per_tile(&self, span: &Span<'_>) -> usize {
        if span.rows.len() <= FEW_ROWS { FEW_ROWS } else { (TILE / self.group).max(4) }
    }

    /// Parts that the past of a sequence is divided into. Depends on nothing but this sequence.
    fn chunks(&self, span: &Span<'_>) -> usize {
        if span.rows.len() > FEW_ROWS {
            return 1;
        }
        (span.start + span.rows.len()).div_ceil(KV_BLOCK * CHUNK)
    }

    fn items_of(&self, span: &Span<'_>) -> usize {
        span.rows.len().div_ceil(self.rows_per_tile(span)) * self.op.heads.kv * self.chunks(span)
    }

    fn slots_of(&self, span: &Span<'_>) -> usize {
        if self.chunks(span) > 1 { self.items_of(span) } else { 0 }
    }

    fn tile(&self, mut item: usize) -> Tile<'a> {
        let mut slots = 0;
        for span in self.op.spans {
            let items = self.items_of(span);
            if item >= items {
                item -= items;
                slots += self.slots_of(span);
                continue;
            }
            let (chunks, step) = (self.chunks(span), self.rows_per_tile(span));
            let slot = (chunks > 1).then_some(slots + item);
            let (chunk, item) = (item % chunks, item / chunks);
            let (kv_head, tile) = (item % self.op.heads.kv, item / self.op.heads.kv);
            let rows = tile * step..span.rows.len().min((tile + 1) * step);
            let end = (span.start + rows.end).div_ceil(KV_BLOCK);
            let blocks = if chunks > 1 { chunk * CHUNK..end.min((chunk + 1) * CHUNK) } else { 0..end };
            return Tile { span, kv_head, rows, blocks, slot };
        }
        unreachable!("item beyond the plan")
    }

    /// First slot and number of partial results of a sequence's head, where it was divided.
    fn slots_at(&self, span: usize, kv_head: usize) -> Option<(usize, usize)> {
        let before: usize = self.op.spans[..span].iter().map(|s| self.slots_of(s)).sum();
        let chunks = self.chunks(&self.op.spans[span]);
        (self.slots_of(&self.op.spans[span]) > 0).then_some((before + kv_head * chunks, chunks))
    }
}

/// The cache while several threads use it.
struct Cells<'a>(&'a mut KvStore);

impl Cells<'_> {
    /// # Safety
    /// Nobody else uses these bytes meanwhile.
    #[allow(clippy::mut_from_ref, reason = "disjointness is the caller's promise")]
    unsafe fn write(&self, block: u32, range: Range<usize>) -> &mut [u8] {
        assert!(range.start <= range.end && range.end <= self.0.shape().block_bytes());
        // SAFETY: inside the block, which `self` borrows exclusively; exclusive by the caller's promise.
        unsafe { std::slice::from_raw_parts_mut(self.0.block_ptr(block).add(range.start), range.len()) }
    }

    /// # Safety
    /// Nobody writes these bytes meanwhile.
    unsafe fn read(&self, block: u32, range: Range<usize>) -> &[u8] {
        assert!(range.start <= range.end && range.end <= self.0.shape().block_bytes());
        // SAFETY: inside the block; not written by the caller's promise.
        unsafe { std::slice::from_raw_parts(self.0.block_ptr(block).add(range.start), range.len()) }
    }
}

// SAFETY: access to the bytes is governed by the promises of `read` and `write`.
unsafe impl Sync for Cells<'_> {}

/// One attention call as its threads see it.
struct Task<'a> {
    op: &'a Attend<'a>,
    group: usize,
    /// Whether prompts are computed on matrix tiles.
    flash: bool,
    /// How weights and values of prompts are multiplied, where not in f32.
    bf16: Option<&'static Bf16>,
    kernels: &'static Kernels,
    q: Parts<'a, f32>,
    k: Parts<'a, f32>,
    v: &'a Tensor,
    kv: Cells<'a>,
    out: Parts<'a, f32>,
    partials: Parts<'a, f32>,
}

/// Memory of one thread.
#[derive(Default)]
pub(super) struct Buffers {
    head: AlignedBuf<f32>,
    block: Block,
    half: HalfMix,
    flash: Flash,
}

/// Queries of a tile, a block of positions, and what comes of them.
#[derive(Default)]
struct Block {
    /// `[m, dim]`.
    q: AlignedBuf<f32>,
    /// `[KV_BLOCK, dim]`.
    keys: AlignedBuf<f32>,
    /// `[dim, KV_BLOCK]`.
    turned: AlignedBuf<f32>,
    values: AlignedBuf<f32>,
    /// `[m, KV_BLOCK]`.
    scores: AlignedBuf<f32>,
    /// `[m, dim]`.
    acc: AlignedBuf<f32>,
    state: Vec<Softmax>,
}

/// Weights and values of a block in bf16.
#[derive(Default)]
struct HalfMix {
    /// `[m, KV_BLOCK]`.
    weights: AlignedBuf<u16>,
    /// `[KV_BLOCK / 2][dim][2]`.
    values: AlignedBuf<u16>,
}

impl Task<'_> {
    /// Normalises and rotates the heads of row `t` that belong to `kv_head`, and appends to the cache.
    ///
    /// # Safety
    /// No other thread uses these heads of this row, nor its position in the cache.
    unsafe fn prepare(&self, span: &Span<'_>, t: usize, kv_head: usize, temp: &mut AlignedBuf<f32>) {
        let (op, dim) = (self.op, self.op.heads.dim);
        let (q_at, k_at) =
            ((t * op.heads.kv + kv_head) * self.group * dim, (t * op.heads.kv + kv_head) * dim);
        // SAFETY: by the caller's promise.
        let (q, k) = unsafe { (self.q.slice(q_at..q_at + self.group * dim), self.k.slice(k_at..k_at + dim)) };
        q.chunks_exact_mut(dim).for_each(|head| self.turn(head, op.q_norm, t, temp));
        self.turn(k, op.k_norm, t, temp);

        let (shape, position) = (self.kv.0.shape(), span.start + t - span.rows.start);
        let (block, row) = (span.blocks[position / KV_BLOCK], shape.row_bytes());
        let v = &self.v.row(t)[kv_head * dim..][..dim];
        for (which, x) in [&*k, v].into_iter().enumerate() {
            let at = shape.offset(op.layer, kv_head, which) + position % KV_BLOCK * row;
            // SAFETY: by the caller's promise.
            self.kernels.narrow(shape.format, x, unsafe { self.kv.write(block, at..at + row) });
        }
    }

    fn turn(&self, head: &mut [f32], norm: Option<Norm<'_>>, t: usize, temp: &mut AlignedBuf<f32>) {
        if let Some(norm) = &norm {
            grow(temp, head.len());
            self.kernels.norm(head, norm, &mut temp[..head.len()]);
            head.copy_from_slice(&temp[..head.len()]);
        }
        self.kernels.rotate(head, self.op.rope.cos.row(t), self.op.rope.sin.row(t), self.op.rope.pairing);
    }

    /// Attends a tile's queries to a tile's positions.
    ///
    /// # Safety
    /// Queries and cache are prepared; no other thread uses the tile's slot, or these heads of its rows.
    unsafe fn attend(&self, tile: &Tile<'_>, b: &mut Buffers) {
        let (dim, group) = (self.op.heads.dim, self.group);
        let m = tile.rows.len() * group;
        if self.flash && tile.span.rows.len() > FEW_ROWS {
            // SAFETY: by the caller's promise.
            return unsafe { self.attend_on_tiles(tile, &mut b.flash) };
        }
        b.block.begin(m, dim);
        for (i, row) in tile.rows.clone().enumerate() {
            let at = self.heads_at(tile, row);
            // SAFETY: by the caller's promise.
            b.block.q[i * group * dim..][..group * dim].copy_from_slice(unsafe { self.q.slice(at) });
        }
        let few = tile.span.rows.len() <= FEW_ROWS;
        let Buffers { block, half, .. } = b;
        let half = self.bf16.filter(|_| !few).map(|bf16| (bf16, half));
        // SAFETY: by the caller's promise.
        unsafe { self.blocks(tile, m, few, block, half) }
        match tile.slot {
            // SAFETY: by the caller's promise.
            None => unsafe { self.finish(tile, block) },
            // SAFETY: by the caller's promise.
            Some(slot) => unsafe { self.keep(slot, m, block) },
        }
    }

    /// All blocks of a tile's positions, one after the other.
    ///
    /// # Safety
    /// Nobody writes the cache meanwhile.
    unsafe fn blocks(
        &self,
        tile: &Tile<'_>,
        m: usize,
        few: bool,
        b: &mut Block,
        mut half: Option<(&'static Bf16, &mut HalfMix)>,
    ) {
        let (op, dim, group) = (self.op, self.op.heads.dim, self.group);
        for block in tile.blocks.clone() {
            let first = block * KV_BLOCK;
            let n = KV_BLOCK.min(tile.span.start + tile.rows.end - first);
            // SAFETY: by the caller's promise.
            unsafe { self.widen(tile, block, n, b) }
            self.score(m, n, few, b);
            for (i, row) in tile.rows.clone().enumerate() {
                let seen = (tile.span.start + row + 1).saturating_sub(first).min(n);
                for h in i * group..(i + 1) * group {
                    let scores = &mut b.scores[h * KV_BLOCK..][..KV_BLOCK];
                    scores[seen..].fill(f32::NEG_INFINITY);
                    let shrink = self.kernels.softmax(scores, op.scale, &mut b.state[h]);
                    if shrink != 1.0 {
                        b.acc[h * dim..][..dim].iter_mut().for_each(|a| *a *= shrink);
                    }
                }
            }
            match &mut half {
                Some((bf16, half)) => half.mix(Half(bf16), m, n, dim, b),
                None => {
                    let shape = Gemm { m, n: dim, k: n, a_stride: KV_BLOCK, b_stride: dim, c_stride: dim };
                    self.kernels.gemm_floats(shape, &b.scores, &b.values, &mut b.acc);
                }
            }
        }
    }

    /// `scores[m, p] = q[m] · keys[p]`, in f32: their errors grow in the exponent.
    fn score(&self, m: usize, n: usize, few: bool, b: &mut Block) {
        let dim = self.op.heads.dim;
        let (q, keys, scores) = (&b.q[..m * dim], &b.keys[..n * dim], &mut b.scores[..m * KV_BLOCK]);
        if few {
            return self.kernels.dots(dim, q, keys, scores);
        }
        self.kernels.turn(dim, keys, &mut b.turned);
        scores.fill(0.0);
        let n = n.next_multiple_of(16);
        let shape = Gemm { m, n, k: dim, a_stride: dim, b_stride: KV_BLOCK, c_stride: KV_BLOCK };
        self.kernels.gemm_floats(shape, q, &b.turned, scores);
    }

    /// The same on matrix tiles.
    ///
    /// # Safety
    /// As `attend`.
    unsafe fn attend_on_tiles(&self, tile: &Tile<'_>, flash: &mut Flash) {
        let (dim, group, shape) = (self.op.heads.dim, self.group, self.kv.0.shape());
        // SAFETY: `flash` is set only where there are tiles and they take this width.
        let mut work = unsafe { flash.begin(tile.rows.len() * group, dim) };
        for (i, row) in tile.rows.clone().enumerate() {
            // SAFETY: by the caller's promise.
            let queries = unsafe { self.q.slice(self.heads_at(tile, row)) };
            for (h, query) in queries.chunks_exact(dim).enumerate() {
                work.set_query(i * group + h, query, self.op.scale);
            }
        }
        for block in tile.blocks.clone() {
            let first = block * KV_BLOCK;
            let n = KV_BLOCK.min(tile.span.start + tile.rows.end - first);
            let [keys, values] = [0, 1].map(|which| {
                let at = shape.offset(self.op.layer, tile.kv_head, which);
                // SAFETY: the cache is prepared, nobody writes it now.
                unsafe { self.kv.read(tile.span.blocks[block], at..at + n * shape.row_bytes()) }
            });
            let seen = |i: usize| (tile.span.start + tile.rows.start + i / group + 1).saturating_sub(first);
            work.block(keys, values, n, seen);
        }
        for (i, row) in tile.rows.clone().enumerate() {
            // SAFETY: by the caller's promise.
            let out = unsafe { self.out.slice(self.heads_at(tile, row)) };
            for (h, out) in out.chunks_exact_mut(dim).enumerate() {
                work.result(i * group + h, out);
            }
        }
    }

    /// The elements of `q` and `out` in the tile's heads at a row of the span.
    fn heads_at(&self, tile: &Tile<'_>, row: usize) -> Range<usize> {
        let (width, t) = (self.group * self.op.heads.dim, tile.span.rows.start + row);
        let at = (t * self.op.heads.kv + tile.kv_head) * width;
        at..at + width
    }

    /// Keys and values of the first `n` positions of a block, as floats.
    ///
    /// # Safety
    /// Nobody writes the cache meanwhile.
    unsafe fn widen(&self, tile: &Tile<'_>, block: usize, n: usize, b: &mut Block) {
        let (shape, dim) = (self.kv.0.shape(), self.op.heads.dim);
        for (which, out) in [&mut b.keys, &mut b.values].into_iter().enumerate() {
            let at = shape.offset(self.op.layer, tile.kv_head, which);
            // SAFETY: by the caller's promise.
            let bytes = unsafe { self.kv.read(tile.span.blocks[block], at..at + n * shape.row_bytes()) };
            self.kernels.widen(shape.format, bytes, &mut out[..n * dim]);
        }
    }

    /// # Safety
    /// No other thread uses these heads of the tile's rows.
    unsafe fn finish(&self, tile: &Tile<'_>, b: &Block) {
        let (dim, group) = (self.op.heads.dim, self.group);
        for (i, row) in tile.rows.clone().enumerate() {
            // SAFETY: by the caller's promise.
            let out = unsafe { self.out.slice(self.heads_at(tile, row)) };
            for (h, out) in out.chunks_exact_mut(dim).enumerate() {
                let at = i * group + h;
                let inverse = 1.0 / b.state[at].sum;
                out.iter_mut().zip(&b.acc[at * dim..]).for_each(|(o, a)| *o = a * inverse);
            }
        }
    }

    /// # Safety
    /// No other thread uses the slot.
    unsafe fn keep(&self, slot: usize, m: usize, b: &Block) {
        let (len, dim) = (slot_len(self.op), self.op.heads.dim);
        // SAFETY: by the caller's promise.
        let slot = unsafe { self.partials.slice(slot * len..(slot + 1) * len) };
        let (acc, state) = slot.split_at_mut(len / (dim + 2) * dim);
        acc[..m * dim].copy_from_slice(&b.acc[..m * dim]);
        for (out, s) in state.as_chunks_mut().0.iter_mut().zip(&b.state) {
            *out = [s.max, s.sum];
        }
    }

    /// Adds the partial results of a sequence's head, first positions first.
    ///
    /// # Safety
    /// The slots are complete, and no other thread uses these heads of the span's rows.
    unsafe fn merge(&self, span: &Span<'_>, kv_head: usize, first: usize, chunks: usize) {
        let (len, dim, group) = (slot_len(self.op), self.op.heads.dim, self.group);
        let rows = 0..span.rows.len();
        let tile = Tile { span, kv_head, rows: rows.clone(), blocks: 0..0, slot: None };
        for row in rows {
            // SAFETY: by the caller's promise.
            let out = unsafe { self.out.slice(self.heads_at(&tile, row)) };
            for (h, out) in out.chunks_exact_mut(dim).enumerate() {
                let at = row * group + h;
                let parts = (first..first + chunks).map(|slot| {
                    // SAFETY: slots are only read now.
                    let slot = &*unsafe { self.partials.slice(slot * len..(slot + 1) * len) };
                    let (acc, state) = slot.split_at(len / (dim + 2) * dim);
                    (&acc[at * dim..][..dim], state[2 * at], state[2 * at + 1])
                });
                let max = parts.clone().fold(f32::NEG_INFINITY, |max, (_, m, _)| max.max(m));
                let total: f32 = parts.clone().map(|(_, m, sum)| (m - max).exp() * sum).sum();
                out.fill(0.0);
                for (acc, m, _) in parts {
                    let weight = (m - max).exp() / total;
                    out.iter_mut().zip(acc).for_each(|(o, a)| *o += weight * a);
                }
            }
        }
    }
}

impl Block {
    fn begin(&mut self, m: usize, dim: usize) {
        grow(&mut self.q, m * dim);
        grow(&mut self.keys, KV_BLOCK * dim);
        grow(&mut self.turned, KV_BLOCK * dim);
        grow(&mut self.values, KV_BLOCK * dim);
        grow(&mut self.scores, m * KV_BLOCK);
        grow(&mut self.acc, m * dim);
        self.acc[..m * dim].fill(0.0);
        self.state.clear();
        self.state.resize(m, Softmax::EMPTY);
    }
}

impl HalfMix {
    /// `acc[m] += Σ_p weights[m, p] · values[p]`; weights from `n` on are zero.
    fn mix(&mut self, math: Half, m: usize, n: usize, dim: usize, b: &mut Block) {
        grow(&mut self.weights, m * KV_BLOCK);
        grow(&mut self.values, KV_BLOCK * dim);
        let weights = b.scores.chunks_exact(KV_BLOCK).zip(self.weights.chunks_exact_mut(KV_BLOCK));
        weights.take(m).for_each(|(weights, out)| math.row(weights, out));
        let row = |p: usize| &b.values[p * dim..(p + 1) * dim];
        for (p, out) in (0..n).step_by(2).zip(self.values.chunks_exact_mut(2 * dim)) {
            math.group(row(p), (p + 1 < n).then(|| row(p + 1)), out);
        }
        let k = n.next_multiple_of(2);
        let shape = Gemm { m, n: dim, k, a_stride: KV_BLOCK, b_stride: dim, c_stride: dim };
        math.gemm(shape, &self.weights, &self.values, &mut b.acc);
    }
}
