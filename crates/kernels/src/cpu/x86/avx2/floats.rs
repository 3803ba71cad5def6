//! f32 products, and the rows of the cache as floats.

use crate::cpu::kernels::Gemm;
use crate::cpu::portable;
use crate::{KvFormat, quant};
use std::arch::x86_64::*;

/// Rows of `c` that are computed together: with 16 columns, 12 of the 16 registers are sums.
const TILE: usize = 6;

/// `c += a · b`.
#[target_feature(enable = "avx2,fma,f16c")]
pub(super) fn gemm(shape: Gemm, a: &[f32], b: &[f32], c: &mut [f32]) {
    shape.check(a, b, c);
    let whole = shape.n / 16 * 16;
    for n in (0..whole).step_by(16) {
        for m in (0..shape.m).step_by(TILE) {
            match shape.m - m {
                1 => tile::<1>(shape, m, n, a, b, c),
                2 => tile::<2>(shape, m, n, a, b, c),
                3 => tile::<3>(shape, m, n, a, b, c),
                4 => tile::<4>(shape, m, n, a, b, c),
                5 => tile::<5>(shape, m, n, a, b, c),
                _ => tile::<TILE>(shape, m, n, a, b, c),
            }
        }
    }
    if whole < shape.n && shape.m > 0 {
        let rest = Gemm { n: shape.n - whole, ..shape };
        portable::gemm_floats::<true>(rest, a, b.get(whole..).unwrap_or(&[]), &mut c[whole..]);
    }
}

/// Rows `m .. m + M`, columns `n .. n + 16`, all inside the shape that `gemm` checked.
#[target_feature(enable = "avx2,fma,f16c")]
fn tile<const M: usize>(shape: Gemm, m: usize, n: usize, a: &[f32], b: &[f32], c: &mut [f32]) {
    let Gemm { k, a_stride, b_stride, c_stride, .. } = shape;
    // SAFETY: `gemm` checked that rows `..shape.m` and columns `..shape.n` lie inside their slices.
    unsafe {
        let c = c.as_mut_ptr().add(m * c_stride + n);
        let (a, b) = (a.as_ptr().add(m * a_stride), b.as_ptr().add(n));
        let mut sums = [[_mm256_setzero_ps(); 2]; M];
        for (i, sums) in sums.iter_mut().enumerate() {
            *sums = [_mm256_loadu_ps(c.add(i * c_stride)), _mm256_loadu_ps(c.add(i * c_stride + 8))];
        }
        for k in 0..k {
            let row = b.add(k * b_stride);
            let b = [_mm256_loadu_ps(row), _mm256_loadu_ps(row.add(8))];
            for (i, sums) in sums.iter_mut().enumerate() {
                let a = _mm256_broadcast_ss(&*a.add(i * a_stride + k));
                sums[0] = _mm256_fmadd_ps(a, b[0], sums[0]);
                sums[1] = _mm256_fmadd_ps(a, b[1], sums[1]);
            }
        }
        for (i, sums) in sums.iter().enumerate() {
            _mm256_storeu_ps(c.add(i * c_stride), sums[0]);
            _mm256_storeu_ps(c.add(i * c_stride + 8), sums[1]);
        }
    }
}

/// Rows of the cache as floats.
#[target_feature(enable = "avx2,fma,f16c")]
pub(super) fn widen(format: KvFormat, bytes: &[u8], out: &mut [f32]) {
    if format != KvFormat::F16 {
        return portable::widen(format, bytes, out);
    }
    let (halves, floats) = (bytes.as_chunks::<16>().0, out.as_chunks_mut::<8>().0);
    for (half, float) in halves.iter().zip(floats) {
        // SAFETY: 16 bytes are read, 8 floats written.
        unsafe {
            let wide = _mm256_cvtph_ps(_mm_loadu_si128(half.as_ptr().cast()));
            _mm256_storeu_ps(float.as_mut_ptr(), wide);
        }
    }
    let done = out.len() / 8 * 8;
    portable::widen(format, &bytes[2 * done..], &mut out[done..]);
}

/// One key or value into its bytes in the cache.
#[target_feature(enable = "avx2,fma,f16c")]
pub(super) fn narrow(format: KvFormat, x: &[f32], bytes: &mut [u8]) {
    let done = if format == KvFormat::F16 { x.len() / 8 * 8 } else { 0 };
    for (x, half) in x[..done].as_chunks::<8>().0.iter().zip(bytes.as_chunks_mut::<16>().0) {
        // SAFETY: 8 floats are read, 16 bytes written.
        unsafe {
            let half_bits = _mm256_cvtps_ph::<_MM_FROUND_TO_NEAREST_INT>(_mm256_loadu_ps(x.as_ptr()));
            _mm_storeu_si128(half.as_mut_ptr().cast(), half_bits);
        }
    }
    quant::quantize_row(format.row_format(), &x[done..], &mut bytes[2 * done..]);
}
