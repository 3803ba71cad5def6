//! Flash attention on AMX tiles, for the many rows of a prompt.
//!
//! Queries, keys, values and weights are bf16, scores and sums f32. Scores are scaled by log2 e on the way
//! in, so that a weight is one power of two.

use super::lanes::{exp2, sum, transpose};
use super::tile::{DEPTH, TILE, TILE_LEN, Tiles};
use crate::cpu::activations::grow;
use crate::{AlignedBuf, KV_BLOCK};
use std::arch::x86_64::*;

/// Tiles of positions in a block.
const POSITIONS: usize = KV_BLOCK / TILE;
/// Tiles of depth in a row of weights.
const WEIGHTS: usize = KV_BLOCK / DEPTH;

/// A score may pass the base by so many powers of two before sums are scaled to a new one: weights then stay
/// far inside what f32 and bf16 hold, and scaling becomes rare.
const SLACK: f32 = 8.0;

/// Some queries of one key head on their way over the positions. `m` queries, `dim` elements a head.
#[derive(Default)]
pub(in crate::cpu) struct Flash {
    m: usize,
    dim: usize,
    /// `[m / 16][dim / 32]` tiles of queries.
    queries: AlignedBuf<u16>,
    /// `[4 of 16 positions][dim / 32]` tiles of keys.
    keys: AlignedBuf<u16>,
    /// `[dim / 16][2 of 32 positions]` tiles of values.
    values: AlignedBuf<u16>,
    /// `[m / 16][4]` tiles.
    scores: AlignedBuf<f32>,
    /// `[m / 16][2]` tiles.
    weights: AlignedBuf<u16>,
    /// `[m / 16][dim / 16]` tiles.
    sums: AlignedBuf<f32>,
    /// Score whose weight is 1, and sum of weights of each query.
    state: Vec<(f32, f32)>,
}

/// A thread's tiles while it attends.
pub(in crate::cpu) struct Attending<'a> {
    flash: &'a mut Flash,
    tiles: Tiles,
}

impl Flash {
    /// Whether heads of this width can be computed.
    pub(in crate::cpu) fn takes(dim: usize) -> bool {
        dim.is_multiple_of(DEPTH)
    }

    /// Begins with `m` queries of `dim` elements.
    ///
    /// # Safety
    /// The processor has AMX and AVX-512 BF16, and `dim` is [taken](Self::takes).
    pub(in crate::cpu) unsafe fn begin(&mut self, m: usize, dim: usize) -> Attending<'_> {
        // Two tiles of queries, and two of anything else, are multiplied at a time.
        let rows = m.next_multiple_of(2 * TILE);
        (self.m, self.dim) = (m, dim);
        grow(&mut self.queries, rows * dim);
        grow(&mut self.keys, KV_BLOCK * dim);
        grow(&mut self.values, KV_BLOCK * dim);
        grow(&mut self.scores, rows * KV_BLOCK);
        grow(&mut self.weights, rows * KV_BLOCK);
        grow(&mut self.sums, rows * dim);
        self.queries[..rows * dim].fill(0);
        self.weights[..rows * KV_BLOCK].fill(0);
        self.sums[..rows * dim].fill(0.0);
        self.state.clear();
        self.state.resize(m, (f32::NEG_INFINITY, 0.0));
        // SAFETY: the caller's.
        let tiles = unsafe { Tiles::configure() };
        Attending { flash: self, tiles }
    }
}

impl Attending<'_> {
    /// Sets query `i`; its scores will be multiplied by `scale`.
    pub(in crate::cpu) fn set_query(&mut self, i: usize, query: &[f32], scale: f32) {
        assert!(i < self.flash.m && query.len() == self.flash.dim);
        // SAFETY: `begin` was called on a processor with these instructions.
        unsafe { self.flash.set_query(i, query, scale * std::f32::consts::LOG2_E) }
    }

    /// Attends to the first `n` positions of a block: `keys`, `values` are `[n][dim]` in f16. Query `i` sees
    /// the first `seen(i)` of them.
    pub(in crate::cpu) fn block(
        &mut self,
        keys: &[u8],
        values: &[u8],
        n: usize,
        seen: impl Fn(usize) -> usize,
    ) {
        let Attending { flash, tiles } = self;
        assert!(n <= KV_BLOCK && keys.len() == n * flash.dim * 2 && values.len() == keys.len());
        // SAFETY: `begin` was called on a processor with these instructions and sized every buffer.
        unsafe {
            flash.pack_keys(keys, n);
            flash.pack_values(values, n);
            flash.score(tiles);
            for i in 0..flash.m {
                flash.weigh(i, seen(i).min(n));
            }
            flash.mix(tiles);
        }
    }

    /// What query `i` has attended to.
    pub(in crate::cpu) fn result(&self, i: usize, out: &mut [f32]) {
        let Flash { dim, sums, state, .. } = &*self.flash;
        let inverse = 1.0 / state[i].1;
        for (d, out) in out.chunks_exact_mut(TILE).enumerate() {
            let at = tile_row(i, d, dim / TILE);
            out.iter_mut().zip(&sums[at..at + TILE]).for_each(|(o, s)| *o = s * inverse);
        }
    }
}

/// Where row `i` of a matrix stored as `[rows / 16][columns]` tiles of 16 f32 begins in tile `column`.
fn tile_row(i: usize, column: usize, columns: usize) -> usize {
    (i / TILE * columns + column) * TILE * TILE + i % TILE * TILE
}

impl Flash {
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512bf16")]
    unsafe fn set_query(&mut self, i: usize, query: &[f32], scale: f32) {
        let scale = _mm512_set1_ps(scale);
        for (d, part) in query.chunks_exact(DEPTH).enumerate() {
            let at = (i / TILE * (self.dim / DEPTH) + d) * TILE_LEN + i % TILE * DEPTH;
            // SAFETY: `part` has 32 numbers, and so has the slice.
            unsafe {
                let low = _mm512_mul_ps(_mm512_loadu_ps(part.as_ptr()), scale);
                let high = _mm512_mul_ps(_mm512_loadu_ps(part.as_ptr().add(16)), scale);
                store_bf16(&mut self.queries[at..at + DEPTH], low, high);
            }
        }
    }

    /// Keys as B tiles: pairs along the head.
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512bf16")]
    unsafe fn pack_keys(&mut self, keys: &[u8], n: usize) {
        let dim = self.dim;
        for p in 0..POSITIONS {
            for d in 0..dim / DEPTH {
                let mut tile = [_mm512_setzero_ps(); TILE];
                for (r, row) in tile.iter_mut().enumerate().take(n.saturating_sub(p * TILE)) {
                    let at = ((p * TILE + r) * dim + d * DEPTH) * 2;
                    // SAFETY: 32 halves of a row below n.
                    *row = unsafe { load_bf16(&keys[at..at + DEPTH * 2]) };
                }
                transpose(&mut tile);
                let to = &mut self.keys[(p * (dim / DEPTH) + d) * TILE_LEN..][..TILE_LEN];
                for (row, to) in tile.iter().zip(to.chunks_exact_mut(DEPTH)) {
                    // SAFETY: a row of 64 bytes.
                    unsafe { _mm512_storeu_ps(to.as_mut_ptr().cast(), *row) };
                }
            }
        }
    }

    /// Values as B tiles: pairs along the positions.
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512bf16")]
    unsafe fn pack_values(&mut self, values: &[u8], n: usize) {
        let dim = self.dim;
        for pair in 0..KV_BLOCK / 2 {
            for d in 0..dim / TILE {
                let half = |row: usize| {
                    if row >= n {
                        return _mm512_setzero_ps();
                    }
                    let at = (row * dim + d * TILE) * 2;
                    // SAFETY: 16 halves of a row below n.
                    _mm512_cvtph_ps(unsafe { _mm256_loadu_si256(values[at..at + TILE * 2].as_ptr().cast()) })
                };
                let at = (d * WEIGHTS + pair / TILE) * TILE_LEN + pair % TILE * DEPTH;
                // Lane by lane the first of the pair in the low half, the second in the high half.
                let both = bf16(half(2 * pair), half(2 * pair + 1));
                let lanes = _mm512_or_si512(
                    _mm512_cvtepu16_epi32(_mm512_castsi512_si256(both)),
                    _mm512_slli_epi32::<16>(_mm512_cvtepu16_epi32(_mm512_extracti64x4_epi64::<1>(both))),
                );
                // SAFETY: a row of 64 bytes.
                unsafe { _mm512_storeu_si512(self.values[at..at + DEPTH].as_mut_ptr().cast(), lanes) };
            }
        }
    }

    /// `scores = queries · keysᵀ`.
    unsafe fn score(&mut self, tiles: &Tiles) {
        let depth = self.dim / DEPTH;
        for i in (0..self.m.div_ceil(TILE)).step_by(2) {
            let a = [i, i + 1].map(|i| self.queries[i * depth * TILE_LEN..].as_ptr());
            for p in (0..POSITIONS).step_by(2) {
                let b = [p, p + 1].map(|p| self.keys[p * depth * TILE_LEN..].as_ptr());
                let c = [i, i + 1].map(|i| {
                    [p, p + 1].map(|p| self.scores[(i * POSITIONS + p) * TILE * TILE..].as_mut_ptr())
                });
                // SAFETY: buffers hold an even number of whole tiles.
                unsafe { tiles.multiply(a, b, depth, c, false) }
            }
        }
    }

    /// `sums += weights · values`.
    unsafe fn mix(&mut self, tiles: &Tiles) {
        let columns = self.dim / TILE;
        for i in (0..self.m.div_ceil(TILE)).step_by(2) {
            let a = [i, i + 1].map(|i| self.weights[i * WEIGHTS * TILE_LEN..].as_ptr());
            for d in (0..columns).step_by(2) {
                let b = [d, d + 1].map(|d| self.values[d * WEIGHTS * TILE_LEN..].as_ptr());
                let c = [i, i + 1]
                    .map(|i| [d, d + 1].map(|d| self.sums[(i * columns + d) * TILE * TILE..].as_mut_ptr()));
                // SAFETY: buffers hold an even number of whole tiles; dim is a multiple of 32.
                unsafe { tiles.multiply(a, b, WEIGHTS, c, true) }
            }
        }
    }

    /// Softmax of query `i` over the first `seen` positions, kept up to date with earlier blocks.
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512bf16")]
    unsafe fn weigh(&mut self, i: usize, seen: usize) {
        let lowest = _mm512_set1_ps(f32::NEG_INFINITY);
        let mut v = [lowest; POSITIONS];
        for (p, v) in v.iter_mut().enumerate() {
            let at = tile_row(i, p, POSITIONS);
            let mask = super::unpack::lanes_below(seen.saturating_sub(p * TILE));
            // SAFETY: a row of a tile.
            *v = unsafe { _mm512_mask_loadu_ps(lowest, mask, self.scores[at..at + TILE].as_ptr()) };
        }
        let largest = _mm512_max_ps(_mm512_max_ps(v[0], v[1]), _mm512_max_ps(v[2], v[3]));
        let (before, total) = self.state[i];
        let largest = _mm512_reduce_max_ps(largest);
        let base = if largest > before + SLACK { largest } else { before };
        let lanes = _mm512_set1_ps(if base == f32::NEG_INFINITY { 0.0 } else { base });
        let mut w = v;
        for w in &mut w {
            *w = exp2(_mm512_sub_ps(*w, lanes));
        }
        let added = sum(_mm512_add_ps(_mm512_add_ps(w[0], w[1]), _mm512_add_ps(w[2], w[3])));
        for (half, w) in w.chunks_exact(2).enumerate() {
            let at = (i / TILE * WEIGHTS + half) * TILE_LEN + i % TILE * DEPTH;
            // SAFETY: a row of 32 numbers.
            unsafe { store_bf16(&mut self.weights[at..at + DEPTH], w[0], w[1]) };
        }
        let mut total = total;
        if base > before && total > 0.0 {
            let shrink = (before - base).exp2();
            total *= shrink;
            for d in 0..self.dim / TILE {
                let at = tile_row(i, d, self.dim / TILE);
                self.sums[at..at + TILE].iter_mut().for_each(|s| *s *= shrink);
            }
        }
        self.state[i] = (base, total + added);
    }
}

/// Two vectors as 32 bf16, `low` first.
#[inline]
#[target_feature(enable = "avx512f,avx512bf16")]
fn bf16(low: __m512, high: __m512) -> __m512i {
    // SAFETY: both are 512 plain bits.
    unsafe { std::mem::transmute::<__m512bh, __m512i>(_mm512_cvtne2ps_pbh(high, low)) }
}

/// # Safety
/// `to` has 32 elements.
#[inline]
#[target_feature(enable = "avx512f,avx512bf16")]
unsafe fn store_bf16(to: &mut [u16], low: __m512, high: __m512) {
    // SAFETY: the caller's.
    unsafe { _mm512_storeu_si512(to.as_mut_ptr().cast(), bf16(low, high)) }
}

/// 32 halves as 32 bf16.
///
/// # Safety
/// `from` has 64 bytes.
#[inline]
#[target_feature(enable = "avx512f,avx512bf16")]
unsafe fn load_bf16(from: &[u8]) -> __m512 {
    // SAFETY: the caller's.
    unsafe {
        let low = _mm512_cvtph_ps(_mm256_loadu_si256(from.as_ptr().cast()));
        let high = _mm512_cvtph_ps(_mm256_loadu_si256(from.as_ptr().add(32).cast()));
        _mm512_castsi512_ps(bf16(low, high))
    }
}
