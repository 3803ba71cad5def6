//! Weight rows as f32, in slices of 64 columns, for products that sum over rows.

use super::unpack::*;
use crate::cpu::products::SLICE;
use crate::{Format, Matrix};
use std::arch::x86_64::*;
use std::ops::Range;

/// See `Kernels::dequantize`.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,f16c")]
pub(super) fn dequantize(w: &Matrix, rows: Range<usize>, cols: Range<usize>, out: &mut [f32]) {
    let (width, slice) = (cols.len(), SLICE * rows.len());
    assert!(out.len() == slice * width.div_ceil(SLICE) && cols.end <= w.cols());
    assert!(cols.start.is_multiple_of(SLICE) && width.is_multiple_of(w.format().block_len()));
    for (r, row) in rows.enumerate() {
        let out = &mut out[r * SLICE..];
        // SAFETY: the processor has the instructions; the columns lie in the row, and `out` holds them.
        unsafe {
            if w.format().is_float() {
                float_row(w.format(), w.row(row), cols.start, width, slice, out);
            } else {
                for_format!(w.format(), block_row(w.row(row), cols.start, width, slice, out));
            }
        }
    }
}

/// A row of blocks, a group of scales at a time; `slice` numbers lie between 64 columns and the next.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq")]
unsafe fn block_row<F: Blocks>(row: &[u8], k: usize, width: usize, slice: usize, out: &mut [f32]) {
    let pass = 16 * F::GROUP;
    for done in (0..width).step_by(pass) {
        let len = pass.min(width - done);
        // SAFETY: the caller's; at least half of each unit lies in the row, stores stay inside `out`.
        unsafe {
            let (d, m) = F::scales(row.as_ptr(), (k + done) / F::GROUP, len / F::GROUP);
            for offset in (0..len).step_by(SLICE) {
                let out = out.as_mut_ptr().add((done + offset) / SLICE * slice);
                let q = quants::<F>(row, (k + done + offset) / 64);
                for quarter in 0..((len - offset) / 16).min(4) {
                    let lane = _mm512_set1_epi32(((offset + 16 * quarter) / F::GROUP) as i32);
                    let (d, m) = (_mm512_permutexvar_ps(lane, d), _mm512_permutexvar_ps(lane, m));
                    _mm512_storeu_ps(out.add(16 * quarter), weights(q, quarter, d, m));
                }
            }
        }
    }
}

/// 16 of the 64 codes as weights `d · q + m`.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
pub(super) fn weights(q: __m512i, quarter: usize, d: __m512, m: __m512) -> __m512 {
    let codes = match quarter {
        0 => _mm512_castsi512_si128(q),
        1 => _mm512_extracti32x4_epi32::<1>(q),
        2 => _mm512_extracti32x4_epi32::<2>(q),
        _ => _mm512_extracti32x4_epi32::<3>(q),
    };
    _mm512_fmadd_ps(_mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(codes)), d, m)
}

/// A row of floats.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,f16c")]
unsafe fn float_row(format: Format, row: &[u8], k: usize, width: usize, slice: usize, out: &mut [f32]) {
    for offset in (0..width).step_by(16) {
        let mask = lanes_below(width - offset);
        let out = &mut out[offset / SLICE * slice + offset % SLICE..];
        // SAFETY: masks keep loads inside the row and stores inside `out`.
        unsafe { _mm512_mask_storeu_ps(out.as_mut_ptr(), mask, floats(format, row, k + offset, mask)) }
    }
}

/// Up to 16 floats of a row from column `k`.
///
/// # Safety
/// AVX-512; the columns of `mask` lie in the row.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,f16c")]
pub(super) unsafe fn floats(format: Format, row: &[u8], k: usize, mask: u16) -> __m512 {
    // SAFETY: the caller's.
    unsafe {
        match format {
            Format::F32 => _mm512_maskz_loadu_ps(mask, row.as_ptr().add(4 * k).cast()),
            Format::F16 => _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(mask, row.as_ptr().add(2 * k).cast())),
            _ => {
                let halves = _mm256_maskz_loadu_epi16(mask, row.as_ptr().add(2 * k).cast());
                _mm512_castsi512_ps(_mm512_slli_epi32::<16>(_mm512_cvtepu16_epi32(halves)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Bytes;
    use crate::cpu::portable;
    use crate::detect::Isa;
    use crate::quant::quantize_row;

    #[test]
    fn weights_are_those_of_plain_rust() {
        if !Isa::Avx512.is_available() {
            return println!("skipped: this processor has no AVX-512");
        }
        for format in Format::ALL {
            // From the second block on, with a part of a slice at the end where the format allows it.
            let unit = format.block_len().max(32);
            let (cols, from) = (unit * 13, unit.max(SLICE));
            let numbers: Vec<f32> = (0..cols).map(|i| (i * 7919 % 1000) as f32 / 500.0 - 1.0).collect();
            let mut row = vec![0; format.row_bytes(cols)];
            quantize_row(format, &numbers, &mut row);
            let w = Matrix::new(format, 3, cols, Bytes::copy(&row.repeat(3))).unwrap();
            let len = 2 * SLICE * (cols - from).div_ceil(SLICE);
            let (mut found, mut expected) = (vec![7.0; len], vec![7.0; len]);
            // SAFETY: checked above.
            unsafe { dequantize(&w, 1..3, from..cols, &mut found) };
            portable::dequantize(&w, 1..3, from..cols, &mut expected);
            for (found, expected) in found.iter().zip(&expected) {
                assert!((found - expected).abs() < 1e-5, "{format}: {found} {expected}");
            }
        }
    }
}
