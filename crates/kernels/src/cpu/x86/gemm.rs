//! The int8 matrix kernel for many rows: one for every block format, fed with unpacked strips.

use super::lanes::transpose;
use super::unpack::*;
use crate::Format;
use crate::cpu::activations::{GROUP, QuantRows};
use crate::cpu::panel::{Panel, Rows, STRIP, StripMut};
use std::arch::x86_64::*;

/// Rows of activations in registers at once: an int and a float accumulator each, beside the weights.
const TOKENS: usize = 12;

/// See `Kernels::gemm`.
///
/// # Safety
/// The processor has AVX-512 F/BW/VL/DQ and VNNI.
pub(super) unsafe fn gemm(panel: &Panel, x: &QuantRows, acc: &mut [f32]) {
    let width = panel.strips * STRIP;
    assert!(acc.len() >= x.rows * width && panel.cols == x.cols);
    for t in (0..x.rows).step_by(TOKENS) {
        for s in 0..panel.strips {
            let out = acc[t * width + s * STRIP..].as_mut_ptr();
            // SAFETY: the caller's; tokens t.. and strip s exist, `out` has their rows.
            unsafe {
                match (x.rows - t, panel.group) {
                    (1..TOKENS, 32) => tail::<8>(panel, s, x, t, out, width),
                    (1..TOKENS, _) => tail::<4>(panel, s, x, t, out, width),
                    (_, 32) => tile::<8, TOKENS>(panel, s, x, t, out, width),
                    (_, _) => tile::<4, TOKENS>(panel, s, x, t, out, width),
                }
            }
        }
    }
}

/// Fewer tokens than a tile holds.
unsafe fn tail<const QUADS: usize>(
    panel: &Panel,
    s: usize,
    x: &QuantRows,
    t: usize,
    out: *mut f32,
    width: usize,
) {
    let mut done = t;
    // SAFETY: the caller's.
    unsafe {
        while done < x.rows {
            let out = out.add((done - t) * width);
            done += match x.rows - done {
                n if n >= 8 => {
                    tile::<QUADS, 8>(panel, s, x, done, out, width);
                    8
                }
                n if n >= 4 => {
                    tile::<QUADS, 4>(panel, s, x, done, out, width);
                    4
                }
                _ => {
                    tile::<QUADS, 1>(panel, s, x, done, out, width);
                    1
                }
            };
        }
    }
}

/// `T` tokens times 16 weight rows. A group has `QUADS` runs of four k.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
unsafe fn tile<const QUADS: usize, const T: usize>(
    panel: &Panel,
    s: usize,
    x: &QuantRows,
    t: usize,
    out: *mut f32,
    width: usize,
) {
    let group = QUADS * 4;
    let (codes, scale, min) = (panel.codes(s).as_ptr(), panel.scale(s).as_ptr(), panel.min(s).as_ptr());
    let rows: [(*const i32, *const f32, *const f32); T] = std::array::from_fn(|i| {
        (x.q(t + i).as_ptr().cast(), x.scale(t + i).as_ptr(), x.sum(t + i, group).as_ptr())
    });
    let mut acc = [_mm512_setzero_ps(); T];
    // SAFETY: `codes`, `scale`, `min` and the rows have all groups of the width; `out` has T rows.
    unsafe {
        for g in 0..panel.cols / group {
            let mut dots = [_mm512_setzero_si512(); T];
            for quad in g * QUADS..(g + 1) * QUADS {
                let w = _mm512_loadu_si512(codes.add(quad * 64).cast());
                for i in 0..T {
                    let xq = _mm512_set1_epi32(rows[i].0.add(quad).read_unaligned());
                    dots[i] = _mm512_dpbusd_epi32(dots[i], w, xq);
                }
            }
            let (d, m) = (_mm512_loadu_ps(scale.add(g * STRIP)), _mm512_loadu_ps(min.add(g * STRIP)));
            for i in 0..T {
                let dx = _mm512_mul_ps(d, _mm512_set1_ps(*rows[i].1.add(g * group / GROUP)));
                acc[i] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(dots[i]), dx, acc[i]);
                acc[i] = _mm512_fmadd_ps(m, _mm512_set1_ps(*rows[i].2.add(g)), acc[i]);
            }
        }
        for (i, acc) in acc.iter().enumerate() {
            _mm512_storeu_ps(out.add(i * width), *acc);
        }
    }
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
