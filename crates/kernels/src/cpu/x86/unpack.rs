//! Block formats as AVX-512 sees them: 64 weights as unsigned bytes, and the scale and offset of each group.
//!
//! Every format is `w = d · q + m` with unsigned `q`, one `d` and `m` per group of 32 (16 for Q6_K) weights.
//! Formats with signed quants fold their offset into `m`. Layouts are those of ggml's `ggml-common.h`.

use std::arch::x86_64::*;

/// One block format.
pub(super) trait Blocks {
    /// Weights that share a scale: 32 or 16.
    const GROUP: usize;
    /// Bytes of a file block.
    const BYTES: usize;
    /// Weights of a file block.
    const LEN: usize;

    /// `d` and `m` of groups `group .. group + count`, `count <= 16`; zeros in the lanes beyond.
    ///
    /// # Safety
    /// AVX-512 F/BW/VL; `row` points to a row that has these groups. `group` is a multiple of 16.
    unsafe fn scales(row: *const u8, group: usize, count: usize) -> (__m512, __m512);

    /// Weights `64 · unit ..` of the row, as unsigned bytes in order.
    ///
    /// # Safety
    /// AVX-512 F/BW/VL; `row` points to a row that has all 64.
    unsafe fn quants(row: *const u8, unit: usize) -> __m512i;
}

pub(super) struct Q4_0;
pub(super) struct Q4_1;
pub(super) struct Q5_0;
pub(super) struct Q5_1;
pub(super) struct Q8_0;
pub(super) struct Q4K;
pub(super) struct Q5K;
pub(super) struct Q6K;

impl Blocks for Q4_0 {
    const GROUP: usize = 32;
    const BYTES: usize = 18;
    const LEN: usize = 32;

    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl")]
    unsafe fn scales(row: *const u8, group: usize, count: usize) -> (__m512, __m512) {
        // SAFETY: the caller's.
        let heads = unsafe { heads::<{ Self::BYTES }>(row.add(group * Self::BYTES), count) };
        let d = first_words(heads);
        (d, _mm512_mul_ps(d, _mm512_set1_ps(-8.0)))
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl")]
    unsafe fn quants(row: *const u8, unit: usize) -> __m512i {
        // SAFETY: the caller's; two whole blocks are read.
        unsafe { nibbles(row.add(unit * 2 * Self::BYTES + 2), Self::BYTES) }
    }
}

impl Blocks for Q4_1 {
    const GROUP: usize = 32;
    const BYTES: usize = 20;
    const LEN: usize = 32;

    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl")]
    unsafe fn scales(row: *const u8, group: usize, count: usize) -> (__m512, __m512) {
        // SAFETY: the caller's.
        let heads = unsafe { heads::<{ Self::BYTES }>(row.add(group * Self::BYTES), count) };
        (first_words(heads), second_words(heads))
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl")]
    unsafe fn quants(row: *const u8, unit: usize) -> __m512i {
        // SAFETY: the caller's; two whole blocks are read.
        unsafe { nibbles(row.add(unit * 2 * Self::BYTES + 4), Self::BYTES) }
    }
}

impl Blocks for Q5_0 {
    const GROUP: usize = 32;
    const BYTES: usize = 22;
    const LEN: usize = 32;

    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl")]
    unsafe fn scales(row: *const u8, group: usize, count: usize) -> (__m512, __m512) {
        // SAFETY: the caller's.
        let heads = unsafe { heads::<{ Self::BYTES }>(row.add(group * Self::BYTES), count) };
        let d = first_words(heads);
        (d, _mm512_mul_ps(d, _mm512_set1_ps(-16.0)))
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl")]
    unsafe fn quants(row: *const u8, unit: usize) -> __m512i {
        // SAFETY: the caller's; two whole blocks are read.
        unsafe {
            let block = row.add(unit * 2 * Self::BYTES);
            fifth_bits(nibbles(block.add(6), Self::BYTES), block.add(2), Self::BYTES)
        }
    }
}

impl Blocks for Q5_1 {
    const GROUP: usize = 32;
    const BYTES: usize = 24;
    const LEN: usize = 32;

    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl")]
    unsafe fn scales(row: *const u8, group: usize, count: usize) -> (__m512, __m512) {
        // SAFETY: the caller's.
        let heads = unsafe { heads::<{ Self::BYTES }>(row.add(group * Self::BYTES), count) };
        (first_words(heads), second_words(heads))
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl")]
    unsafe fn quants(row: *const u8, unit: usize) -> __m512i {
        // SAFETY: the caller's; two whole blocks are read.
        unsafe {
            let block = row.add(unit * 2 * Self::BYTES);
            fifth_bits(nibbles(block.add(8), Self::BYTES), block.add(4), Self::BYTES)
        }
    }
}

impl Blocks for Q8_0 {
    const GROUP: usize = 32;
    const BYTES: usize = 34;
    const LEN: usize = 32;

    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl")]
    unsafe fn scales(row: *const u8, group: usize, count: usize) -> (__m512, __m512) {
        // SAFETY: the caller's.
        let heads = unsafe { heads::<{ Self::BYTES }>(row.add(group * Self::BYTES), count) };
        let d = first_words(heads);
        (d, _mm512_mul_ps(d, _mm512_set1_ps(-128.0)))
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl")]
    unsafe fn quants(row: *const u8, unit: usize) -> __m512i {
        // SAFETY: the caller's; two whole blocks are read.
        unsafe {
            let block = row.add(unit * 2 * Self::BYTES + 2);
            let a = _mm256_loadu_si256(block.cast());
            let b = _mm256_loadu_si256(block.add(Self::BYTES).cast());
            let q = _mm512_inserti64x4::<1>(_mm512_castsi256_si512(a), b);
            _mm512_xor_si512(q, _mm512_set1_epi8(-128)) // i8 + 128 as u8
        }
    }
}

impl Blocks for Q4K {
    const GROUP: usize = 32;
    const BYTES: usize = 144;
    const LEN: usize = 256;

    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl")]
    unsafe fn scales(row: *const u8, group: usize, count: usize) -> (__m512, __m512) {
        // SAFETY: the caller's.
        unsafe { k_scales(row.add(group / 8 * Self::BYTES), Self::BYTES, count) }
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl")]
    unsafe fn quants(row: *const u8, unit: usize) -> __m512i {
        // SAFETY: the caller's; 32 bytes inside the block are read.
        unsafe { halves(row.add(unit / 4 * Self::BYTES + 16 + unit % 4 * 32)) }
    }
}

impl Blocks for Q5K {
    const GROUP: usize = 32;
    const BYTES: usize = 176;
    const LEN: usize = 256;

    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl")]
    unsafe fn scales(row: *const u8, group: usize, count: usize) -> (__m512, __m512) {
        // SAFETY: the caller's.
        unsafe { k_scales(row.add(group / 8 * Self::BYTES), Self::BYTES, count) }
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl")]
    unsafe fn quants(row: *const u8, unit: usize) -> __m512i {
        // SAFETY: the caller's; both reads lie inside the block.
        unsafe {
            let block = row.add(unit / 4 * Self::BYTES);
            let low = halves(block.add(48 + unit % 4 * 32));
            let high = _mm512_broadcast_i64x4(_mm256_loadu_si256(block.add(16).cast()));
            let j = (unit % 4 * 2) as i64;
            let shift = _mm512_set_epi64(j + 1, j + 1, j + 1, j + 1, j, j, j, j);
            let bit = _mm512_and_si512(_mm512_srlv_epi64(high, shift), _mm512_set1_epi8(1));
            _mm512_or_si512(low, _mm512_slli_epi16::<4>(bit))
        }
    }
}

impl Blocks for Q6K {
    const GROUP: usize = 16;
    const BYTES: usize = 210;
    const LEN: usize = 256;

    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl")]
    unsafe fn scales(row: *const u8, group: usize, _count: usize) -> (__m512, __m512) {
        // SAFETY: the caller's; 16 groups are one block.
        unsafe {
            let block = row.add(group / 16 * Self::BYTES);
            let scales = _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128(block.add(192).cast())));
            let d = _mm512_mul_ps(scales, _mm512_set1_ps(half_at(block.add(208))));
            (d, _mm512_mul_ps(d, _mm512_set1_ps(-32.0)))
        }
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl")]
    unsafe fn quants(row: *const u8, unit: usize) -> __m512i {
        // SAFETY: the caller's; both reads lie inside the block.
        unsafe {
            let block = row.add(unit / 4 * Self::BYTES);
            let (half, upper) = (unit % 4 / 2, unit % 2);
            let low = _mm512_loadu_si512(block.add(64 * half).cast());
            let low = if upper == 1 { _mm512_srli_epi16::<4>(low) } else { low };
            let low = _mm512_and_si512(low, _mm512_set1_epi8(0x0f));
            let high = _mm512_broadcast_i64x4(_mm256_loadu_si256(block.add(128 + 32 * half).cast()));
            let s = 4 * upper as i64;
            let shift = _mm512_set_epi64(s + 2, s + 2, s + 2, s + 2, s, s, s, s);
            let bits = _mm512_and_si512(_mm512_srlv_epi64(high, shift), _mm512_set1_epi8(3));
            _mm512_or_si512(low, _mm512_slli_epi16::<4>(bits))
        }
    }
}

/// Unit `unit` of the row. Where the row ends in half a unit, the second half is arbitrary.
///
/// # Safety
/// AVX-512; the first half of the unit lies in the row.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
pub(super) unsafe fn quants<F: Blocks>(row: &[u8], unit: usize) -> __m512i {
    let start = unit * 2 * F::BYTES;
    if F::LEN == 32 && start + 2 * F::BYTES > row.len() {
        let mut last = [0u8; 128];
        last[..F::BYTES].copy_from_slice(&row[start..start + F::BYTES]);
        // SAFETY: the copy holds two blocks of at most 34 bytes.
        return unsafe { F::quants(last.as_ptr(), 0) };
    }
    // SAFETY: the caller's: the unit lies in the row.
    unsafe { F::quants(row.as_ptr(), unit) }
}

/// Runs `$call::<F>` for the block type `F` of a format.
macro_rules! for_format {
    ($format:expr, $call:ident($($arg:expr),*)) => {
        match $format {
            Format::Q4_0 => $call::<Q4_0>($($arg),*),
            Format::Q4_1 => $call::<Q4_1>($($arg),*),
            Format::Q5_0 => $call::<Q5_0>($($arg),*),
            Format::Q5_1 => $call::<Q5_1>($($arg),*),
            Format::Q8_0 => $call::<Q8_0>($($arg),*),
            Format::Q4_K => $call::<Q4K>($($arg),*),
            Format::Q5_K => $call::<Q5K>($($arg),*),
            Format::Q6_K => $call::<Q6K>($($arg),*),
            Format::F32 | Format::F16 | Format::Bf16 => unreachable!("float weights have no blocks"),
        }
    };
}
pub(super) use for_format;

/// The first two words of each of 16 blocks of `BYTES` bytes: word 0 of block i in lane i, word 1 in lane
/// 16 + i. Permutes whole loads, which is several times quicker than to gather.
///
/// # Safety
/// AVX-512; `count <= 16` blocks are readable; lanes of others are zeros.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
unsafe fn heads<const BYTES: usize>(first: *const u8, count: usize) -> __m512i {
    let words = count * BYTES / 2;
    let mut out = _mm512_setzero_si512();
    for pair in 0..(16 * BYTES).div_ceil(128) {
        if pair * 64 >= words {
            break;
        }
        let (index, mask) = const { &picks::<BYTES>() }[pair];
        // SAFETY: masks keep the loads inside the blocks.
        unsafe {
            let at = first.add(pair * 128);
            let low = _mm512_maskz_loadu_epi16(words_below(words, pair * 64), at.cast());
            let high = _mm512_maskz_loadu_epi16(words_below(words, pair * 64 + 32), at.add(64).cast());
            let index = _mm512_loadu_si512(index.as_ptr().cast());
            out = _mm512_mask_mov_epi16(out, mask, _mm512_permutex2var_epi16(low, index, high));
        }
    }
    out
}

/// A mask of the words below `words`, for the 32 that begin at `start`.
#[inline]
fn words_below(words: usize, start: usize) -> u32 {
    if words >= start + 32 { u32::MAX } else { (1u32 << words.saturating_sub(start)) - 1 }
}

/// For each 64 words of 16 blocks: which of them go to which lane.
const fn picks<const BYTES: usize>() -> [([u16; 32], u32); 5] {
    let mut picks = [([0; 32], 0); 5];
    let mut lane = 0;
    while lane < 32 {
        let word = lane % 16 * BYTES / 2 + lane / 16;
        picks[word / 64].0[lane] = (word % 64) as u16;
        picks[word / 64].1 |= 1 << lane;
        lane += 1;
    }
    picks
}

/// A mask of the first `count` (at most 16) lanes.
#[inline]
pub(super) fn lanes_below(count: usize) -> u16 {
    ((1u32 << count.min(16)) - 1) as u16
}

/// The first words of [`heads`], as floats.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
fn first_words(heads: __m512i) -> __m512 {
    _mm512_cvtph_ps(_mm512_castsi512_si256(heads))
}

/// The second words of [`heads`], as floats.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
fn second_words(heads: __m512i) -> __m512 {
    _mm512_cvtph_ps(_mm512_extracti64x4_epi64::<1>(heads))
}

/// One f16 as f32.
///
/// # Safety
/// `at` is readable for two bytes.
#[inline]
unsafe fn half_at(at: *const u8) -> f32 {
    // SAFETY: the caller's.
    half::f16::from_bits(unsafe { at.cast::<u16>().read_unaligned() }).to_f32()
}

/// Two blocks of 16 nibble pairs, `stride` bytes apart: `[a low, a high, b low, b high]`.
///
/// # Safety
/// AVX-512; both 16-byte runs are readable.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
unsafe fn nibbles(first: *const u8, stride: usize) -> __m512i {
    // SAFETY: the caller's.
    let (a, b) = unsafe { (_mm_loadu_si128(first.cast()), _mm_loadu_si128(first.add(stride).cast())) };
    let both = _mm512_mask_broadcast_i32x4(_mm512_broadcast_i32x4(a), 0xff00, b);
    let shift = _mm512_set_epi64(4, 4, 0, 0, 4, 4, 0, 0);
    _mm512_and_si512(_mm512_srlv_epi64(both, shift), _mm512_set1_epi8(0x0f))
}

/// 32 bytes of nibble pairs: `[low × 32, high × 32]`.
///
/// # Safety
/// AVX-512; 32 bytes are readable.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
unsafe fn halves(at: *const u8) -> __m512i {
    // SAFETY: the caller's.
    let both = _mm512_broadcast_i64x4(unsafe { _mm256_loadu_si256(at.cast()) });
    let shift = _mm512_set_epi64(4, 4, 4, 4, 0, 0, 0, 0);
    _mm512_and_si512(_mm512_srlv_epi64(both, shift), _mm512_set1_epi8(0x0f))
}

/// Adds the fifth bit of two Q5 blocks, stored as 32 bits each, to their nibbles.
///
/// # Safety
/// AVX-512; 4 bytes are readable at `first` and at `first + stride`.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
unsafe fn fifth_bits(low: __m512i, first: *const u8, stride: usize) -> __m512i {
    // SAFETY: the caller's.
    let (a, b) =
        unsafe { (first.cast::<u32>().read_unaligned(), first.add(stride).cast::<u32>().read_unaligned()) };
    let mask = u64::from(a) | u64::from(b) << 32;
    _mm512_mask_add_epi8(low, mask, low, _mm512_set1_epi8(16))
}

/// Scales and offsets of one or two super-blocks of Q4_K or Q5_K: f16 `d`, f16 `dmin`, then eight 6-bit scales
/// and eight 6-bit minima in 12 bytes.
///
/// # Safety
/// AVX-512; `count / 8` blocks are readable, `stride` bytes apart.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
unsafe fn k_scales(first: *const u8, stride: usize, count: usize) -> (__m512, __m512) {
    // SAFETY: the caller's; the second block is read only where it exists.
    unsafe {
        let (s0, m0) = six_bit(first.add(4));
        let (d0, min0) = (half_at(first), half_at(first.add(2)));
        let (s1, m1, d1, min1) = if count > 8 {
            let second = first.add(stride);
            let (s, m) = six_bit(second.add(4));
            (s, m, half_at(second), half_at(second.add(2)))
        } else {
            (0, 0, 0.0, 0.0)
        };
        let scales = _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm_set_epi64x(s1 as i64, s0 as i64)));
        let minima = _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm_set_epi64x(m1 as i64, m0 as i64)));
        let d = _mm512_mask_blend_ps(0xff00, _mm512_set1_ps(d0), _mm512_set1_ps(d1));
        let min = _mm512_mask_blend_ps(0xff00, _mm512_set1_ps(-min0), _mm512_set1_ps(-min1));
        (_mm512_mul_ps(scales, d), _mm512_mul_ps(minima, min))
    }
}

/// Eight scales and eight minima, a byte each.
///
/// # Safety
/// 12 bytes are readable.
#[inline]
unsafe fn six_bit(at: *const u8) -> (u64, u64) {
    // SAFETY: the caller's.
    let [a, b, c] = unsafe { at.cast::<[u32; 3]>().read_unaligned() };
    let join = |low: u32, high: u32| u64::from(low) | u64::from(high) << 32;
    let scales = join(a & 0x3f3f_3f3f, c & 0x0f0f_0f0f | (a >> 6 & 0x0303_0303) << 4);
    let minima = join(b & 0x3f3f_3f3f, c >> 4 & 0x0f0f_0f0f | (b >> 6 & 0x0303_0303) << 4);
    (scales, minima)
}
