//! Products with `smull` and pairwise sums: processors before 2017 or so.

use super::{Dot, gemm, gemv};
use crate::Format;
use crate::cpu::activations::QuantRows;
use crate::cpu::panel::{Panel, Rows};
use std::arch::aarch64::*;

pub(super) fn gemm(panel: &Panel, x: &QuantRows, acc: &mut [f32]) {
    gemm::gemm::<Smull>(panel, x, acc);
}

pub(super) fn gemv(format: Format, rows: Rows<'_>, x: &QuantRows, acc: &mut [f32]) {
    gemv::gemv::<Smull>(format, rows, x, acc);
}

struct Smull;

impl Dot for Smull {
    /// Two sums of each row: rows 0 and 1, rows 2 and 3.
    type Sums = [int32x4_t; 2];

    // SAFETY: all bits zero is a vector.
    const ZERO: Self::Sums = unsafe { std::mem::zeroed() };

    #[inline(always)]
    unsafe fn add(sums: Self::Sums, w: int8x16_t, x: int8x16_t) -> Self::Sums {
        // SAFETY: every arm64 processor has these.
        unsafe {
            let low = vmull_s8(vget_low_s8(w), vget_low_s8(x));
            [vpadalq_s16(sums[0], low), vpadalq_s16(sums[1], vmull_high_s8(w, x))]
        }
    }

    #[inline(always)]
    unsafe fn finish(sums: Self::Sums) -> int32x4_t {
        // SAFETY: as above.
        unsafe { vpaddq_s32(sums[0], sums[1]) }
    }

    #[inline(always)]
    unsafe fn add_any(sums: int32x4_t, w: int8x16_t, x: int8x16_t) -> int32x4_t {
        // SAFETY: as above.
        unsafe {
            let sums = vpadalq_s16(sums, vmull_s8(vget_low_s8(w), vget_low_s8(x)));
            vpadalq_s16(sums, vmull_high_s8(w, x))
        }
    }
}
