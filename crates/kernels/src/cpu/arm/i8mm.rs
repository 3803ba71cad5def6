//! Products with `smmla`, which multiplies two rows of 8 with two others: Apple M2, Graviton 3 and later.

use super::gemm::{Outputs, TILE, check};
use crate::cpu::activations::QuantRows;
use crate::cpu::panel::Panel;
use std::arch::{aarch64::*, asm};

/// `acc[t, 16·s + r] = Σ_k x[t, k] · w[s, r, k]`.
#[target_feature(enable = "neon,i8mm")]
pub(super) fn gemm(panel: &Panel, x: &QuantRows, acc: &mut [f32]) {
    check(panel, x, acc);
    for s in 0..panel.strips {
        for t in (0..x.rows).step_by(TILE) {
            match x.rows - t {
                1 => tile::<1>(panel, s, x, t, acc),
                2 => tile::<2>(panel, s, x, t, acc),
                3 => tile::<3>(panel, s, x, t, acc),
                _ => tile::<TILE>(panel, s, x, t, acc),
            }
        }
    }
}

/// One strip times `T` rows, in pairs; the partner of an odd last row is that row again.
#[target_feature(enable = "neon,i8mm")]
fn tile<const T: usize>(panel: &Panel, s: usize, x: &QuantRows, t: usize, acc: &mut [f32]) {
    let codes = panel.codes(s);
    let rows: [_; TILE] = std::array::from_fn(|i| x.q(t + i.min(T - 1)));
    let pairs = T.div_ceil(2);
    let mut out = Outputs::<T>::new(panel, s, x, t);
    for g in 0..panel.cols / panel.group {
        // `dots[p][r]`: weight rows 2r, 2r + 1 by activation rows 2p, 2p + 1.
        let mut dots = [[vdupq_n_s32(0); 8]; TILE / 2];
        for k in (g * panel.group..(g + 1) * panel.group).step_by(8) {
            // SAFETY: `codes` holds 16 bytes and each row 1 for every k below cols.
            unsafe {
                let q: [int8x16_t; TILE / 2] = std::array::from_fn(|p| {
                    let (a, b) = (rows[2 * p].as_ptr().add(k), rows[2 * p + 1].as_ptr().add(k));
                    vcombine_s8(vld1_s8(a), vld1_s8(b))
                });
                for four in 0..4 {
                    let at = codes.as_ptr().add(16 * k + 16 * four);
                    let first = vreinterpretq_s32_s8(out.load(at));
                    let second = vreinterpretq_s32_s8(out.load(at.add(64)));
                    let w = [vzip1q_s32(first, second), vzip2q_s32(first, second)];
                    for p in 0..pairs {
                        for half in 0..2 {
                            let sums = &mut dots[p][2 * four + half];
                            *sums = smmla(*sums, vreinterpretq_s8_s32(w[half]), q[p]);
                        }
                    }
                }
            }
        }
        for i in 0..T {
            let dots = &dots[i / 2];
            out.add(
                i,
                g,
                std::array::from_fn(|part| {
                    let (low, high) = (dots[2 * part], dots[2 * part + 1]);
                    if i % 2 == 0 { vuzp1q_s32(low, high) } else { vuzp2q_s32(low, high) }
                }),
            );
        }
    }
    out.store(panel, s, t, acc);
}

/// `sums [2, 2] += w [2, 8] · q [2, 8]ᵀ`. The intrinsic `vmmlaq_s32` is not stable.
#[inline]
#[target_feature(enable = "neon,i8mm")]
fn smmla(mut sums: int32x4_t, w: int8x16_t, q: int8x16_t) -> int32x4_t {
    // SAFETY: this function has i8mm; registers only.
    unsafe {
        asm!(
            "smmla {0:v}.4s, {1:v}.16b, {2:v}.16b",
            inout(vreg) sums, in(vreg) w, in(vreg) q,
            options(pure, nomem, nostack, preserves_flags)
        );
    }
    sums
}
