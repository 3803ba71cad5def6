//! The codes of each block format in 256-bit registers.

use crate::quant::*;
use std::arch::x86_64::*;

/// A block whose codes can be had 32 at a time.
pub(super) trait Blocks: Block {
    /// Codes `32·i .. 32·i + 32` as unsigned bytes in order.
    ///
    /// # Safety
    /// The processor has AVX2, and `i < LEN / 32`.
    unsafe fn load(&self, i: usize) -> __m256i;
}

impl Blocks for BlockQ8_0 {
    #[inline(always)]
    unsafe fn load(&self, _: usize) -> __m256i {
        // SAFETY: 32 bytes are read.
        unsafe { _mm256_xor_si256(_mm256_loadu_si256(self.qs.as_ptr().cast()), _mm256_set1_epi8(-128)) }
    }
}

impl Blocks for BlockQ4_0 {
    #[inline(always)]
    unsafe fn load(&self, _: usize) -> __m256i {
        // SAFETY: the caller's.
        unsafe { nibbles(&self.qs) }
    }
}

impl Blocks for BlockQ4_1 {
    #[inline(always)]
    unsafe fn load(&self, _: usize) -> __m256i {
        // SAFETY: the caller's.
        unsafe { nibbles(&self.qs) }
    }
}

impl Blocks for BlockQ5_0 {
    #[inline(always)]
    unsafe fn load(&self, _: usize) -> __m256i {
        // SAFETY: the caller's.
        unsafe { _mm256_or_si256(nibbles(&self.qs), fifth_bits(self.qh)) }
    }
}

impl Blocks for BlockQ5_1 {
    #[inline(always)]
    unsafe fn load(&self, _: usize) -> __m256i {
        // SAFETY: the caller's.
        unsafe { _mm256_or_si256(nibbles(&self.qs), fifth_bits(self.qh)) }
    }
}

impl Blocks for BlockQ4K {
    #[inline(always)]
    unsafe fn load(&self, i: usize) -> __m256i {
        // SAFETY: the caller's.
        unsafe { half_bytes(&self.qs[i / 2 * 32..], i % 2) }
    }
}

impl Blocks for BlockQ5K {
    #[inline(always)]
    unsafe fn load(&self, i: usize) -> __m256i {
        // SAFETY: the caller's; 32 bytes of `qh` are read.
        unsafe {
            let high = _mm256_loadu_si256(self.qh.as_ptr().cast());
            let bit = _mm256_set1_epi8(1u8.wrapping_shl(i as u32) as i8);
            let set = _mm256_cmpeq_epi8(_mm256_and_si256(high, bit), bit);
            let high = _mm256_and_si256(set, _mm256_set1_epi8(16));
            _mm256_or_si256(half_bytes(&self.qs[i / 2 * 32..], i % 2), high)
        }
    }
}

impl Blocks for BlockQ6K {
    #[inline(always)]
    unsafe fn load(&self, i: usize) -> __m256i {
        // Each half of the block: quarters 0, 1 are the low nibbles of 64 bytes, 2, 3 the high ones.
        let (half, quarter) = (i / 4, i % 4);
        // SAFETY: the caller's; 32 bytes of `qh` are read.
        unsafe {
            let low = half_bytes(&self.ql[half * 64 + quarter % 2 * 32..], quarter / 2);
            let high = _mm256_loadu_si256(self.qh[half * 32..][..32].as_ptr().cast());
            let high = _mm256_srl_epi16(high, _mm_cvtsi32_si128(2 * quarter as i32));
            let high = _mm256_and_si256(high, _mm256_set1_epi8(3));
            _mm256_or_si256(low, _mm256_slli_epi16::<4>(high))
        }
    }
}

/// 16 low halves, then 16 high halves.
#[inline(always)]
unsafe fn nibbles(qs: &[u8; 16]) -> __m256i {
    // SAFETY: AVX2 by the caller's promise; 16 bytes are read.
    unsafe {
        let low = _mm_loadu_si128(qs.as_ptr().cast());
        let both = _mm256_set_m128i(_mm_srli_epi16::<4>(low), low);
        _mm256_and_si256(both, _mm256_set1_epi8(15))
    }
}

/// The low (`0`) or high (`1`) halves of 32 bytes.
#[inline(always)]
unsafe fn half_bytes(qs: &[u8], which: usize) -> __m256i {
    let qs: &[u8; 32] = qs[..32].try_into().expect("32 bytes");
    // SAFETY: AVX2 by the caller's promise; 32 bytes are read.
    unsafe {
        let bytes = _mm256_loadu_si256(qs.as_ptr().cast());
        let bytes = _mm256_srl_epi16(bytes, _mm_cvtsi32_si128(4 * which as i32));
        _mm256_and_si256(bytes, _mm256_set1_epi8(15))
    }
}

/// 16 in byte `i` where bit `i` is set.
#[inline(always)]
unsafe fn fifth_bits(qh: [u8; 4]) -> __m256i {
    // SAFETY: AVX2 by the caller's promise.
    unsafe {
        let spread = _mm256_set_epi64x(0x0303030303030303, 0x0202020202020202, 0x0101010101010101, 0);
        let bytes = _mm256_shuffle_epi8(_mm256_set1_epi32(i32::from_le_bytes(qh)), spread);
        let bit = _mm256_set1_epi64x(0x8040201008040201u64 as i64);
        let set = _mm256_cmpeq_epi8(_mm256_and_si256(bytes, bit), bit);
        _mm256_and_si256(set, _mm256_set1_epi8(16))
    }
}
