//! The int8 matrix kernel for many rows: one for every block format, fed with unpacked strips.

use super::lanes::transpose;
use super::unpack::*;
use crate::Format;
use crate::cpu::activations::{GROUP, QuantRows};
use crate::cpu::panel::{Panel, Rows, STRIP, StripMut};
use std::arch::asm;
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
    let (cols, groups) = (panel.cols, panel.cols / group);
    // Rows and strips lie at equal distances, so that few registers lead to all of them.
    let (codes, code_step) = (panel.codes(strip).as_ptr(), STRIP * cols);
    let (scale, min, scale_step) = (panel.scale(strip).as_ptr(), panel.min(strip).as_ptr(), STRIP * groups);
    let (xq, xs, xs_step) = (x.q(t).as_ptr(), x.scale(t).as_ptr(), cols / GROUP);
    let xsum = x.sum(t, group).as_ptr();
    let mut acc = [[_mm512_setzero_ps(); S]; T];
    // SAFETY: strips and rows have all groups of the width; `out` has T rows.
    unsafe {
        for g in 0..groups {
            let mut m = [_mm512_setzero_ps(); S];
            for s in 0..S {
                m[s] = _mm512_loadu_ps(min.add(s * scale_step + g * STRIP));
            }
            for i in 0..T {
                let sum = _mm512_set1_ps(*xsum.add(i * groups + g));
                for s in 0..S {
                    acc[i][s] = _mm512_fmadd_ps(m[s], sum, acc[i][s]);
                }
            }
        }
        for g in 0..groups {
            let mut dots = [[_mm512_setzero_si512(); S]; T];
            let (w, four) = (codes.add(g * QUADS * 64), xq.add(g * group));
            if T == TOKENS && S == STRIPS {
                for half in 0..QUADS / 4 {
                    full_tile(
                        w.add(half * 256),
                        code_step,
                        four.add(half * 16),
                        cols,
                        dots.as_flattened_mut(),
                    );
                }
            } else {
                for quad in 0..QUADS {
                    for i in 0..T {
                        let four = four.add(i * cols + quad * 4).cast::<i32>();
                        let four = _mm512_set1_epi32(four.read_unaligned());
                        for s in 0..S {
                            let w = _mm512_loadu_si512(w.add(s * code_step + quad * 64).cast());
                            dots[i][s] = _mm512_dpbusd_epi32(dots[i][s], w, four);
                        }
                    }
                }
            }
            let mut d = [_mm512_setzero_ps(); S];
            for s in 0..S {
                d[s] = _mm512_loadu_ps(scale.add(s * scale_step + g * STRIP));
            }
            for i in 0..T {
                let dx = _mm512_set1_ps(*xs.add(i * xs_step + g * group / GROUP));
                for s in 0..S {
                    let both = _mm512_mul_ps(d[s], dx);
                    acc[i][s] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(dots[i][s]), both, acc[i][s]);
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

/// `dots[2 * i + s] += w[s] · x[i]` over 16 k of two strips, `step` bytes apart, and six tokens, `cols` apart.
///
/// As assembly, because the compiler loads all activations ahead and then keeps them, and sums, in memory.
///
/// # Safety
/// AVX-512 with VNNI; strips and tokens have these k; there are 12 dots.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
unsafe fn full_tile(w: *const u8, step: usize, x: *const i8, cols: usize, dots: &mut [__m512i]) {
    const { assert!(TOKENS == 6 && STRIPS == 2) }
    let [d0, d1, d2, d3, d4, d5, d6, d7, d8, d9, d10, d11] = dots else {
        unreachable!("six tokens times two strips");
    };
    // SAFETY: the caller's; only the named registers change.
    unsafe {
        asm!(
            ".irp i, 0, 1, 2, 3",
            "vmovdqu64 zmm28, [{w} + 64 * \\i]",
            "vmovdqu64 zmm29, [{w} + {step} + 64 * \\i]",
            "vpbroadcastd zmm30, dword ptr [{x} + 4 * \\i]",
            "vpbroadcastd zmm31, dword ptr [{x} + {cols} + 4 * \\i]",
            "vpdpbusd {d0}, zmm28, zmm30",
            "vpdpbusd {d1}, zmm29, zmm30",
            "vpbroadcastd zmm30, dword ptr [{x} + 2 * {cols} + 4 * \\i]",
            "vpdpbusd {d2}, zmm28, zmm31",
            "vpdpbusd {d3}, zmm29, zmm31",
            "vpbroadcastd zmm31, dword ptr [{y} + 4 * \\i]",
            "vpdpbusd {d4}, zmm28, zmm30",
            "vpdpbusd {d5}, zmm29, zmm30",
            "vpbroadcastd zmm30, dword ptr [{y} + {cols} + 4 * \\i]",
            "vpdpbusd {d6}, zmm28, zmm31",
            "vpdpbusd {d7}, zmm29, zmm31",
            "vpbroadcastd zmm31, dword ptr [{y} + 2 * {cols} + 4 * \\i]",
            "vpdpbusd {d8}, zmm28, zmm30",
            "vpdpbusd {d9}, zmm29, zmm30",
            "vpdpbusd {d10}, zmm28, zmm31",
            "vpdpbusd {d11}, zmm29, zmm31",
            ".endr",
            w = in(reg) w, step = in(reg) step, x = in(reg) x, y = in(reg) x.add(3 * cols), cols = in(reg) cols,
            d0 = inout(zmm_reg) *d0, d1 = inout(zmm_reg) *d1, d2 = inout(zmm_reg) *d2,
            d3 = inout(zmm_reg) *d3, d4 = inout(zmm_reg) *d4, d5 = inout(zmm_reg) *d5,
            d6 = inout(zmm_reg) *d6, d7 = inout(zmm_reg) *d7, d8 = inout(zmm_reg) *d8,
            d9 = inout(zmm_reg) *d9, d10 = inout(zmm_reg) *d10, d11 = inout(zmm_reg) *d11,
            out("zmm28") _, out("zmm29") _, out("zmm30") _, out("zmm31") _,
            options(pure, readonly, nostack, preserves_flags));
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
