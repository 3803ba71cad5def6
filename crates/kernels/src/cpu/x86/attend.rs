//! Inner loops of attention.

use super::lanes::{exp, sum};
use super::unpack::lanes_below;
use crate::cpu::kernels::{Gemm, Softmax};
use crate::cpu::portable;
use crate::{KV_BLOCK, KvFormat};
use std::arch::x86_64::*;

/// Rows and columns (in vectors of 16) of one register tile.
const ROWS: usize = 6;
const VECTORS: usize = 4;

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
    for column in (0..n).step_by(VECTORS * 16) {
        let width = (n - column).min(VECTORS * 16);
        let mut row = 0;
        while row < m {
            let rows = (m - row).min(ROWS);
            // SAFETY: the lengths checked above cover every row and column of these tiles.
            unsafe {
                let (a, b, c) = (
                    a[row * a_stride..].as_ptr(),
                    b[column..].as_ptr(),
                    c[row * c_stride + column..].as_mut_ptr(),
                );
                match rows {
                    ROWS => tile::<ROWS>(shape, width, a, b, c),
                    5 => tile::<5>(shape, width, a, b, c),
                    4 => tile::<4>(shape, width, a, b, c),
                    3 => tile::<3>(shape, width, a, b, c),
                    2 => tile::<2>(shape, width, a, b, c),
                    _ => tile::<1>(shape, width, a, b, c),
                }
            }
            row += rows;
        }
    }
}

/// `R` rows of at most 64 columns. Every element is summed over k in order, whatever the tile.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,fma")]
unsafe fn tile<const R: usize>(shape: Gemm, width: usize, a: *const f32, b: *const f32, c: *mut f32) {
    let mask: [u16; VECTORS] = std::array::from_fn(|v| lanes_below(width.saturating_sub(v * 16)));
    let mut acc = [[_mm512_setzero_ps(); VECTORS]; R];
    // SAFETY: the caller's; masks keep accesses inside `width` columns.
    unsafe {
        for r in 0..R {
            for v in 0..VECTORS {
                acc[r][v] = _mm512_maskz_loadu_ps(mask[v], c.add(r * shape.c_stride + v * 16));
            }
        }
        for k in 0..shape.k {
            let mut row = [_mm512_setzero_ps(); VECTORS];
            for v in 0..VECTORS {
                row[v] = _mm512_maskz_loadu_ps(mask[v], b.add(k * shape.b_stride + v * 16));
            }
            for r in 0..R {
                let x = _mm512_set1_ps(*a.add(r * shape.a_stride + k));
                for v in 0..VECTORS {
                    acc[r][v] = _mm512_fmadd_ps(x, row[v], acc[r][v]);
                }
            }
        }
        for r in 0..R {
            for v in 0..VECTORS {
                _mm512_mask_storeu_ps(c.add(r * shape.c_stride + v * 16), mask[v], acc[r][v]);
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
