//! Matrix times a few rows (decoding, speculation, several users): bound by reading the weights, so each
//! block is decoded once and multiplied with all rows.
//!
//! Activations are int8 in groups of 32; 64 products become 16 sums in one VNNI instruction, which are
//! scaled in f32. A row's result does not depend on how many rows there are.

use super::lanes::{Shared, sum};
use super::rows::{Int8Row, PASS, Rows};
use super::unpack::*;
use super::unpack_bf16::quants;
use crate::pool::Pool;
use crate::{Format, Linear, Matrix, Norm, Tensor};
use std::arch::x86_64::*;
use std::cell::RefCell;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// Most rows that one pass over the weights serves.
pub(in crate::cpu) const MAX_ROWS: usize = 8;
/// Weight rows that a thread takes at a time.
const CHUNK: usize = 16;

thread_local! {
    static ROWS: RefCell<Rows> = RefCell::default();
}

/// As [`crate::Device::linear`], for at most [`MAX_ROWS`] rows.
///
/// # Safety
/// The processor has AVX-512 F/BW/VL/DQ and VNNI.
pub(in crate::cpu) unsafe fn linear(pool: &mut Pool, x: &Tensor, norm: Option<Norm<'_>>, jobs: &mut [Linear<'_>]) {
    let mut items = Vec::with_capacity(64);
    for (job, linear) in jobs.iter().enumerate() {
        items.extend((0..linear.weight.rows()).step_by(CHUNK).map(|row| (job, row)));
    }
    let outs: Vec<Shared> = jobs.iter_mut().map(|j| Shared::new(j.out)).collect();
    let jobs: &[Linear<'_>] = jobs;
    let int8 = jobs.iter().any(|j| !is_float(j.weight.format()));
    each(pool, x, norm, int8, items.len(), |item, rows| {
        let (job, first) = items[item];
        let Linear { weight, bias, add, .. } = &jobs[job];
        for r in first..(first + CHUNK).min(weight.rows()) {
            // SAFETY: the caller's; items write disjoint columns.
            unsafe {
                let y = dot(weight, r, rows, x.rows());
                for (t, y) in y.iter().take(x.rows()).enumerate() {
                    let to = outs[job].at(t * weight.rows() + r);
                    let y = y + bias.map_or(0.0, |b| b[r]);
                    *to = if *add { *to + y } else { y };
                }
            }
        }
    });
}

/// As [`crate::Device::gated`], for at most [`MAX_ROWS`] rows.
///
/// # Safety
/// As [`linear`].
pub(in crate::cpu) unsafe fn gated(pool: &mut Pool, x: &Tensor, norm: Option<Norm<'_>>, gate: &Matrix, up: &Matrix, out: &mut Tensor) {
    let int8 = !is_float(gate.format()) || !is_float(up.format());
    let out = Shared::new(out);
    each(pool, x, norm, int8, gate.rows().div_ceil(CHUNK), |item, rows| {
        for r in item * CHUNK..((item + 1) * CHUNK).min(gate.rows()) {
            // SAFETY: as in `linear`.
            unsafe {
                let (g, u) = (dot(gate, r, rows, x.rows()), dot(up, r, rows, x.rows()));
                for t in 0..x.rows() {
                    *out.at(t * gate.rows() + r) = g[t] / (1.0 + (-g[t]).exp()) * u[t];
                }
            }
        }
    });
}

/// Runs `work` over items, one barrier in all: every thread norms and quantises the few rows for itself.
fn each(pool: &mut Pool, x: &Tensor, norm: Option<Norm<'_>>, int8: bool, items: usize, work: impl Fn(usize, &Rows) + Sync) {
    let next = AtomicUsize::new(0);
    pool.run(&|_| {
        ROWS.with(|rows| {
            let rows = &mut *rows.borrow_mut();
            // SAFETY: the callers of this module have AVX-512.
            unsafe { rows.load(x, 0, x.rows(), norm, int8) };
            loop {
                let item = next.fetch_add(1, Relaxed);
                if item >= items {
                    break;
                }
                work(item, rows);
            }
        });
    });
}

fn is_float(format: Format) -> bool {
    matches!(format, Format::F32 | Format::F16 | Format::Bf16)
}

/// Row `r` of the weight times each of `count` rows.
unsafe fn dot(weight: &Matrix, r: usize, rows: &Rows, count: usize) -> [f32; MAX_ROWS] {
    let w = weight.row(r);
    // SAFETY: the caller's.
    unsafe {
        match weight.format() {
            Format::Q4_0 => blocks::<Q4_0>(w, weight.cols(), rows, count),
            Format::Q4_1 => blocks::<Q4_1>(w, weight.cols(), rows, count),
            Format::Q5_0 => blocks::<Q5_0>(w, weight.cols(), rows, count),
            Format::Q5_1 => blocks::<Q5_1>(w, weight.cols(), rows, count),
            Format::Q8_0 => blocks::<Q8_0>(w, weight.cols(), rows, count),
            Format::Q4_K => blocks::<Q4K>(w, weight.cols(), rows, count),
            Format::Q5_K => blocks::<Q5K>(w, weight.cols(), rows, count),
            Format::Q6_K => blocks::<Q6K>(w, weight.cols(), rows, count),
            Format::F32 | Format::F16 | Format::Bf16 => {
                std::array::from_fn(|t| if t < count { floats(weight.format(), w, rows.values(t)) } else { 0.0 })
            }
        }
    }
}

unsafe fn blocks<F: Blocks>(w: &[u8], cols: usize, rows: &Rows, count: usize) -> [f32; MAX_ROWS] {
    // SAFETY: the caller's.
    unsafe {
        match count {
            1 => block_dot::<F, 1>(w, cols, rows),
            2 => block_dot::<F, 2>(w, cols, rows),
            3 => block_dot::<F, 3>(w, cols, rows),
            4 => block_dot::<F, 4>(w, cols, rows),
            5 => block_dot::<F, 5>(w, cols, rows),
            6 => block_dot::<F, 6>(w, cols, rows),
            7 => block_dot::<F, 7>(w, cols, rows),
            _ => block_dot::<F, 8>(w, cols, rows),
        }
    }
}

/// `Σ_g dx·d · (q · xq) + m · dx·Σxq` over the groups `g` of a weight row, for `T` rows at once.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
unsafe fn block_dot<F: Blocks, const T: usize>(w: &[u8], cols: usize, rows: &Rows) -> [f32; MAX_ROWS] {
    let x: [Int8Row; T] = std::array::from_fn(|t| rows.int8(t));
    let mut acc = [_mm512_setzero_ps(); T];
    let pass = 16 * F::GROUP;
    for k in (0..cols).step_by(pass) {
        let len = pass.min(cols - k);
        // SAFETY: groups and units below lie in the row; activations are padded to a whole pass.
        unsafe {
            let (d, m) = F::scales(w.as_ptr(), k / F::GROUP, len / F::GROUP);
            let mut scale = [_mm512_setzero_ps(); T];
            for t in 0..T {
                let (dx, sx) = activation_scales::<F>(&x[t], k);
                scale[t] = _mm512_mul_ps(d, dx);
                acc[t] = _mm512_fmadd_ps(m, sx, acc[t]);
            }
            for offset in (0..len).step_by(64) {
                let q = quants::<F>(w, (k + offset) / 64);
                let lanes = lanes_of::<F>(offset);
                for t in 0..T {
                    let xq = _mm512_loadu_si512(x[t].quants.add(k + offset).cast());
                    let products = _mm512_cvtepi32_ps(_mm512_dpbusd_epi32(_mm512_setzero_si512(), q, xq));
                    acc[t] = _mm512_fmadd_ps(products, _mm512_permutexvar_ps(lanes, scale[t]), acc[t]);
                }
            }
        }
    }
    std::array::from_fn(|t| if t < T { sum(acc[t]) } else { 0.0 })
}

/// Scales and scaled sums of the 16 groups from `k`.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq")]
unsafe fn activation_scales<F: Blocks>(x: &Int8Row, k: usize) -> (__m512, __m512) {
    // SAFETY: the caller's: rows are padded to a whole pass of 512.
    unsafe {
        if F::GROUP == 32 {
            return (_mm512_loadu_ps(x.scales.add(k / 32)), _mm512_loadu_ps(x.sums.add(k / 32)));
        }
        let eight = _mm512_castps256_ps512(_mm256_loadu_ps(x.scales.add(k / 32)));
        let twice = _mm512_set_epi32(7, 7, 6, 6, 5, 5, 4, 4, 3, 3, 2, 2, 1, 1, 0, 0);
        (_mm512_permutexvar_ps(twice, eight), _mm512_loadu_ps(x.half_sums.add(k / 16)))
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

/// Dot product of a float row with an f32 row that is padded with zeros.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq")]
unsafe fn floats(format: Format, w: &[u8], x: &[f32]) -> f32 {
    let size = format.block_bytes();
    let cols = w.len() / size;
    let mut acc = [_mm512_setzero_ps(); 2];
    for (i, k) in (0..cols).step_by(16).enumerate() {
        let mask = lanes_below(cols - k);
        // SAFETY: the mask keeps loads inside the row; `x` is padded to a multiple of 512.
        unsafe {
            let at = w.as_ptr().add(k * size);
            let v = match format {
                Format::F32 => _mm512_maskz_loadu_ps(mask, at.cast()),
                Format::F16 => _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(mask, at.cast())),
                _ => {
                    let wide = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(mask, at.cast()));
                    _mm512_castsi512_ps(_mm512_slli_epi32::<16>(wide))
                }
            };
            acc[i % 2] = _mm512_fmadd_ps(v, _mm512_loadu_ps(x[k..].as_ptr()), acc[i % 2]);
        }
    }
    sum(_mm512_add_ps(acc[0], acc[1]))
}

const _: () = assert!(PASS == 512, "a pass of 16 groups of 32");
