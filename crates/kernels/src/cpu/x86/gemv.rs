//! Matrix times a few rows (decoding, speculation, several users): bound by reading the weights, so each
//! block is decoded once and multiplied with all rows.
//!
//! 64 products become 16 sums in one VNNI instruction, which are then scaled in f32. Activations have 16 bits, in two
//! bytes: the second product costs little beside the reading.
//!
//! Several weight rows are read at once. They lie far apart, so that each is the beginning of a long stream that the
//! processor fetches ahead by itself; neighbours would be many short ones, which it does not follow.

use super::lanes::sum;
use super::unpack::*;
use crate::Format;
use crate::cpu::FEW_ROWS;
use crate::cpu::activations::QuantRows;
use crate::cpu::panel::Rows;
use std::arch::x86_64::*;

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
            1 => dots::<F, 1, 4>(rows, x, acc),
            2 => dots::<F, 2, 2>(rows, x, acc),
            3 => dots::<F, 3, 1>(rows, x, acc),
            4 => dots::<F, 4, 1>(rows, x, acc),
            5 => dots::<F, 5, 1>(rows, x, acc),
            6 => dots::<F, 6, 1>(rows, x, acc),
            7 => dots::<F, 7, 1>(rows, x, acc),
            8 => dots::<F, 8, 1>(rows, x, acc),
            n => unreachable!("{n} rows are not few"),
        }
    }
}

/// `acc[t, r] = dx · Σ_g d · (q · xq) + m · Σxq` over the groups g of weight row r, `R` weight rows at a time.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
unsafe fn dots<F: Blocks, const T: usize, const R: usize>(rows: Rows<'_>, x: &QuantRows, acc: &mut [f32]) {
    let mut x_rows = [Row::EMPTY; T];
    for t in 0..T {
        x_rows[t] = Row::new::<F>(x, t);
    }
    let mut apart = rows.count / R;
    // Streams a multiple of a page apart fall into the same few lines of the cache.
    if (apart * rows.stride).is_multiple_of(4096) {
        apart = apart.saturating_sub(1);
    }
    for r in 0..apart {
        // SAFETY: the caller's.
        unsafe { dot::<F, T, R>(&rows, r, apart, &x_rows, acc) }
    }
    for r in apart * R..rows.count {
        // SAFETY: the caller's.
        unsafe { dot::<F, T, 1>(&rows, r, 0, &x_rows, acc) }
    }
}

/// What a dot product reads of one row of activations.
#[derive(Clone, Copy)]
struct Row {
    cols: usize,
    upper: *const i8,
    lower: *const i8,
    scale: f32,
    sum: *const f32,
}

impl Row {
    const EMPTY: Row =
        Row { cols: 0, upper: std::ptr::null(), lower: std::ptr::null(), scale: 0.0, sum: std::ptr::null() };

    fn new<F: Blocks>(x: &QuantRows, t: usize) -> Row {
        let sum = x.sum(t, F::GROUP).as_ptr();
        Row { cols: x.cols, upper: x.q(t).as_ptr(), lower: x.low(t).as_ptr(), scale: x.scale(t)[0], sum }
    }
}

/// Weight rows `r`, `r + apart` and so on, `R` of them. What a row adds up, and in which order, does not depend on `T`
/// and `R`.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
unsafe fn dot<F: Blocks, const T: usize, const R: usize>(
    rows: &Rows<'_>,
    r: usize,
    apart: usize,
    x: &[Row; T],
    out: &mut [f32],
) {
    let mut acc = [[_mm512_setzero_ps(); T]; R];
    let mut w: [&[u8]; R] = [&[]; R];
    for i in 0..R {
        w[i] = rows.row(r + i * apart);
    }
    let cols = x[0].cols;
    let pass = 16 * F::GROUP;
    // SAFETY: groups and units lie in the row; half a unit past its end has scale zero.
    unsafe {
        for k in (0..cols / pass * pass).step_by(pass) {
            let scale = scales::<F, T, R>(&w, x, k, pass, &mut acc);
            // A known number of units, so that the loop is unrolled.
            for offset in (0..16 * F::GROUP).step_by(64) {
                let mut q = [_mm512_setzero_si512(); R];
                for i in 0..R {
                    q[i] = F::quants(w[i].as_ptr(), (k + offset) / 64);
                }
                unit::<F, T, R>(&q, &scale, x, k, offset, &mut acc);
            }
        }
        if !cols.is_multiple_of(pass) {
            let k = cols / pass * pass;
            let scale = scales::<F, T, R>(&w, x, k, cols - k, &mut acc);
            for offset in (0..cols - k).step_by(64) {
                let mut q = [_mm512_setzero_si512(); R];
                for i in 0..R {
                    q[i] = quants::<F>(w[i], (k + offset) / 64);
                }
                unit::<F, T, R>(&q, &scale, x, k, offset, &mut acc);
            }
        }
    }
    for i in 0..R {
        for t in 0..T {
            out[t * rows.count + r + i * apart] = x[t].scale * sum(acc[i][t]);
        }
    }
}

/// Adds the minima of `len` weights from `k`, up to 16 groups, and returns their scales.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
unsafe fn scales<F: Blocks, const T: usize, const R: usize>(
    w: &[&[u8]; R],
    x: &[Row; T],
    k: usize,
    len: usize,
    acc: &mut [[__m512; T]; R],
) -> [__m512; R] {
    let (group, count) = (k / F::GROUP, len / F::GROUP);
    let mut scale = [_mm512_setzero_ps(); R];
    for i in 0..R {
        // SAFETY: the caller's; the mask keeps sums inside the row.
        unsafe {
            let (d, m) = F::scales(w[i].as_ptr(), group, count);
            scale[i] = d;
            for t in 0..T {
                let sums = _mm512_maskz_loadu_ps(lanes_below(count), x[t].sum.add(group));
                acc[i][t] = _mm512_fmadd_ps(m, sums, acc[i][t]);
            }
        }
    }
    scale
}

/// Adds the products of 64 weights of each row, `offset` behind `k`, whose pass has these scales.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
unsafe fn unit<F: Blocks, const T: usize, const R: usize>(
    q: &[__m512i; R],
    scale: &[__m512; R],
    x: &[Row; T],
    k: usize,
    offset: usize,
    acc: &mut [[__m512; T]; R],
) {
    let lanes = lanes_of::<F>(offset);
    let mut d = [_mm512_setzero_ps(); R];
    for i in 0..R {
        d[i] = _mm512_permutexvar_ps(lanes, scale[i]);
    }
    for t in 0..T {
        // SAFETY: the caller's.
        let (upper, lower) = unsafe {
            (
                _mm512_loadu_si512(x[t].upper.add(k + offset).cast()),
                _mm512_loadu_si512(x[t].lower.add(k + offset).cast()),
            )
        };
        for i in 0..R {
            let products = _mm512_dpbusd_epi32(_mm512_setzero_si512(), q[i], upper);
            let products = _mm512_dpbusd_epi32(_mm512_slli_epi32::<8>(products), q[i], lower);
            acc[i][t] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(products), d[i], acc[i][t]);
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
