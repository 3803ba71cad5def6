//! Products with `sdot`: Apple M1, Graviton 2, Raspberry Pi 5.

use super::{Dot, gemm, gemv};
use crate::Format;
use crate::cpu::activations::QuantRows;
use crate::cpu::panel::{Panel, Rows};
use std::arch::{aarch64::*, asm};

#[target_feature(enable = "neon,dotprod")]
pub(super) fn gemm(panel: &Panel, x: &QuantRows, acc: &mut [f32]) {
    gemm::gemm::<Sdot>(panel, x, acc);
}

#[target_feature(enable = "neon,dotprod")]
pub(super) fn gemv(format: Format, rows: Rows<'_>, x: &QuantRows, acc: &mut [f32]) {
    gemv::gemv::<Sdot>(format, rows, x, acc);
}

struct Sdot;

impl Dot for Sdot {
    type Sums = int32x4_t;

    // SAFETY: all bits zero is a vector.
    const ZERO: Self::Sums = unsafe { std::mem::zeroed() };

    /// The intrinsic `vdotq_s32` is not stable.
    #[inline]
    #[target_feature(enable = "neon,dotprod")]
    unsafe fn add(mut sums: int32x4_t, w: int8x16_t, x: int8x16_t) -> int32x4_t {
        // SAFETY: the caller has dotprod; registers only.
        unsafe {
            asm!(
                "sdot {0:v}.4s, {1:v}.16b, {2:v}.16b",
                inout(vreg) sums, in(vreg) w, in(vreg) x,
                options(pure, nomem, nostack, preserves_flags)
            );
        }
        sums
    }

    #[inline]
    #[target_feature(enable = "neon,dotprod")]
    unsafe fn finish(sums: int32x4_t) -> int32x4_t {
        sums
    }

    #[inline]
    #[target_feature(enable = "neon,dotprod")]
    unsafe fn add_any(sums: int32x4_t, w: int8x16_t, x: int8x16_t) -> int32x4_t {
        // SAFETY: the caller's.
        unsafe { Self::add(sums, w, x) }
    }
}
