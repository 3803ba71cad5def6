//! The int8 matrix kernel for many rows: one for every block format, fed with unpacked strips.

use super::lanes::transpose;
use super::unpack::*;
use crate::Format;
use crate::cpu::activations::{GROUP, QuantRows};
use crate::cpu::panel::{Panel, Rows, STRIP, StripMut};
use std::arch::x86_64::*;

/// Rows of activations and strips of weights in registers at once: an int and a float accumulator for each pair. Two
/// strips share every broadcast activation.
const TOKENS: usize = 6;
const STRIPS: usize = 2;

/// See `Kernels::gemm`.
///
/// # Safety
/// The processor has AVX-512 F/BW/VL/DQ and VNNI.
pub(super) unsafe fn gemm(panel: &Panel, x: &QuantRows, acc: &mut [f32]) {
    assert!(acc.len() >= x.rows * panel.strips * STRIP && panel.cols == x.cols);
    let mut strip = 0;
    while strip < panel.strips {
        // SAFETY: the caller's.
        strip += unsafe {
            match (panel.strips - strip, panel.group) {
                (1, 32) => tokens::<8, 12, 1>(panel, strip, x, acc),
                (1, _) => tokens::<4, 12, 1>(panel, strip, x, acc),
                (_, 32) => tokens::<8, TOKENS, STRIPS>(panel, strip, x, acc),
                (_, _) => tokens::<4, TOKENS, STRIPS>(panel, strip, x, acc),
            }
        };
    }
}

/// All rows of activations with `S` strips; returns `S`.
unsafe fn tokens<const QUADS: usize, const T: usize, const S: usize>(
    panel: &Panel,
    strip: usize,
    x: &QuantRows,
    acc: &mut [f32],
) -> usize {
    let width = panel.strips * STRIP;
    let mut t = 0;
    while t < x.rows {
        let out = acc[t * width + strip * STRIP..].as_mut_ptr();
        // SAFETY: the caller's; these tokens and strips exist, `out` has their rows.
        t += unsafe {
            match x.rows - t {
                rows if rows >= T => tile::<QUADS, T, S>(panel, strip, x, t, out),
                4.. => tile::<QUADS, 4, S>(panel, strip, x, t, out),
                2.. => tile::<QUADS, 2, S>(panel, strip, x, t, out),
                _ => tile::<QUADS, 1, S>(panel, strip, x, t, out),
            }
        };
    }
    S
}

/// `T` tokens times `16 · S` weight rows; returns `T`. A group has `QUADS` runs of four k.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
unsafe fn tile<const QUADS: usize, const T: usize, const S: usize>(
    panel: &Panel,
    strip: usize,
    x: &QuantRows,
    t: usize,
    out: *mut f32,
) -> usize {
    let (group, width) = (QUADS * 4, panel.strips * STRIP);
    let strips: [(*const u8, *const f32, *const f32); S] = std::array::from_fn(|s| {
        let s = strip + s;
        (panel.codes(s).as_ptr(), panel.scale(s).as_ptr(), panel.min(s).as_ptr())
    });
    let rows: [(*const i32, *const f32, *const f32); T] = std::array::from_fn(|i| {
        (x.q(t + i).as_ptr().cast(), x.scale(t + i).as_ptr(), x.sum(t + i, group).as_ptr())
    });
    let mut acc = [[_mm512_setzero_ps(); S]; T];
    // SAFETY: strips and rows have all groups of the width; `out` has T rows.
    unsafe {
        for g in 0..panel.cols / group {
            let mut dots = [[_mm512_setzero_si512(); S]; T];
            for quad in g * QUADS..(g + 1) * QUADS {
                let mut w = [_mm512_setzero_si512(); S];
                for s in 0..S {
                    w[s] = _mm512_loadu_si512(strips[s].0.add(quad * 64).cast());
                }
                for i in 0..T {
                    let xq = _mm512_set1_epi32(rows[i].0.add(quad).read_unaligned());
                    for s in 0..S {
                        dots[i][s] = _mm512_dpbusd_epi32(dots[i][s], w[s], xq);
                    }
                }
            }
            for s in 0..S {
                let d = _mm512_loadu_ps(strips[s].1.add(g * STRIP));
                let m = _mm512_loadu_ps(strips[s].2.add(g * STRIP));
                for i in 0..T {
                    let dx = _mm512_mul_ps(d, _mm512_set1_ps(*rows[i].1.add(g * group / GROUP)));
                    acc[i][s] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(dots[i][s]), dx, acc[i][s]);
                    acc[i][s] = _mm512_fmadd_ps(m, _mm512_set1_ps(*rows[i].2.add(g)), acc[i][s]);
                }
            }
        }
        for i in 0..T {
            for s in 0..S {
                _mm512_storeu_ps(out.add(i * width + s * STRIP), acc[i][s]);
            }
        }
    }
    T
}

/// See `Kernels::unpack`.
///
/// # Safety
/// As [`gemm`].
pub(super) unsafe fn unpack(format: Format, rows: Rows<'_>, strip: StripMut<'_>) {
    // SAFETY: the caller's.
    unsafe { for_format!(format, unpack_blocks(rows, strip)) }
}

/// 16 rows side by side: 16 groups of scales, and 64 codes, of each are turned together.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq")]
unsafe fn unpack_blocks<F: Blocks>(rows: Rows<'_>, strip: StripMut<'_>) {
    let cols = strip.codes.len() / STRIP;
    let groups = cols / F::GROUP;
    for first in (0..groups).step_by(16) {
        let count = 16.min(groups - first);
        let (mut scale, mut min) = ([_mm512_setzero_ps(); STRIP], [_mm512_setzero_ps(); STRIP]);
        for r in 0..rows.count {
            // SAFETY: the row has these groups.
            (scale[r], min[r]) = unsafe { F::scales(rows.row(r).as_ptr(), first, count) };
        }
        transpose(&mut scale);
        transpose(&mut min);
        for g in 0..count {
            let at = (first + g) * STRIP;
            // SAFETY: slices of 16 numbers.
            unsafe {
                _mm512_storeu_ps(strip.scale[at..at + STRIP].as_mut_ptr(), scale[g]);
                _mm512_storeu_ps(strip.min[at..at + STRIP].as_mut_ptr(), min[g]);
            }
        }
    }
    for unit in 0..cols.div_ceil(64) {
        let mut codes = [_mm512_setzero_ps(); STRIP];
        for r in 0..rows.count {
            // SAFETY: at least half of the unit lies in the row.
            codes[r] = _mm512_castsi512_ps(unsafe { quants::<F>(rows.row(r), unit) });
        }
        transpose(&mut codes);
        for (quad, codes) in codes.iter().enumerate().take((cols - unit * 64).min(64) / 4) {
            let at = (unit * 16 + quad) * 64;
            // SAFETY: a slice of 64 bytes.
            unsafe { _mm512_storeu_ps(strip.codes[at..at + 64].as_mut_ptr().cast(), *codes) };
        }
    }
}
