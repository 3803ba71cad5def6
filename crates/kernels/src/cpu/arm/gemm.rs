//! Many rows: panels of unpacked weights times 8-bit activations, four rows of activations at a time.
//!
//! Codes of up to 6 bits are signed bytes as they are. 8-bit codes are taken as `code - 128`, which needs no
//! minimum.

use super::Dot;
use crate::cpu::activations::{GROUP, QuantRows};
use crate::cpu::panel::{Panel, STRIP};
use std::arch::aarch64::*;

/// Rows of activations that are multiplied with a strip together.
pub(super) const TILE: usize = 4;

/// `acc[t, 16·s + r] = Σ_k x[t, k] · w[s, r, k]`.
#[inline(always)]
pub(super) fn gemm<D: Dot>(panel: &Panel, x: &QuantRows, acc: &mut [f32]) {
    check(panel, x, acc);
    for s in 0..panel.strips {
        for t in (0..x.rows).step_by(TILE) {
            // SAFETY: the caller has D's instructions, and the shapes are checked.
            unsafe {
                match x.rows - t {
                    1 => tile::<D, 1>(panel, s, x, t, acc),
                    2 => tile::<D, 2>(panel, s, x, t, acc),
                    3 => tile::<D, 3>(panel, s, x, t, acc),
                    _ => tile::<D, TILE>(panel, s, x, t, acc),
                }
            }
        }
    }
}

/// Asserts the shapes that the tiles rely on.
pub(super) fn check(panel: &Panel, x: &QuantRows, acc: &[f32]) {
    assert_eq!(panel.cols, x.cols, "width of weights and activations");
    assert!(panel.cols.is_multiple_of(GROUP), "whole groups");
    assert!(acc.len() >= x.rows * panel.strips * STRIP, "room for the products");
}

/// One strip times `T` rows.
///
/// # Safety
/// The processor has D's instructions, and [`check`] has passed.
#[inline(always)]
unsafe fn tile<D: Dot, const T: usize>(panel: &Panel, s: usize, x: &QuantRows, t: usize, acc: &mut [f32]) {
    let codes = panel.codes(s);
    let rows: [_; T] = std::array::from_fn(|i| x.q(t + i));
    let mut out = Outputs::<T>::new(panel, s, x, t);
    for g in 0..panel.cols / panel.group {
        let mut dots = [[D::ZERO; 4]; T];
        for k in g * panel.group / 4..(g + 1) * panel.group / 4 {
            // SAFETY: `codes` holds 64 bytes and each row 4 for every k below cols / 4; D as promised.
            unsafe {
                let w: [int8x16_t; 4] =
                    std::array::from_fn(|i| out.load(codes.as_ptr().add(64 * k + 16 * i)));
                for (dots, row) in dots.iter_mut().zip(&rows) {
                    let four = row.as_ptr().add(4 * k).cast::<i32>().read_unaligned();
                    let q = vreinterpretq_s8_s32(vdupq_n_s32(four));
                    for i in 0..4 {
                        dots[i] = D::add(dots[i], w[i], q);
                    }
                }
            }
        }
        for (i, dots) in dots.into_iter().enumerate() {
            // SAFETY: as promised.
            out.add(i, g, dots.map(|d| unsafe { D::finish(d) }));
        }
    }
    out.store(panel, s, t, acc);
}

/// The f32 side of a tile: 16 weight rows by `T` rows of activations.
pub(super) struct Outputs<'a, const T: usize> {
    scale: &'a [[f32; STRIP]],
    min: &'a [[f32; STRIP]],
    /// Activation groups per weight group, times 16.
    group: usize,
    rows: [(&'a [f32], &'a [f32]); T],
    /// Turns 8-bit codes to signed; zero for the others.
    flip: uint8x16_t,
    wide: bool,
    sums: [[float32x4_t; 4]; T],
}

impl<'a, const T: usize> Outputs<'a, T> {
    #[inline(always)]
    pub(super) fn new(panel: &'a Panel, s: usize, x: &'a QuantRows, t: usize) -> Self {
        let wide = panel.bits == 8;
        // SAFETY: every arm64 processor has these.
        let (flip, zero) = unsafe { (vdupq_n_u8(if wide { 0x80 } else { 0 }), vdupq_n_f32(0.0)) };
        Outputs {
            scale: panel.scale(s).as_chunks().0,
            min: panel.min(s).as_chunks().0,
            group: panel.group,
            rows: std::array::from_fn(|i| (x.scale(t + i), x.sum(t + i, panel.group))),
            flip,
            wide,
            sums: [[zero; 4]; T],
        }
    }

    /// 16 codes as signed bytes.
    ///
    /// # Safety
    /// 16 bytes can be read.
    #[inline(always)]
    pub(super) unsafe fn load(&self, codes: *const u8) -> int8x16_t {
        // SAFETY: the caller's.
        unsafe { vreinterpretq_s8_u8(veorq_u8(vld1q_u8(codes), self.flip)) }
    }

    /// Adds group `g` of row `i`, from the integer sums of the 16 weight rows.
    #[inline(always)]
    pub(super) fn add(&mut self, i: usize, g: usize, dots: [int32x4_t; 4]) {
        let (dx, sx) = (self.rows[i].0[g * self.group / GROUP], self.rows[i].1[g]);
        let (scale, min) = (&self.scale[g], &self.min[g]);
        for (part, sum) in self.sums[i].iter_mut().enumerate() {
            // SAFETY: every arm64 processor has these; 4 of 16 floats are read.
            unsafe {
                let d = vmulq_n_f32(vld1q_f32(scale.as_ptr().add(4 * part)), dx);
                *sum = vfmaq_f32(*sum, vcvtq_f32_s32(dots[part]), d);
                if !self.wide {
                    *sum = vfmaq_n_f32(*sum, vld1q_f32(min.as_ptr().add(4 * part)), sx);
                }
            }
        }
    }

    #[inline(always)]
    pub(super) fn store(self, panel: &Panel, s: usize, t: usize, acc: &mut [f32]) {
        for (i, sums) in self.sums.iter().enumerate() {
            let out = &mut acc[((t + i) * panel.strips + s) * STRIP..][..STRIP];
            for (part, &sum) in sums.iter().enumerate() {
                // SAFETY: 4 of 16 floats are written.
                unsafe { vst1q_f32(out.as_mut_ptr().add(4 * part), sum) }
            }
        }
    }
}
