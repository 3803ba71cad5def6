//! Matrix multiplication on AMX tiles, for batches of more than a few rows.
//!
//! Activations are normed and packed once as bf16 tiles. Then each job takes a strip of weight rows, unpacks
//! it to bf16 in cache and multiplies it with all tokens; sums stay f32 from the first k to the last, so no
//! scale is applied inside the loop and every block format costs the same.

use super::lanes::{rms_scale, silu, transpose};
use super::tile::{DEPTH, TILE, Tiles};
use super::unpack_bf16;
use crate::cpu::activations::grow;
use crate::cpu::parts::Parts;
use crate::cpu::{Scratch, lock};
use crate::detect::Isa;
use crate::pool::Pool;
use crate::{AlignedBuf, Linear, Matrix, Norm, Tensor};
use std::arch::x86_64::*;
use std::ops::Range;
use std::sync::Mutex;

/// The AMX matrix multiplier; its existence proves that the processor has it.
#[derive(Debug)]
pub(in crate::cpu) struct Amx {
    /// Activations as `[token tiles][K / 32][16 pairs of k][16 tokens][2]` bf16.
    packed: AlignedBuf<u16>,
}

/// Buffers of one thread: a strip of weights, and sums `[row tiles][token tiles][16 rows][16 tokens]`.
#[derive(Default)]
pub(in crate::cpu) struct Buffers {
    strip: AlignedBuf<u16>,
    sums: [AlignedBuf<f32>; 2],
}

/// k of one strip in cache; a multiple of every scale pass (512).
const STRIP_DEPTH: usize = 1024;
/// Up to this k a strip is not split: it and the tokens' tiles fit the second-level cache.
const UNSPLIT_DEPTH: usize = 2048;
/// Tokens multiplied with one unpacked strip.
const TOKENS: usize = 512;

/// Where a product goes.
struct Output<'a> {
    weight: &'a Matrix,
    bias: Option<&'a [f32]>,
    add: bool,
    out: Parts<'a, f32>,
}

impl Amx {
    /// For the instruction set in use.
    pub(in crate::cpu) fn of(isa: Isa) -> Option<Self> {
        (isa == Isa::Amx && isa.is_available()).then(|| Amx { packed: AlignedBuf::default() })
    }

    /// Whether this multiplier can read the weight.
    pub(in crate::cpu) fn takes(&self, weight: &Matrix) -> bool {
        unpack_bf16::supported(weight.format()) && weight.cols().is_multiple_of(DEPTH)
    }

    /// As [`crate::Device::linear`], for weights that it [takes](Self::takes).
    pub(in crate::cpu) fn linear(
        &mut self,
        pool: &mut Pool,
        scratch: &[Mutex<Scratch>],
        x: &Tensor,
        norm: Option<Norm<'_>>,
        jobs: &mut [Linear<'_>],
    ) {
        self.pack(pool, x, norm);
        let packed = &self.packed[..];
        let mut items = Vec::new();
        for (job, linear) in jobs.iter().enumerate() {
            let height = strip_height(linear.weight, scratch.len());
            items.extend((0..linear.weight.rows()).step_by(height).map(|row| (job, row, height)));
        }
        let outputs: Vec<Output<'_>> = jobs
            .iter_mut()
            .map(|job| Output { weight: job.weight, bias: job.bias, add: job.add, out: Parts::of(job.out) })
            .collect();
        pool.share(items.len(), |thread, mine| {
            let Buffers { strip, sums: [sums, _] } = &mut lock(&scratch[thread]).tiles;
            // SAFETY: `of` proved the processor; items write disjoint columns of their outputs.
            unsafe {
                let tiles = Tiles::configure();
                for (job, row, height) in mine.map(|item| items[item]) {
                    let to = &outputs[job];
                    for tokens in token_blocks(x.rows()) {
                        let sums = block(&tiles, to.weight, row, height, packed, &tokens, strip, sums);
                        store(sums, None, to, row, &tokens);
                    }
                }
            }
        });
    }

    /// As [`crate::Device::gated`], for weights that it [takes](Self::takes).
    #[allow(clippy::too_many_arguments, reason = "the operation's own, and the threads")]
    pub(in crate::cpu) fn gated(
        &mut self,
        pool: &mut Pool,
        scratch: &[Mutex<Scratch>],
        x: &Tensor,
        norm: Option<Norm<'_>>,
        gate: &Matrix,
        up: &Matrix,
        out: &mut Tensor,
    ) {
        self.pack(pool, x, norm);
        let packed = &self.packed[..];
        let height = strip_height(gate, scratch.len());
        let to = Output { weight: gate, bias: None, add: false, out: Parts::of(out) };
        pool.share(gate.rows().div_ceil(height), |thread, mine| {
            let Buffers { strip, sums: [gates, ups] } = &mut lock(&scratch[thread]).tiles;
            // SAFETY: as in `linear`.
            unsafe {
                let tiles = Tiles::configure();
                for row in mine.map(|item| item * height) {
                    for tokens in token_blocks(x.rows()) {
                        let gates = block(&tiles, gate, row, height, packed, &tokens, strip, gates);
                        let ups = block(&tiles, up, row, height, packed, &tokens, strip, ups);
                        store(gates, Some(ups), &to, row, &tokens);
                    }
                }
            }
        });
    }

    /// Norms `x` and packs it as B tiles; rows beyond T, up to a multiple of 32, are zeros.
    fn pack(&mut self, pool: &mut Pool, x: &Tensor, norm: Option<Norm<'_>>) {
        let tiles = x.rows().next_multiple_of(2 * TILE) / TILE;
        let len = TILE * x.cols();
        grow(&mut self.packed, tiles * len);
        let packed = Parts::new(&mut self.packed[..]);
        pool.for_each(tiles, |tile| {
            // SAFETY: `of` proved the processor; every item writes its own tile of tokens.
            unsafe { pack_tile(x, norm, tile, packed.slice(tile * len..(tile + 1) * len)) }
        });
    }
}

/// Blocks of tokens that begin at a tile.
fn token_blocks(rows: usize) -> impl Iterator<Item = Range<usize>> {
    (0..rows).step_by(TOKENS).map(move |t| t..(t + TOKENS).min(rows))
}

/// Rows of one job: tall where k is long, so that the packed tokens are read less often; small enough that
/// every thread has several.
fn strip_height(weight: &Matrix, threads: usize) -> usize {
    let tall = if weight.cols() > UNSPLIT_DEPTH { 128 } else { 32 };
    let share = weight.rows() / (4 * threads) / 32 * 32;
    tall.min(share.max(32))
}

/// `weight[row .. row + height] · tokensᵀ`, in `sums`.
///
/// # Safety
/// The processor has AMX and AVX-512 BF16; `packed` holds the tokens with `weight.cols()` elements each.
#[allow(clippy::too_many_arguments, reason = "two callers; a struct would only name the same things again")]
unsafe fn block<'a>(
    tiles: &Tiles,
    weight: &Matrix,
    row: usize,
    height: usize,
    packed: &[u16],
    tokens: &Range<usize>,
    strip: &mut AlignedBuf<u16>,
    sums: &'a mut AlignedBuf<f32>,
) -> &'a [f32] {
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
    &sums[..height * token_tiles * TILE]
}

/// Turns sums to token-major and writes them: `out[t, row + r] (+)= sums + bias[row + r]`; with `ups`,
/// `silu(sums) ⊙ ups`.
///
/// # Safety
/// AVX-512; nobody else uses these columns of the output now.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq")]
unsafe fn store(sums: &[f32], ups: Option<&[f32]>, to: &Output<'_>, row: usize, tokens: &Range<usize>) {
    let token_tiles = tokens.len().next_multiple_of(2 * TILE) / TILE;
    let row_tiles = sums.len() / (token_tiles * TILE * TILE);
    let width = to.weight.rows();
    // Tokens outside: rows of the output lie pages apart.
    for j in 0..tokens.len().div_ceil(TILE) {
        for (i, column) in (row..width).step_by(TILE).take(row_tiles).enumerate() {
            let at = (i * token_tiles + j) * TILE * TILE;
            let columns = column..width.min(column + TILE);
            let mask = super::unpack::lanes_below(columns.len());
            // SAFETY: a tile has 256 numbers; `mask` keeps loads and stores inside `columns`.
            unsafe {
                let mut tile = load_tile(&sums[at..at + TILE * TILE]);
                if let Some(ups) = ups {
                    let ups = load_tile(&ups[at..at + TILE * TILE]);
                    for (gate, up) in tile.iter_mut().zip(ups) {
                        *gate = _mm512_mul_ps(silu(*gate), up);
                    }
                }
                transpose(&mut tile);
                if let Some(bias) = to.bias {
                    let bias = _mm512_maskz_loadu_ps(mask, bias[columns.clone()].as_ptr());
                    for v in &mut tile {
                        *v = _mm512_add_ps(*v, bias);
                    }
                }
                for (t, v) in (tokens.start + j * TILE..tokens.end).zip(tile) {
                    let out = to.out.slice(t * width + columns.start..t * width + columns.end).as_mut_ptr();
                    let before = if to.add { _mm512_maskz_loadu_ps(mask, out) } else { _mm512_setzero_ps() };
                    _mm512_mask_storeu_ps(out, mask, _mm512_add_ps(v, before));
                }
            }
        }
    }
}

/// # Safety
/// AVX-512; `from` has 256 numbers.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq")]
unsafe fn load_tile(from: &[f32]) -> [__m512; TILE] {
    let mut tile = [_mm512_setzero_ps(); TILE];
    for (i, v) in tile.iter_mut().enumerate() {
        // SAFETY: the caller's.
        *v = unsafe { _mm512_loadu_ps(from.as_ptr().add(i * TILE)) };
    }
    tile
}

/// Packs 16 tokens: for each 32 of k a tile of `[16 pairs][16 tokens][2]`.
///
/// # Safety
/// AVX-512 BF16; `out` has room for `16 · x.cols()` numbers.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512bf16")]
unsafe fn pack_tile(x: &Tensor, norm: Option<Norm<'_>>, tile: usize, out: &mut [u16]) {
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
                Some(n) => {
                    (_mm512_loadu_ps(n.weight[k..].as_ptr()), _mm512_loadu_ps(n.weight[k + 16..].as_ptr()))
                }
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
                let at = k * TILE + p * DEPTH;
                _mm512_storeu_ps(out[at..at + DEPTH].as_mut_ptr().cast(), *pair);
            }
        }
    }
}
