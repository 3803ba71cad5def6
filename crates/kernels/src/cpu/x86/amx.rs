//! Matrix multiplication on AMX tiles, for batches of more than a few rows.
//!
//! Activations are normed and packed once as bf16 tiles. Then each job takes a strip of weight rows, unpacks
//! it to bf16 in cache and multiplies it with all tokens; sums stay f32 from the first k to the last, so no
//! scale is applied inside the loop and every block format costs the same.

use super::lanes::{Shared, silu, transpose};
use super::rows::rms_scale;
use super::tile::{DEPTH, TILE, TILE_LEN, Tiles};
use super::unpack_bf16;
use crate::detect::Isa;
use crate::pool::Pool;
use crate::{AlignedBuf, Linear, Matrix, Norm, Tensor};
use std::arch::x86_64::*;
use std::cell::RefCell;

/// The AMX matrix multiplier; its existence proves that the processor has it.
#[derive(Debug)]
pub(in crate::cpu) struct Amx {
    /// Activations as `[token tiles][K / 32][16 pairs of k][16 tokens][2]` bf16.
    packed: AlignedBuf<u16>,
}

/// k of one strip in cache; a multiple of every scale pass (512).
const STRIP_DEPTH: usize = 1024;
/// Up to this k a strip is not split: it and the tokens' tiles fit the second-level cache.
const UNSPLIT_DEPTH: usize = 2048;
/// Tokens multiplied with one unpacked strip.
const TOKENS: usize = 512;

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

/// Per-thread buffers: strips of weights, and sums `[row tiles][token tiles][16 rows][16 tokens]`.
#[derive(Default)]
struct Scratch {
    strip: AlignedBuf<u16>,
    sums: [AlignedBuf<f32>; 2],
}

impl Amx {
    pub(in crate::cpu) fn new() -> Option<Self> {
        Isa::Amx.is_available().then(|| Amx { packed: AlignedBuf::default() })
    }

    /// Whether this multiplier can read the weight.
    pub(in crate::cpu) fn takes(weight: &Matrix) -> bool {
        unpack_bf16::supported(weight.format()) && weight.cols().is_multiple_of(DEPTH)
    }

    /// As [`crate::Device::linear`], for weights that it [takes](Self::takes).
    pub(in crate::cpu) fn linear(&mut self, pool: &mut Pool, x: &Tensor, norm: Option<Norm<'_>>, jobs: &mut [Linear<'_>]) {
        self.pack(pool, x, norm);
        let packed = &self.packed[..];
        let mut items = Vec::new();
        for (job, linear) in jobs.iter().enumerate() {
            let height = strip_height(linear.weight, pool.threads());
            items.extend((0..linear.weight.rows()).step_by(height).map(|row| (job, row, height)));
        }
        let outs: Vec<Shared> = jobs.iter_mut().map(|j| Shared::new(j.out)).collect();
        let jobs: &[Linear<'_>] = jobs;
        pool.for_each(items.len(), |item| {
            let (job, row, height) = items[item];
            let Linear { weight, bias, add, .. } = &jobs[job];
            // SAFETY: `new` proved the processor; items write disjoint columns of their outputs.
            unsafe {
                let mut tiles = Tiles::configure();
                in_scratch(|scratch| {
                    let Scratch { strip, sums: [sums, _] } = scratch;
                    for tokens in token_blocks(x.rows()) {
                        let len = block(&mut tiles, weight, row, height, packed, tokens.clone(), strip, sums);
                        store(&sums[..len], &outs[job], row, tokens, |_, v| v, bias.as_deref(), *add);
                    }
                });
            }
        });
    }

    /// As [`crate::Device::gated`], for weights that it [takes](Self::takes).
    pub(in crate::cpu) fn gated(&mut self, pool: &mut Pool, x: &Tensor, norm: Option<Norm<'_>>, gate: &Matrix, up: &Matrix, out: &mut Tensor) {
        self.pack(pool, x, norm);
        let packed = &self.packed[..];
        let height = strip_height(gate, pool.threads());
        let out = Shared::new(out);
        pool.for_each(gate.rows().div_ceil(height), |item| {
            let row = item * height;
            // SAFETY: as in `linear`.
            unsafe {
                let mut tiles = Tiles::configure();
                in_scratch(|scratch| {
                    let Scratch { strip, sums: [gates, ups] } = scratch;
                    for tokens in token_blocks(x.rows()) {
                        let len = block(&mut tiles, gate, row, height, packed, tokens.clone(), strip, gates);
                        block(&mut tiles, up, row, height, packed, tokens.clone(), strip, ups);
                        let ups = &ups[..];
                        store(&gates[..len], &out, row, tokens, |at, g| gate_lanes(g, ups, at), None, false);
                    }
                });
            }
        });
    }

    /// Norms `x` and packs it as B tiles; rows beyond T, up to a multiple of 32, are zeros.
    fn pack(&mut self, pool: &mut Pool, x: &Tensor, norm: Option<Norm<'_>>) {
        let tiles = x.rows().next_multiple_of(2 * TILE) / TILE;
        let len = tiles * TILE * x.cols();
        if self.packed.len() < len {
            self.packed = AlignedBuf::zeroed(len);
        }
        let packed = Shared::from_slice(&mut self.packed[..len]);
        pool.for_each(tiles, |tile| {
            // SAFETY: `new` proved the processor; every item writes its own tile of tokens.
            unsafe { pack_tile(x, norm, tile, packed.at(tile * TILE * x.cols())) }
        });
    }
}

fn in_scratch(work: impl FnOnce(&mut Scratch)) {
    SCRATCH.with(|scratch| work(&mut scratch.borrow_mut()));
}

/// Blocks of tokens that begin at a tile.
fn token_blocks(rows: usize) -> impl Iterator<Item = std::ops::Range<usize>> {
    (0..rows).step_by(TOKENS).map(move |t| t..(t + TOKENS).min(rows))
}

/// Rows of one job: tall where k is long, so that the packed tokens are read less often; small enough that
/// every thread has several.
fn strip_height(weight: &Matrix, threads: usize) -> usize {
    let tall = if weight.cols() > UNSPLIT_DEPTH { 128 } else { 32 };
    let share = weight.rows() / (4 * threads) / 32 * 32;
    tall.min(share.max(32))
}

/// `sums = weight[row .. row + height] · tokensᵀ`; returns how many sums there are.
///
/// # Safety
/// The processor has AMX and AVX-512 BF16; `packed` holds the tokens with `weight.cols()` elements each.
#[allow(clippy::too_many_arguments, reason = "one call, two callers; a struct would name the same things again")]
unsafe fn block(
    tiles: &mut Tiles,
    weight: &Matrix,
    row: usize,
    height: usize,
    packed: &[u16],
    tokens: std::ops::Range<usize>,
    strip: &mut AlignedBuf<u16>,
    sums: &mut AlignedBuf<f32>,
) -> usize {
    let k_len = weight.cols();
    let step = if k_len > UNSPLIT_DEPTH { STRIP_DEPTH } else { k_len };
    let (row_tiles, token_tiles) = (height / TILE, tokens.len().next_multiple_of(2 * TILE) / TILE);
    grow(strip, height * step);
    grow(sums, height * token_tiles * TILE);
    for k in (0..k_len).step_by(step) {
        let depth = step.min(k_len - k);
        // SAFETY: the caller's; indices follow the layouts of `strip`, `packed` and `sums`, all of which were
        // sized above or by `pack`.
        unsafe {
            unpack_bf16::strip(weight, row, k, depth, &mut strip[..height * depth]);
            for j in (0..token_tiles).step_by(2) {
                let first = (tokens.start / TILE + j) * TILE * k_len + k * TILE;
                let b = [packed[first..].as_ptr(), packed[first + TILE * k_len..].as_ptr()];
                for i in (0..row_tiles).step_by(2) {
                    let a = [i, i + 1].map(|i| strip[i * TILE * depth..].as_ptr());
                    let c = [i, i + 1].map(|i| {
                        [j, j + 1].map(|j| sums[(i * token_tiles + j) * TILE * TILE..].as_mut_ptr())
                    });
                    tiles.multiply(a, b, depth / DEPTH, c, k > 0);
                }
            }
        }
    }
    height * token_tiles * TILE
}

fn grow<T: bytemuck::Pod>(buffer: &mut AlignedBuf<T>, len: usize) {
    if buffer.len() < len {
        *buffer = AlignedBuf::zeroed(len);
    }
}

/// Turns sums to token-major and writes them: `out[t, row + r] (+)= map(sums) + bias[row + r]`.
///
/// # Safety
/// AVX-512; nobody else uses these columns of `out` now.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq")]
unsafe fn store(
    sums: &[f32],
    out: &Shared,
    row: usize,
    tokens: std::ops::Range<usize>,
    map: impl Fn(usize, __m512) -> __m512,
    bias: Option<&[f32]>,
    add: bool,
) {
    let token_tiles = tokens.len().next_multiple_of(2 * TILE) / TILE;
    let width = out.cols();
    for (i, column) in (row..width).step_by(TILE).take(sums.len() / (token_tiles * TILE * TILE)).enumerate() {
        let mask = super::unpack::lanes_below(width - column);
        // SAFETY: `mask` keeps loads and stores inside the row; sums has the tile by the loop's condition.
        unsafe {
            let bias = bias.map_or(_mm512_setzero_ps(), |b| _mm512_maskz_loadu_ps(mask, b[column..].as_ptr()));
            for j in 0..tokens.len().div_ceil(TILE) {
                let at = (i * token_tiles + j) * TILE * TILE;
                let mut v = [_mm512_setzero_ps(); TILE];
                for (r, v) in v.iter_mut().enumerate() {
                    *v = map(at + r * TILE, _mm512_loadu_ps(sums[at + r * TILE..].as_ptr()));
                }
                transpose(&mut v);
                let live = (tokens.len() - j * TILE).min(TILE);
                for (t, v) in v.iter().take(live).enumerate() {
                    let to = out.at((tokens.start + j * TILE + t) * width + column);
                    let mut v = _mm512_add_ps(*v, bias);
                    if add {
                        v = _mm512_add_ps(v, _mm512_maskz_loadu_ps(mask, to));
                    }
                    _mm512_mask_storeu_ps(to, mask, v);
                }
            }
        }
    }
}

/// `silu(gate) ⊙ up`.
#[inline]
fn gate_lanes(gate: __m512, ups: &[f32], at: usize) -> __m512 {
    // SAFETY: called only from `store`, on a processor that `Amx::new` has proved; `at` is a row of a tile.
    unsafe { _mm512_mul_ps(silu(gate), _mm512_loadu_ps(ups[at..at + TILE].as_ptr())) }
}

/// Packs 16 tokens: for each 32 of k a tile of `[16 pairs][16 tokens][2]`.
///
/// # Safety
/// AVX-512 BF16; `out` has room for `16 · x.cols()` numbers that nobody else uses.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512bf16")]
unsafe fn pack_tile(x: &Tensor, norm: Option<Norm<'_>>, tile: usize, out: *mut u16) {
    let k_len = x.cols();
    let live = x.rows().saturating_sub(tile * TILE).min(TILE);
    let mut scale = [_mm512_set1_ps(1.0); TILE];
    if let Some(norm) = norm {
        for (t, scale) in scale.iter_mut().take(live).enumerate() {
            *scale = _mm512_set1_ps(rms_scale(x.row(tile * TILE + t), norm.eps));
        }
    }
    for k in (0..k_len).step_by(DEPTH) {
        let mut pairs = [_mm512_setzero_ps(); TILE];
        // SAFETY: k + 32 <= k_len, rows below `live` exist, and `out` has one tile per 32 of k.
        unsafe {
            let (w0, w1) = match norm {
                Some(n) => (_mm512_loadu_ps(n.weight[k..].as_ptr()), _mm512_loadu_ps(n.weight[k + 16..].as_ptr())),
                None => (_mm512_set1_ps(1.0), _mm512_set1_ps(1.0)),
            };
            for (t, pair) in pairs.iter_mut().take(live).enumerate() {
                let row = x.row(tile * TILE + t)[k..k + DEPTH].as_ptr();
                let low = _mm512_mul_ps(_mm512_mul_ps(_mm512_loadu_ps(row), scale[t]), w0);
                let high = _mm512_mul_ps(_mm512_mul_ps(_mm512_loadu_ps(row.add(16)), scale[t]), w1);
                *pair = std::mem::transmute::<__m512bh, __m512>(_mm512_cvtne2ps_pbh(high, low));
            }
            transpose(&mut pairs);
            for (p, pair) in pairs.iter().enumerate() {
                _mm512_storeu_ps(out.add(k * TILE + p * DEPTH).cast(), *pair);
            }
        }
    }
}
