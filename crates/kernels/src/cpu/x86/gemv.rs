//! Matrix times a few rows (decoding, speculation, several users): bound by reading the weights, so each
//! block is decoded once and multiplied with all rows.
//!
//! 64 products become 16 sums in one VNNI instruction, which are then scaled in f32.

use super::lanes::sum;
use super::unpack::*;
use crate::Format;
use crate::cpu::FEW_ROWS;
use crate::cpu::activations::QuantRows;
use crate::cpu::panel::Rows;
use std::arch::x86_64::*;

/// Bytes of weights that are asked for ahead of their use: the processor's own prefetch stops at each page.
const AHEAD: usize = 4096;

/// See `Kernels::gemv`.
///
/// # Safety
/// The processor has AVX-512 F/BW/VL/DQ and VNNI.
pub(super) unsafe fn gemv(format: Format, rows: Rows<'_>, x: &QuantRows, acc: &mut [f32]) {
    // SAFETY: the caller's.
    unsafe { for_format!(format, by_count(rows, x, acc)) }
}

unsafe fn by_count<F: Blocks>(rows: Rows<'_>, x: &QuantRows, acc: &mut [f32]) {
    const { assert!(FEW_ROWS == 8) }
    // SAFETY: the caller's.
    unsafe {
        match x.rows {
            1 => dots::<F, 1>(rows, x, acc),
            2 => dots::<F, 2>(rows, x, acc),
            3 => dots::<F, 3>(rows, x, acc),
            4 => dots::<F, 4>(rows, x, acc),
            5 => dots::<F, 5>(rows, x, acc),
            6 => dots::<F, 6>(rows, x, acc),
            7 => dots::<F, 7>(rows, x, acc),
            8 => dots::<F, 8>(rows, x, acc),
            n => unreachable!("{n} rows are not few"),
        }
    }
}

/// `acc[t, r] = Σ_g dx·d · (q · xq) + m · dx·Σxq` over the groups g of weight row r.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
unsafe fn dots<F: Blocks, const T: usize>(rows: Rows<'_>, x: &QuantRows, acc: &mut [f32]) {
    let x: [Row; T] = std::array::from_fn(|t| Row::new::<F>(x, t));
    for r in 0..rows.count {
        // SAFETY: the caller's.
        let y = unsafe { dot::<F, T>(rows.row(r), &x) };
        for t in 0..T {
            acc[t * rows.count + r] = y[t];
        }
    }
}

/// What a dot product reads of one row of activations.
#[derive(Clone, Copy)]
struct Row {
    cols: usize,
    q: *const i8,
    scale: *const f32,
    sum: *const f32,
}

impl Row {
    fn new<F: Blocks>(x: &QuantRows, t: usize) -> Row {
        Row { cols: x.cols, q: x.q(t).as_ptr(), scale: x.scale(t).as_ptr(), sum: x.sum(t, F::GROUP).as_ptr() }
    }

    /// Scales and sums of `count` groups of weights from `group`.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq")]
    unsafe fn scales<F: Blocks>(&self, group: usize, count: usize) -> (__m512, __m512) {
        let mask = lanes_below(count);
        // SAFETY: the masks keep loads inside the row.
        unsafe {
            let sum = _mm512_maskz_loadu_ps(mask, self.sum.add(group));
            if F::GROUP == 32 {
                return (_mm512_maskz_loadu_ps(mask, self.scale.add(group)), sum);
            }
            let eight = _mm512_castps256_ps512(_mm256_loadu_ps(self.scale.add(group / 2)));
            let twice = _mm512_set_epi32(7, 7, 6, 6, 5, 5, 4, 4, 3, 3, 2, 2, 1, 1, 0, 0);
            (_mm512_permutexvar_ps(twice, eight), sum)
        }
    }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
unsafe fn dot<F: Blocks, const T: usize>(w: &[u8], x: &[Row; T]) -> [f32; T] {
    let mut acc = [_mm512_setzero_ps(); T];
    let cols = x[0].cols;
    let pass = 16 * F::GROUP;
    // SAFETY: groups and units lie in the row; half a unit past its end has scale zero.
    unsafe {
        for k in (0..cols / pass * pass).step_by(pass) {
            one_pass::<F, T>(w, x, k, pass, &mut acc);
        }
        if !cols.is_multiple_of(pass) {
            one_pass::<F, T>(w, x, cols / pass * pass, cols % pass, &mut acc);
        }
    }
    let mut sums = [0.0; T];
    for t in 0..T {
        sums[t] = sum(acc[t]);
    }
    sums
}

/// Adds the products of up to 16 groups from `k`.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
unsafe fn one_pass<F: Blocks, const T: usize>(
    w: &[u8],
    x: &[Row; T],
    k: usize,
    len: usize,
    acc: &mut [__m512; T],
) {
    let (group, count) = (k / F::GROUP, len / F::GROUP);
    for line in (k / F::LEN * F::BYTES..(k + len) / F::LEN * F::BYTES).step_by(64) {
        _mm_prefetch::<_MM_HINT_T0>(w.as_ptr().wrapping_add(line + AHEAD).cast());
    }
    // SAFETY: the caller's.
    unsafe {
        let (d, m) = F::scales(w.as_ptr(), group, count);
        let mut scale = [_mm512_setzero_ps(); T];
        for t in 0..T {
            let (dx, sx) = x[t].scales::<F>(group, count);
            scale[t] = _mm512_mul_ps(d, dx);
            acc[t] = _mm512_fmadd_ps(m, sx, acc[t]);
        }
        for offset in (0..len).step_by(64) {
            let q = quants::<F>(w, (k + offset) / 64);
            let lanes = lanes_of::<F>(offset);
            for t in 0..T {
                let xq = _mm512_loadu_si512(x[t].q.add(k + offset).cast());
                let products = _mm512_cvtepi32_ps(_mm512_dpbusd_epi32(_mm512_setzero_si512(), q, xq));
                acc[t] = _mm512_fmadd_ps(products, _mm512_permutexvar_ps(lanes, scale[t]), acc[t]);
            }
        }
    }
}

/// For each of the 16 partial sums of a unit, the group of this pass whose scale it takes.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq")]
fn lanes_of<F: Blocks>(offset: usize) -> __m512i {
    let first = _mm512_set1_epi32((offset / F::GROUP) as i32);
    let within = if F::GROUP == 32 {
        _mm512_set_epi32(1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0)
    } else {
        _mm512_set_epi32(3, 3, 3, 3, 2, 2, 2, 2, 1, 1, 1, 1, 0, 0, 0, 0)
    };
    _mm512_add_epi32(first, within)
}
