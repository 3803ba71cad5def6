//! Activations to integers with AVX-512: 8 bits for many rows, 16 for few.

use crate::cpu::activations::{GROUP, QuantRow};
use std::arch::x86_64::*;

/// Codes that the largest number of a group may get. Rounding errors differ from one to the next as if drawn anew, and
/// the best of four draws is a tenth smaller.
const TOPS: [f32; 4] = [127.0, 126.4, 125.8, 125.2];

/// Largest code of 16 bits: its upper byte, rounded, is 127.
const TOP16: f32 = 32512.0;

/// See `Kernels::quantize`. Three passes, because the chain of one group's steps is longer than what the processor looks
/// ahead.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
pub(super) fn quantize(x: &[f32], out: QuantRow<'_>) {
    let QuantRow { q, scale, sum32, sum16, .. } = out;
    let (groups, q) = (x.as_chunks::<GROUP>().0, q.as_chunks_mut::<GROUP>().0);
    for (x, scale) in groups.iter().zip(&mut *scale) {
        let [a, b] = load(x);
        *scale = _mm512_reduce_max_ps(_mm512_max_ps(_mm512_abs_ps(a), _mm512_abs_ps(b)));
    }
    // Inverses stand where sums will.
    for ((x, scale), inverse) in groups.iter().zip(&mut *scale).zip(&mut *sum32) {
        (*scale, *inverse) = best_scale(x, *scale);
    }
    let sums = sum32.iter_mut().zip(sum16.as_chunks_mut().0);
    for (((x, q), scale), (sum32, sum16)) in groups.iter().zip(q).zip(scale).zip(sums) {
        let ([a, b], factor) = (load(x), _mm512_set1_ps(*sum32));
        let low = _mm512_cvtepi32_epi8(_mm512_cvtps_epi32(_mm512_mul_ps(a, factor)));
        let high = _mm512_cvtepi32_epi8(_mm512_cvtps_epi32(_mm512_mul_ps(b, factor)));
        let codes = _mm256_set_m128i(high, low);
        // SAFETY: a group has 32 codes.
        unsafe { _mm256_storeu_si256(q.as_mut_ptr().cast(), codes) };
        let fours = _mm256_dpbusd_epi32(_mm256_setzero_si256(), _mm256_set1_epi8(1), codes);
        let pairs = _mm256_hadd_epi32(fours, fours);
        let halves = _mm256_hadd_epi32(pairs, pairs);
        let [first, second] = [_mm256_extract_epi32::<0>(halves), _mm256_extract_epi32::<4>(halves)];
        *sum32 = *scale * (first + second) as f32;
        *sum16 = [*scale * first as f32, *scale * second as f32];
    }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn load(x: &[f32; GROUP]) -> [__m512; 2] {
    // SAFETY: a group has 32 numbers.
    unsafe { [_mm512_loadu_ps(x.as_ptr()), _mm512_loadu_ps(x[16..].as_ptr())] }
}

/// The best scale and its inverse, given the largest magnitude.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq")]
fn best_scale(x: &[f32; GROUP], largest: f32) -> (f32, f32) {
    if largest <= 0.0 || largest.is_nan() {
        return (0.0, 0.0);
    }
    let [a, b] = load(x);
    // SAFETY: an array of four floats.
    let tops = unsafe { _mm_loadu_ps(TOPS.as_ptr()) };
    let inverses = _mm_div_ps(tops, _mm_set1_ps(largest));
    let scales = _mm_div_ps(_mm_set1_ps(largest), tops);
    let errors = _mm_mul_ps(residuals(a, b, inverses), _mm_mul_ps(scales, scales));
    let least = _mm_min_ps(errors, _mm_movehl_ps(errors, errors));
    let least = _mm_min_ps(least, _mm_movehdup_ps(least));
    let best = _mm_cmp_ps_mask::<_CMP_EQ_OQ>(errors, _mm_broadcastss_ps(least)).trailing_zeros() & 3;
    let pick = _mm_set1_epi32(best as i32);
    (_mm_cvtss_f32(_mm_permutevar_ps(scales, pick)), _mm_cvtss_f32(_mm_permutevar_ps(inverses, pick)))
}

/// For each of four scales the sum of squares of what rounding leaves, in codes.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq")]
fn residuals(a: __m512, b: __m512, inverses: __m128) -> __m128 {
    let inverses = _mm512_broadcast_f32x4(inverses);
    let e0 = squares(a, b, _mm512_permute_ps::<0x00>(inverses));
    let e1 = squares(a, b, _mm512_permute_ps::<0x55>(inverses));
    let e2 = squares(a, b, _mm512_permute_ps::<0xaa>(inverses));
    let e3 = squares(a, b, _mm512_permute_ps::<0xff>(inverses));
    // Sums of halves, then of quarters, and all four side by side.
    let e01 = _mm512_add_ps(_mm512_shuffle_f32x4::<0x44>(e0, e1), _mm512_shuffle_f32x4::<0xee>(e0, e1));
    let e23 = _mm512_add_ps(_mm512_shuffle_f32x4::<0x44>(e2, e3), _mm512_shuffle_f32x4::<0xee>(e2, e3));
    let all = _mm512_add_ps(_mm512_shuffle_f32x4::<0x88>(e01, e23), _mm512_shuffle_f32x4::<0xdd>(e01, e23));
    let all = _mm512_add_ps(all, _mm512_permute_ps::<0x4e>(all));
    let all = _mm512_add_ps(all, _mm512_permute_ps::<0xb1>(all));
    let first = _mm512_set_epi32(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 12, 8, 4, 0);
    _mm512_castps512_ps128(_mm512_permutexvar_ps(first, all))
}

/// The same for one scale, in 16 sums.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq")]
fn squares(a: __m512, b: __m512, inverse: __m512) -> __m512 {
    // `reduce` leaves the difference from the nearest integer.
    let a = _mm512_reduce_ps::<0>(_mm512_mul_ps(a, inverse));
    let b = _mm512_reduce_ps::<0>(_mm512_mul_ps(b, inverse));
    _mm512_fmadd_ps(a, a, _mm512_mul_ps(b, b))
}

/// See `Kernels::quantize_few`.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq")]
pub(super) fn quantize_few(x: &[f32], out: QuantRow<'_>) {
    let (lines, _) = x.as_chunks::<16>();
    let mut largest = _mm512_setzero_ps();
    for line in lines {
        // SAFETY: a line has 16 numbers.
        largest = _mm512_max_ps(largest, _mm512_abs_ps(unsafe { _mm512_loadu_ps(line.as_ptr()) }));
    }
    let largest = _mm512_reduce_max_ps(largest);
    let factor = _mm512_set1_ps(if largest > 0.0 { TOP16 / largest } else { 0.0 });
    let (q, low) = (out.q.as_chunks_mut::<16>().0, out.low.as_chunks_mut::<16>().0);
    for (((line, q), low), sum) in lines.iter().zip(q).zip(low).zip(&mut *out.sum16) {
        // SAFETY: a line has 16 numbers and 16 bytes of each kind.
        unsafe {
            let codes = _mm512_cvtps_epi32(_mm512_mul_ps(_mm512_loadu_ps(line.as_ptr()), factor));
            let upper = _mm512_srai_epi32::<8>(_mm512_add_epi32(codes, _mm512_set1_epi32(128)));
            _mm_storeu_si128(q.as_mut_ptr().cast(), _mm512_cvtepi32_epi8(upper));
            _mm_storeu_si128(low.as_mut_ptr().cast(), _mm512_cvtepi32_epi8(codes));
            *sum = _mm512_reduce_add_epi32(codes) as f32;
        }
    }
    out.scale.fill(largest / TOP16);
    for (sum, [a, b]) in out.sum32.iter_mut().zip(out.sum16.as_chunks().0) {
        *sum = a + b;
    }
}
