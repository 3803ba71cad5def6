//! The codes of each block format in 128-bit registers, as signed bytes.

use crate::quant::*;
use std::arch::aarch64::*;

/// A block whose codes can be had 32 at a time.
pub(super) trait Blocks: Block {
    /// Codes `32·i .. 32·i + 32` in order, `i < LEN / 32`; of 8-bit formats `code - 128`.
    fn load(&self, i: usize) -> [int8x16_t; 2];
}

impl Blocks for BlockQ8_0 {
    #[inline(always)]
    fn load(&self, _: usize) -> [int8x16_t; 2] {
        // SAFETY: 32 bytes are read.
        unsafe { [vld1q_s8(self.qs.as_ptr()), vld1q_s8(self.qs.as_ptr().add(16))] }
    }
}

impl Blocks for BlockQ4_0 {
    #[inline(always)]
    fn load(&self, _: usize) -> [int8x16_t; 2] {
        signed(nibbles(&self.qs))
    }
}

impl Blocks for BlockQ4_1 {
    #[inline(always)]
    fn load(&self, _: usize) -> [int8x16_t; 2] {
        signed(nibbles(&self.qs))
    }
}

impl Blocks for BlockQ5_0 {
    #[inline(always)]
    fn load(&self, _: usize) -> [int8x16_t; 2] {
        signed(or(nibbles(&self.qs), fifth_bits(self.qh)))
    }
}

impl Blocks for BlockQ5_1 {
    #[inline(always)]
    fn load(&self, _: usize) -> [int8x16_t; 2] {
        signed(or(nibbles(&self.qs), fifth_bits(self.qh)))
    }
}

impl Blocks for BlockQ4K {
    #[inline(always)]
    fn load(&self, i: usize) -> [int8x16_t; 2] {
        signed(half_bytes(&self.qs[i / 2 * 32..], i % 2))
    }
}

impl Blocks for BlockQ5K {
    #[inline(always)]
    fn load(&self, i: usize) -> [int8x16_t; 2] {
        // SAFETY: every arm64 processor has these.
        let high =
            bytes(&self.qh).map(|b| unsafe { vandq_u8(vtstq_u8(b, vdupq_n_u8(1 << i)), vdupq_n_u8(16)) });
        signed(or(half_bytes(&self.qs[i / 2 * 32..], i % 2), high))
    }
}

impl Blocks for BlockQ6K {
    #[inline(always)]
    fn load(&self, i: usize) -> [int8x16_t; 2] {
        // Each half of the block: quarters 0, 1 are the low nibbles of 64 bytes, 2, 3 the high ones.
        let (half, quarter) = (i / 4, i % 4);
        let low = half_bytes(&self.ql[half * 64 + quarter % 2 * 32..], quarter / 2);
        // SAFETY: every arm64 processor has these.
        let high = bytes(&self.qh[half * 32..]).map(|b| unsafe {
            let bits = vshlq_u8(b, vdupq_n_s8(-2 * quarter as i8));
            vshlq_n_u8::<4>(vandq_u8(bits, vdupq_n_u8(3)))
        });
        signed(or(low, high))
    }
}

/// The first 32 bytes.
#[inline(always)]
fn bytes(bytes: &[u8]) -> [uint8x16_t; 2] {
    let bytes: &[u8; 32] = bytes[..32].try_into().expect("32 bytes");
    // SAFETY: 32 bytes are read.
    unsafe { [vld1q_u8(bytes.as_ptr()), vld1q_u8(bytes.as_ptr().add(16))] }
}

/// 16 low halves, then 16 high halves.
#[inline(always)]
fn nibbles(qs: &[u8; 16]) -> [uint8x16_t; 2] {
    // SAFETY: 16 bytes are read.
    unsafe {
        let both = vld1q_u8(qs.as_ptr());
        [vandq_u8(both, vdupq_n_u8(15)), vshrq_n_u8::<4>(both)]
    }
}

/// The low (`0`) or high (`1`) halves of 32 bytes.
#[inline(always)]
fn half_bytes(qs: &[u8], which: usize) -> [uint8x16_t; 2] {
    // SAFETY: every arm64 processor has these.
    bytes(qs).map(|b| unsafe { if which == 0 { vandq_u8(b, vdupq_n_u8(15)) } else { vshrq_n_u8::<4>(b) } })
}

/// 16 in byte `i` where bit `i` is set.
#[inline(always)]
fn fifth_bits(qh: [u8; 4]) -> [uint8x16_t; 2] {
    const BIT: [u8; 16] = [1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128];
    // SAFETY: 16 bytes are read.
    unsafe {
        let bit = vld1q_u8(BIT.as_ptr());
        [[qh[0], qh[1]], [qh[2], qh[3]]].map(|[low, high]| {
            let spread = vcombine_u8(vdup_n_u8(low), vdup_n_u8(high));
            vandq_u8(vtstq_u8(spread, bit), vdupq_n_u8(16))
        })
    }
}

#[inline(always)]
fn or(a: [uint8x16_t; 2], b: [uint8x16_t; 2]) -> [uint8x16_t; 2] {
    // SAFETY: every arm64 processor has this.
    unsafe { [vorrq_u8(a[0], b[0]), vorrq_u8(a[1], b[1])] }
}

#[inline(always)]
fn signed(x: [uint8x16_t; 2]) -> [int8x16_t; 2] {
    // SAFETY: every arm64 processor has this.
    x.map(|x| unsafe { vreinterpretq_s8_u8(x) })
}
