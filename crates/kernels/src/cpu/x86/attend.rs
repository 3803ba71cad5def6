//! Inner loops of attention.

use super::lanes::{exp, sum, transpose};
use super::unpack::lanes_below;
use crate::cpu::kernels::{Gemm, Softmax};
use crate::cpu::portable;
use crate::{KV_BLOCK, KvFormat};
use std::arch::x86_64::*;

/// See `Kernels::gemm_floats`.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,fma")]
pub(super) fn gemm_floats(shape: Gemm, a: &[f32], b: &[f32], c: &mut [f32]) {
    let Gemm { m, n, k, a_stride, b_stride, c_stride } = shape;
    if m == 0 || n == 0 || k == 0 {
        return;
    }
    assert!(
        a.len() >= (m - 1) * a_stride + k
            && b.len() >= (k - 1) * b_stride + n
            && c.len() >= (m - 1) * c_stride + n
    );
    let mut column = 0;
    while column < n {
        // SAFETY: the lengths checked above cover every row and column of these tiles.
        unsafe {
            let (a, b, c) = (a.as_ptr(), b.as_ptr().add(column), c.as_mut_ptr().add(column));
            // Narrow products take more rows at once, so that as many sums are on their way.
            column += match n - column {
                width @ 0..=16 => columns::<12, 1>(shape, width, a, b, c),
                width @ 17..=32 => columns::<12, 2>(shape, width, a, b, c),
                width => columns::<6, 4>(shape, width.min(64), a, b, c),
            };
        }
    }
}

/// All rows of at most `16 · V` columns, `R` at a time; returns the number of columns.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,fma")]
unsafe fn columns<const R: usize, const V: usize>(
    shape: Gemm,
    width: usize,
    a: *const f32,
    b: *const f32,
    c: *mut f32,
) -> usize {
    let mut row = 0;
    while row < shape.m {
        // SAFETY: the caller's.
        unsafe {
            let (a, c) = (a.add(row * shape.a_stride), c.add(row * shape.c_stride));
            // Equal shares: eight rows are four and four, not six and two.
            let left = shape.m - row;
            row += match left.div_ceil(left.div_ceil(R)) {
                rows if rows >= R => tile::<R, V>(shape, width, a, b, c),
                8.. => tile::<8, V>(shape, width, a, b, c),
                6 | 7 => tile::<6, V>(shape, width, a, b, c),
                5 => tile::<5, V>(shape, width, a, b, c),
                4 => tile::<4, V>(shape, width, a, b, c),
                3 => tile::<3, V>(shape, width, a, b, c),
                2 => tile::<2, V>(shape, width, a, b, c),
                _ => tile::<1, V>(shape, width, a, b, c),
            };
        }
    }
    width
}

/// `R` rows of at most `16 · V` columns; returns `R`. Every element is summed over k in order, whatever the tile.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,fma")]
unsafe fn tile<const R: usize, const V: usize>(
    shape: Gemm,
    width: usize,
    a: *const f32,
    b: *const f32,
    c: *mut f32,
) -> usize {
    let mask: [u16; V] = std::array::from_fn(|v| lanes_below(width.saturating_sub(v * 16)));
    let mut acc = [[_mm512_setzero_ps(); V]; R];
    // SAFETY: the caller's; masks keep accesses inside `width` columns.
    unsafe {
        for r in 0..R {
            for v in 0..V {
                acc[r][v] = _mm512_maskz_loadu_ps(mask[v], c.add(r * shape.c_stride + v * 16));
            }
        }
        for k in 0..shape.k {
            let mut row = [_mm512_setzero_ps(); V];
            for v in 0..V {
                row[v] = _mm512_maskz_loadu_ps(mask[v], b.add(k * shape.b_stride + v * 16));
            }
            for r in 0..R {
                let x = _mm512_set1_ps(*a.add(r * shape.a_stride + k));
                for v in 0..V {
                    acc[r][v] = _mm512_fmadd_ps(x, row[v], acc[r][v]);
                }
            }
        }
        for r in 0..R {
            for v in 0..V {
                _mm512_mask_storeu_ps(c.add(r * shape.c_stride + v * 16), mask[v], acc[r][v]);
            }
        }
    }
    R
}

/// See `Kernels::turn`.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq")]
pub(super) fn turn(dim: usize, k: &[f32], out: &mut [f32]) {
    let count = k.len() / dim;
    if !dim.is_multiple_of(16) || count > KV_BLOCK {
        return portable::turn(dim, k, out);
    }
    assert!(out.len() >= dim * KV_BLOCK);
    for first in (0..count).step_by(16) {
        for d in (0..dim).step_by(16) {
            let mut square = [_mm512_setzero_ps(); 16];
            for (i, row) in square.iter_mut().enumerate().take(count - first) {
                // SAFETY: 16 numbers of a key.
                *row = unsafe { _mm512_loadu_ps(k[(first + i) * dim + d..][..16].as_ptr()) };
            }
            transpose(&mut square);
            for (i, row) in square.iter().enumerate() {
                // SAFETY: 16 numbers of a row; there are `dim` rows of 64.
                unsafe { _mm512_storeu_ps(out[(d + i) * KV_BLOCK + first..][..16].as_mut_ptr(), *row) };
            }
        }
    }
}

/// See `Kernels::dots`.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,fma,f16c")]
pub(super) fn dots(dim: usize, q: &[f32], k: &[f32], s: &mut [f32]) {
    if !dim.is_multiple_of(16) {
        return portable::dots::<true>(dim, q, k, s);
    }
    for (q, s) in q.chunks_exact(dim).zip(s.chunks_exact_mut(KV_BLOCK)) {
        for (k, s) in k.chunks_exact(dim).zip(s) {
            let mut acc = _mm512_setzero_ps();
            for at in (0..dim).step_by(16) {
                // SAFETY: both have `dim` numbers, a multiple of 16.
                unsafe {
                    let (q, k) = (_mm512_loadu_ps(q[at..].as_ptr()), _mm512_loadu_ps(k[at..].as_ptr()));
                    acc = _mm512_fmadd_ps(q, k, acc);
                }
            }
            *s = sum(acc);
        }
    }
}

/// See `Kernels::softmax`.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,fma,f16c")]
pub(super) fn softmax(s: &mut [f32], scale: f32, state: &mut Softmax) -> f32 {
    let Ok(s) = <&mut [f32; KV_BLOCK]>::try_from(&mut *s) else {
        return portable::softmax::<true>(s, scale, state);
    };
    let factor = _mm512_set1_ps(scale);
    let mut v = [_mm512_setzero_ps(); 4];
    for (i, v) in v.iter_mut().enumerate() {
        // SAFETY: the row has 64 numbers.
        *v = unsafe { _mm512_mul_ps(_mm512_loadu_ps(s[i * 16..].as_ptr()), factor) };
    }
    let largest = _mm512_max_ps(_mm512_max_ps(v[0], v[1]), _mm512_max_ps(v[2], v[3]));
    let max = state.max.max(_mm512_reduce_max_ps(largest));
    if max == f32::NEG_INFINITY {
        s.fill(0.0);
        return 1.0;
    }
    let base = _mm512_set1_ps(max);
    for (i, v) in v.iter_mut().enumerate() {
        *v = exp(_mm512_sub_ps(*v, base));
        // SAFETY: as above.
        unsafe { _mm512_storeu_ps(s[i * 16..].as_mut_ptr(), *v) };
    }
    let total = sum(_mm512_add_ps(_mm512_add_ps(v[0], v[1]), _mm512_add_ps(v[2], v[3])));
    let shrink = if state.max == f32::NEG_INFINITY { 0.0 } else { (state.max - max).exp() };
    *state = Softmax { max, sum: state.sum * shrink + total };
    shrink
}

/// See `Kernels::widen`.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,fma,f16c")]
pub(super) fn widen(format: KvFormat, bytes: &[u8], out: &mut [f32]) {
    if format != KvFormat::F16 {
        return portable::widen(format, bytes, out);
    }
    for (bytes, out) in bytes.chunks(32).zip(out.chunks_mut(16)) {
        let mask = lanes_below(out.len().min(bytes.len() / 2));
        // SAFETY: the mask keeps both inside their chunks.
        unsafe {
            let halves = _mm256_maskz_loadu_epi16(mask, bytes.as_ptr().cast());
            _mm512_mask_storeu_ps(out.as_mut_ptr(), mask, _mm512_cvtph_ps(halves));
        }
    }
}

/// See `Kernels::narrow`.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,fma,f16c")]
pub(super) fn narrow(format: KvFormat, x: &[f32], bytes: &mut [u8]) {
    if format != KvFormat::F16 {
        return portable::narrow(format, x, bytes);
    }
    for (x, bytes) in x.chunks(16).zip(bytes.chunks_mut(32)) {
        let mask = lanes_below(x.len().min(bytes.len() / 2));
        // SAFETY: the mask keeps both inside their chunks.
        unsafe {
            let halves =
                _mm512_cvtps_ph::<_MM_FROUND_TO_NEAREST_INT>(_mm512_maskz_loadu_ps(mask, x.as_ptr()));
            _mm256_mask_storeu_epi16(bytes.as_mut_ptr().cast(), mask, halves);
        }
    }
}
