//! Few rows: each block is decoded once and multiplied with all of them.

use super::Dot;
use super::blocks::Blocks;
use crate::Format;
use crate::cpu::activations::{GROUP, QuantRows};
use crate::cpu::panel::Rows;
use crate::quant::{Half, with_block};
use std::arch::{aarch64::*, asm};

/// `acc[t, r] = Σ_k x[t, k] · w[r, k]`.
#[inline(always)]
pub(super) fn gemv<D: Dot>(format: Format, rows: Rows<'_>, x: &QuantRows, acc: &mut [f32]) {
    with_block!(format, B => blocks::<D, B>(rows, x, acc), float => unreachable!("float weights have no codes"))
}

#[inline(always)]
fn blocks<D: Dot, B: Blocks>(rows: Rows<'_>, x: &QuantRows, acc: &mut [f32]) {
    match x.rows {
        1 => each_row::<D, B, 1>(rows, x, acc),
        2 => each_row::<D, B, 2>(rows, x, acc),
        3 => each_row::<D, B, 3>(rows, x, acc),
        4 => each_row::<D, B, 4>(rows, x, acc),
        5 => each_row::<D, B, 5>(rows, x, acc),
        6 => each_row::<D, B, 6>(rows, x, acc),
        7 => each_row::<D, B, 7>(rows, x, acc),
        8 => each_row::<D, B, 8>(rows, x, acc),
        n => unreachable!("{n} rows are not few"),
    }
}

#[inline(always)]
fn each_row<D: Dot, B: Blocks, const T: usize>(rows: Rows<'_>, x: &QuantRows, acc: &mut [f32]) {
    let (groups, parts) = (B::LEN / B::GROUP, B::LEN / GROUP);
    let x: [_; T] = std::array::from_fn(|t| (x.q(t), x.scale(t), x.sum(t, B::GROUP)));
    let (mut scale, mut min) = ([0.0f32; 16], [0.0f32; 16]);
    for r in 0..rows.count {
        let blocks: &[B] = bytemuck::cast_slice(rows.row(r));
        assert!(x.iter().all(|(q, ..)| q.len() == blocks.len() * B::LEN), "width of rows and activations");
        // SAFETY: every arm64 processor has this.
        let mut products = [unsafe { vdupq_n_f32(0.0) }; T];
        let mut minima = [0.0f32; T];
        for (b, block) in blocks.iter().enumerate() {
            block.scales(widen, &mut scale[..groups], &mut min[..groups]);
            for i in 0..parts {
                let w = block.load(i);
                let at = b * parts + i;
                for (t, (q, dx, sx)) in x.iter().enumerate() {
                    // SAFETY: `q` holds 32 codes for every part, as asserted; the caller has D's instructions.
                    unsafe {
                        let q = q.as_ptr().add(32 * at);
                        let (q, zero) = ([vld1q_s8(q), vld1q_s8(q.add(16))], vdupq_n_s32(0));
                        if B::GROUP == 16 {
                            for h in 0..2 {
                                let dot = vcvtq_f32_s32(D::add_any(zero, w[h], q[h]));
                                products[t] = vfmaq_n_f32(products[t], dot, scale[2 * i + h] * dx[at]);
                                minima[t] = min[2 * i + h].mul_add(sx[2 * at + h], minima[t]);
                            }
                        } else {
                            let dot = vcvtq_f32_s32(D::add_any(D::add_any(zero, w[0], q[0]), w[1], q[1]));
                            products[t] = vfmaq_n_f32(products[t], dot, scale[i] * dx[at]);
                            if size_of::<B>() < B::LEN {
                                minima[t] = min[i].mul_add(sx[at], minima[t]);
                            }
                        }
                    }
                }
            }
        }
        for t in 0..T {
            // SAFETY: every arm64 processor has this.
            acc[t * rows.count + r] = unsafe { vaddvq_f32(products[t]) } + minima[t];
        }
    }
}

/// f16 to f32 in one instruction.
#[inline(always)]
fn widen(h: Half) -> f32 {
    let mut x = f32::from_bits(u16::from_le_bytes(h.0).into());
    // SAFETY: every arm64 processor has `fcvt`; registers only.
    unsafe { asm!("fcvt {0:s}, {0:h}", inout(vreg) x, options(pure, nomem, nostack, preserves_flags)) }
    x
}
