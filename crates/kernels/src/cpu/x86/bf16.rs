//! Products of bf16 numbers for the backward pass, with `vdpbf16ps`: two products a lane, sums in f32.

use super::dequantize::{floats, weights};
use super::unpack::*;
use crate::cpu::kernels::{Bf16, Gemm};
use crate::{Format, Matrix};
use std::arch::is_x86_feature_detected;
use std::arch::x86_64::*;
use std::ops::Range;
use std::sync::LazyLock;

/// Rows and columns (in vectors of 16) of one register tile.
const ROWS: usize = 6;
const VECTORS: usize = 4;

/// Columns of a full tile.
const FULL: usize = VECTORS * 16;

/// The table, where the processor has the instructions and gains by them: AMD's multiply twice as many numbers as in f32,
/// Intel's (Sapphire Rapids, measured) half as many.
pub(super) fn kernels() -> Option<&'static Bf16> {
    // Every product asks, and on a virtual machine the answer comes from its host: once is enough.
    static AMD: LazyLock<bool> = LazyLock::new(amd);
    available().filter(|_| *AMD)
}

/// The table, where the processor has the instructions.
fn available() -> Option<&'static Bf16> {
    is_x86_feature_detected!("avx512bf16").then_some(&Bf16 { pack, pair, unpack, gemm })
}

/// Whether the processor is AMD's.
fn amd() -> bool {
    let name = __cpuid(0);
    [name.ebx, name.edx, name.ecx].map(u32::to_le_bytes).concat() == b"AuthenticAMD"
}

/// See [`Bf16::gemm`].
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
fn gemm(shape: Gemm, a: &[u16], b: &[u16], c: &mut [f32]) {
    let Gemm { m, n, k, a_stride, b_stride, c_stride } = shape;
    if m == 0 || n == 0 || k == 0 {
        return;
    }
    assert!(k.is_multiple_of(2) && n <= b_stride);
    assert!(a.len() >= (m - 1) * a_stride + k);
    assert!(b.len() >= (k - 2) * b_stride + 2 * n);
    assert!(c.len() >= (m - 1) * c_stride + n);
    for column in (0..n).step_by(FULL) {
        let width = (n - column).min(FULL);
        let mut row = 0;
        while row < m {
            let rows = (m - row).min(ROWS);
            // SAFETY: the lengths checked above cover every row and column of these tiles.
            unsafe {
                let a = a[row * a_stride..].as_ptr();
                let b = b[2 * column..].as_ptr();
                let c = c[row * c_stride + column..].as_mut_ptr();
                match rows {
                    ROWS => either::<ROWS>(shape, width, a, b, c),
                    5 => either::<5>(shape, width, a, b, c),
                    4 => either::<4>(shape, width, a, b, c),
                    3 => either::<3>(shape, width, a, b, c),
                    2 => either::<2>(shape, width, a, b, c),
                    _ => either::<1>(shape, width, a, b, c),
                }
            }
            row += rows;
        }
    }
}

/// A full tile without masks, any other with them.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
unsafe fn either<const R: usize>(shape: Gemm, width: usize, a: *const u16, b: *const u16, c: *mut f32) {
    // SAFETY: the caller's.
    unsafe {
        if width == FULL {
            tile::<R, true>(shape, width, a, b, c);
        } else {
            tile::<R, false>(shape, width, a, b, c);
        }
    }
}

/// `R` rows of at most 64 columns, of just as many where they are `ALL`. Every element is summed over k in order,
/// whatever the tile.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
unsafe fn tile<const R: usize, const ALL: bool>(
    shape: Gemm,
    width: usize,
    a: *const u16,
    b: *const u16,
    c: *mut f32,
) {
    let mut mask = [!0u16; VECTORS];
    for (v, mask) in mask.iter_mut().enumerate().filter(|_| !ALL) {
        *mask = lanes_below(width.saturating_sub(v * 16));
    }
    let mut acc = [[_mm512_setzero_ps(); VECTORS]; R];
    // SAFETY: the caller's; masks keep accesses inside `width` columns.
    unsafe {
        for r in 0..R {
            for v in 0..VECTORS {
                let at = c.add(r * shape.c_stride + v * 16);
                acc[r][v] = if ALL { _mm512_loadu_ps(at) } else { _mm512_maskz_loadu_ps(mask[v], at) };
            }
        }
        for pair in 0..shape.k / 2 {
            let mut row = [_mm512_setzero_si512(); VECTORS];
            for v in 0..VECTORS {
                let at = b.add(2 * (pair * shape.b_stride + v * 16)).cast();
                row[v] = if ALL { _mm512_loadu_epi32(at) } else { _mm512_maskz_loadu_epi32(mask[v], at) };
            }
            for r in 0..R {
                let x =
                    _mm512_set1_epi32(a.add(r * shape.a_stride + 2 * pair).cast::<i32>().read_unaligned());
                for v in 0..VECTORS {
                    acc[r][v] = _mm512_dpbf16_ps(acc[r][v], bits(x), bits(row[v]));
                }
            }
        }
        for r in 0..R {
            for v in 0..VECTORS {
                let at = c.add(r * shape.c_stride + v * 16);
                if ALL {
                    _mm512_storeu_ps(at, acc[r][v]);
                } else {
                    _mm512_mask_storeu_ps(at, mask[v], acc[r][v]);
                }
            }
        }
    }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bf16")]
fn bits(v: __m512i) -> __m512bh {
    // SAFETY: both are 512 bits without invalid values.
    unsafe { std::mem::transmute(v) }
}

/// See [`Bf16::pack`].
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
fn pack(x: &[f32], out: &mut [u16]) {
    assert!(out.len() >= x.len());
    out[x.len()..].fill(0);
    for (x, out) in x.chunks(16).zip(out.chunks_mut(16)) {
        let mask = lanes_below(x.len());
        // SAFETY: the mask keeps both inside their chunks.
        unsafe {
            let v = _mm512_cvtneps_pbh(_mm512_maskz_loadu_ps(mask, x.as_ptr()));
            let v = std::mem::transmute::<__m256bh, __m256i>(v);
            _mm256_mask_storeu_epi16(out.as_mut_ptr().cast(), mask, v);
        }
    }
}

/// See [`Bf16::pair`].
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
fn pair(a: &[f32], b: &[f32], out: &mut [u16]) {
    assert!(a.len() == b.len() && out.len() == 2 * a.len());
    for ((a, b), out) in a.chunks(16).zip(b.chunks(16)).zip(out.chunks_mut(32)) {
        let mask = lanes_below(a.len());
        // SAFETY: the mask keeps loads inside their chunks; a vector that is not full goes through a buffer.
        unsafe {
            let (wa, wb) = (_mm512_maskz_loadu_ps(mask, a.as_ptr()), _mm512_maskz_loadu_ps(mask, b.as_ptr()));
            if a.len() == 16 {
                store_pairs(wa, wb, out.as_mut_ptr());
            } else {
                let mut pairs = [0u16; 32];
                store_pairs(wa, wb, pairs.as_mut_ptr());
                out.copy_from_slice(&pairs[..out.len()]);
            }
        }
    }
}

/// See [`Bf16::unpack`].
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512bf16,f16c")]
fn unpack(w: &Matrix, rows: Range<usize>, cols: Range<usize>, out: &mut [u16]) {
    let (width, pairs) = (cols.len(), rows.len().div_ceil(2));
    assert!(out.len() == 2 * pairs * width.next_multiple_of(FULL) && cols.end <= w.cols());
    assert!(cols.start.is_multiple_of(FULL) && width.is_multiple_of(w.format().block_len()));
    let slice = 2 * pairs * FULL;
    for (pair, first) in rows.clone().step_by(2).enumerate() {
        let second = (first + 1 < rows.end).then(|| w.row(first + 1));
        let out = &mut out[2 * pair * FULL..];
        // SAFETY: the processor has the instructions; the columns lie in both rows, `out` holds both.
        unsafe {
            if w.format().is_float() {
                pair_floats(w.format(), w.row(first), second, cols.start, width, slice, out);
            } else {
                for_format!(w.format(), pair_blocks(w.row(first), second, cols.start, width, slice, out));
            }
        }
    }
}

/// Two rows of blocks, a group of scales at a time; `slice` numbers lie between 64 columns and the next.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512bf16")]
unsafe fn pair_blocks<F: Blocks>(
    a: &[u8],
    b: Option<&[u8]>,
    k: usize,
    width: usize,
    slice: usize,
    out: &mut [u16],
) {
    let pass = 16 * F::GROUP;
    for done in (0..width).step_by(pass) {
        let len = pass.min(width - done);
        let (group, count) = ((k + done) / F::GROUP, len / F::GROUP);
        // SAFETY: the caller's; at least half of each unit lies in the row, stores stay inside `out`.
        unsafe {
            let (da, ma) = F::scales(a.as_ptr(), group, count);
            let (db, mb) = match b {
                Some(b) => F::scales(b.as_ptr(), group, count),
                None => (_mm512_setzero_ps(), _mm512_setzero_ps()),
            };
            for offset in (0..len).step_by(FULL) {
                let out = out.as_mut_ptr().add((done + offset) / FULL * slice);
                let qa = quants::<F>(a, (k + done + offset) / 64);
                let qb = quants::<F>(b.unwrap_or(a), (k + done + offset) / 64);
                for quarter in 0..((len - offset) / 16).min(4) {
                    let lane = _mm512_set1_epi32(((offset + 16 * quarter) / F::GROUP) as i32);
                    let wa = weights(
                        qa,
                        quarter,
                        _mm512_permutexvar_ps(lane, da),
                        _mm512_permutexvar_ps(lane, ma),
                    );
                    let wb = weights(
                        qb,
                        quarter,
                        _mm512_permutexvar_ps(lane, db),
                        _mm512_permutexvar_ps(lane, mb),
                    );
                    store_pairs(wa, wb, out.add(2 * 16 * quarter));
                }
            }
        }
    }
}

/// `a0 b0 a1 b1 …` as bf16.
///
/// # Safety
/// `out` has room for 32 numbers.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
unsafe fn store_pairs(a: __m512, b: __m512, out: *mut u16) {
    // Rounded one beside the other, then `b` moved into the upper halves of the lanes.
    let both = _mm512_cvtne2ps_pbh(b, a);
    // SAFETY: both are 512 bits without invalid values; the store is the caller's.
    unsafe {
        let both = std::mem::transmute::<__m512bh, __m512i>(both);
        let low = _mm512_cvtepu16_epi32(_mm512_castsi512_si256(both));
        let high = _mm512_cvtepu16_epi32(_mm512_extracti64x4_epi64::<1>(both));
        _mm512_storeu_si512(out.cast(), _mm512_or_si512(low, _mm512_slli_epi32::<16>(high)));
    }
}

/// Two rows of floats.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16,f16c")]
unsafe fn pair_floats(
    format: Format,
    a: &[u8],
    b: Option<&[u8]>,
    k: usize,
    width: usize,
    slice: usize,
    out: &mut [u16],
) {
    for offset in (0..width).step_by(16) {
        let mask = lanes_below(width - offset);
        // SAFETY: masks keep loads inside the rows; a vector that is not full goes through a buffer.
        unsafe {
            let wa = floats(format, a, k + offset, mask);
            let wb = b.map_or(_mm512_setzero_ps(), |b| floats(format, b, k + offset, mask));
            let mut pairs = [0u16; 32];
            store_pairs(wa, wb, pairs.as_mut_ptr());
            let len = 2 * (width - offset).min(16);
            out[offset / FULL * slice + 2 * (offset % FULL)..][..len].copy_from_slice(&pairs[..len]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Bytes;
    use crate::cpu::kernels::Kernels;
    use crate::cpu::products::{Half, Products, Single};
    use crate::detect::Isa;
    use crate::quant::quantize_row;

    /// Tests of operations run this table on AMD's processors only.
    #[test]
    fn products_with_unpacked_weights_are_those_of_f32() {
        let (Some(bf16), Some(kernels)) = (available(), Kernels::of(Isa::Avx512)) else {
            return println!("skipped: this processor does not multiply bf16");
        };
        let number = |i: usize| (i.wrapping_mul(2_654_435_761) >> 12) % 2000;
        let random = |len: usize| (0..len).map(|i| number(i) as f32 / 1e3 - 1.0).collect::<Vec<_>>();
        for format in Format::ALL {
            // An odd number of rows, and columns that leave a part of a slice where the format allows it.
            let (rows, cols) = (37, format.block_len().max(32) * 3);
            let mut bytes = vec![0; rows * format.row_bytes(cols)];
            for (row, weights) in
                bytes.chunks_exact_mut(format.row_bytes(cols)).zip(random(rows * cols).chunks(cols))
            {
                quantize_row(format, weights, row);
            }
            let w = Matrix::new(format, rows, cols, Bytes::copy(&bytes)).unwrap();
            let (half, single) =
                (product(Half(bf16), &w, &random(7 * rows)), product(Single(kernels), &w, &random(7 * rows)));
            let largest = single.iter().fold(0f32, |largest, v| largest.max(v.abs()));
            for (half, single) in half.iter().zip(&single) {
                assert!((half - single).abs() <= 8e-3 * largest, "{format}: {half} {single}");
            }
        }
    }

    /// `dy · w` of seven rows.
    fn product<M: Products>(math: M, w: &Matrix, dy: &[f32]) -> Vec<f32> {
        let (rows, cols, k) = (w.rows(), w.cols(), w.rows().next_multiple_of(M::P));
        let zero = <M::Number as bytemuck::Zeroable>::zeroed();
        let mut a = vec![zero; 7 * k];
        for (a, dy) in a.chunks_exact_mut(k).zip(dy.chunks_exact(rows)) {
            math.row(dy, &mut a[..rows]);
        }
        let mut weights = vec![zero; k * cols.next_multiple_of(FULL)];
        math.unpack(w, 0..rows, 0..cols, &mut weights);
        let mut c = vec![0.0; 7 * cols];
        for (column, b) in (0..cols).step_by(FULL).zip(weights.chunks_exact(k * FULL)) {
            let n = FULL.min(cols - column);
            let shape = Gemm { m: 7, n, k, a_stride: k, b_stride: FULL, c_stride: cols };
            math.gemm(shape, &a, b, &mut c[column..]);
        }
        c
    }
}
