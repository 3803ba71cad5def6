//! Strips of weight rows as bf16 tiles, made from any block format on the way into the cache.

use super::tile::{DEPTH, TILE, TILE_LEN};
use super::unpack::*;
use crate::{Format, Matrix};
use std::arch::x86_64::*;

/// Weights `k .. k + depth` of rows `first .. first + 16 · tiles` as `[tiles][depth / 32][16 rows][32]` bf16.
/// Rows past the end of the matrix become zeros. `k` is a multiple of 512, `depth` of 32.
///
/// # Safety
/// AVX-512 F/BW/VL/BF16; the format is [`supported`]; `k + depth` lies inside a row; `out` holds the result.
pub(super) unsafe fn strip(weight: &Matrix, first: usize, k: usize, depth: usize, out: &mut [u16]) {
    let tiles = out.len() / (TILE * depth);
    for row in 0..tiles * TILE {
        let at = row / TILE * (TILE * depth) + row % TILE * DEPTH;
        if first + row < weight.rows() {
            // SAFETY: the caller's; `at` and the strides below stay inside `out`.
            unsafe { unpack_row(weight.format(), weight.row(first + row), k, depth, out[at..].as_mut_ptr()) };
        } else {
            for tile in 0..depth / DEPTH {
                out[at + tile * TILE_LEN..][..DEPTH].fill(0);
            }
        }
    }
}

/// Whether strips of this format can be made.
pub(super) fn supported(format: Format) -> bool {
    format != Format::F32
}

unsafe fn unpack_row(format: Format, row: &[u8], k: usize, depth: usize, out: *mut u16) {
    // SAFETY: the caller's.
    unsafe {
        match format {
            Format::Bf16 => copy_bf16(row, k, depth, out),
            Format::F16 => convert_f16(row, k, depth, out),
            Format::F32 => unreachable!("f32 weights are not rounded to bf16, see `supported`"),
            _ => for_format!(format, blocks(row, k, depth, out)),
        }
    }
}

/// `out[i / 32 · 512 + i % 32] = d · q + m` for weight `k + i`.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
unsafe fn blocks<F: Blocks>(row: &[u8], k: usize, depth: usize, out: *mut u16) {
    let pass = 16 * F::GROUP;
    let mut done = 0;
    while done < depth {
        let len = pass.min(depth - done);
        // SAFETY: the caller's: these groups and units lie in the row; stores stay inside the strip.
        unsafe {
            let (d, m) = F::scales(row.as_ptr(), (k + done) / F::GROUP, len / F::GROUP);
            let mut offset = 0;
            while offset < len {
                let q = quants::<F>(row, (k + done + offset) / 64);
                let group = offset / F::GROUP;
                let to = out.add((done + offset) / DEPTH * TILE_LEN);
                half_unit::<F>(_mm512_castsi512_si256(q), d, m, group, to);
                if offset + DEPTH < len {
                    half_unit::<F>(
                        _mm512_extracti64x4_epi64::<1>(q),
                        d,
                        m,
                        group + DEPTH / F::GROUP,
                        to.add(TILE_LEN),
                    );
                }
                offset += 64;
            }
        }
        done += len;
    }
}

/// 32 weights that begin at `group` of this pass.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
unsafe fn half_unit<F: Blocks>(q: __m256i, d: __m512, m: __m512, group: usize, out: *mut u16) {
    let low = _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm256_castsi256_si128(q)));
    let high = _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm256_extracti128_si256::<1>(q)));
    let lane = _mm512_set1_epi32(group as i32);
    let (d0, m0) = (_mm512_permutexvar_ps(lane, d), _mm512_permutexvar_ps(lane, m));
    let (d1, m1) = if F::GROUP == 32 {
        (d0, m0)
    } else {
        let next = _mm512_set1_epi32(group as i32 + 1);
        (_mm512_permutexvar_ps(next, d), _mm512_permutexvar_ps(next, m))
    };
    let bf16 = _mm512_cvtne2ps_pbh(_mm512_fmadd_ps(high, d1, m1), _mm512_fmadd_ps(low, d0, m0));
    // SAFETY: the caller's; `out` has room for 32 numbers.
    unsafe { _mm512_storeu_si512(out.cast(), std::mem::transmute::<__m512bh, __m512i>(bf16)) }
}

unsafe fn copy_bf16(row: &[u8], k: usize, depth: usize, out: *mut u16) {
    for i in (0..depth).step_by(DEPTH) {
        let from = &row[(k + i) * 2..][..DEPTH * 2];
        // SAFETY: 64 bytes from a checked slice into the strip.
        unsafe {
            std::ptr::copy_nonoverlapping(from.as_ptr(), out.add(i / DEPTH * TILE_LEN).cast(), DEPTH * 2)
        }
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
unsafe fn convert_f16(row: &[u8], k: usize, depth: usize, out: *mut u16) {
    for i in (0..depth).step_by(DEPTH) {
        let from = &row[(k + i) * 2..][..DEPTH * 2];
        // SAFETY: 64 bytes from a checked slice into the strip.
        unsafe {
            let low = _mm512_cvtph_ps(_mm256_loadu_si256(from.as_ptr().cast()));
            let high = _mm512_cvtph_ps(_mm256_loadu_si256(from.as_ptr().add(DEPTH).cast()));
            let bf16 = std::mem::transmute::<__m512bh, __m512i>(_mm512_cvtne2ps_pbh(high, low));
            _mm512_storeu_si512(out.add(i / DEPTH * TILE_LEN).cast(), bf16);
        }
    }
}
