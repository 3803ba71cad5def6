//! Few rows: each block is decoded once and multiplied with all of them.

use super::blocks::Blocks;
use crate::Format;
use crate::cpu::activations::{GROUP, QuantRows};
use crate::cpu::panel::Rows;
use crate::quant::{Block, Half, with_block};
use std::arch::x86_64::*;

/// `acc[t, r] = Σ_k x[t, k] · w[r, k]`.
#[target_feature(enable = "avx2,fma,f16c")]
pub(super) fn gemv(format: Format, rows: Rows<'_>, x: &QuantRows, acc: &mut [f32]) {
    with_block!(format, B => blocks::<B>(rows, x, acc), float => unreachable!("float weights have no codes"))
}

#[target_feature(enable = "avx2,fma,f16c")]
fn blocks<B: Blocks>(rows: Rows<'_>, x: &QuantRows, acc: &mut [f32]) {
    match x.rows {
        1 => each_row::<B, 1>(rows, x, acc),
        2 => each_row::<B, 2>(rows, x, acc),
        3 => each_row::<B, 3>(rows, x, acc),
        4 => each_row::<B, 4>(rows, x, acc),
        5 => each_row::<B, 5>(rows, x, acc),
        6 => each_row::<B, 6>(rows, x, acc),
        7 => each_row::<B, 7>(rows, x, acc),
        8 => each_row::<B, 8>(rows, x, acc),
        n => unreachable!("{n} rows are not few"),
    }
}

/// Sums of one row of activations: eight lanes of products, and the minima's part.
#[derive(Clone, Copy)]
struct Sums {
    products: __m256,
    minima: f32,
}

#[target_feature(enable = "avx2,fma,f16c")]
fn each_row<B: Blocks, const T: usize>(rows: Rows<'_>, x: &QuantRows, acc: &mut [f32]) {
    // f16 to f32 in one instruction.
    let widen = |h: Half| _mm_cvtss_f32(_mm_cvtph_ps(_mm_cvtsi32_si128(u16::from_le_bytes(h.0).into())));
    let (groups, parts) = (B::LEN / B::GROUP, B::LEN / GROUP);
    let x: [_; T] = std::array::from_fn(|t| (x.q(t), x.scale(t), x.sum(t, B::GROUP)));
    let (mut scale, mut min) = ([0.0f32; 16], [0.0f32; 16]);
    for r in 0..rows.count {
        let blocks: &[B] = bytemuck::cast_slice(rows.row(r));
        assert!(x.iter().all(|(q, ..)| q.len() == blocks.len() * B::LEN), "width of rows and activations");
        let mut sums = [Sums { products: _mm256_setzero_ps(), minima: 0.0 }; T];
        for (b, block) in blocks.iter().enumerate() {
            block.scales(widen, &mut scale[..groups], &mut min[..groups]);
            for i in 0..parts {
                // SAFETY: this function has AVX2, and `i` is below LEN / 32.
                let codes = unsafe { block.load(i) };
                let at = b * parts + i;
                for (sums, (q, dx, sx)) in sums.iter_mut().zip(&x) {
                    // SAFETY: `q` holds 32 codes for every part, as asserted.
                    let q = unsafe { _mm256_loadu_si256(q.as_ptr().add(32 * at).cast()) };
                    let dot =
                        _mm256_cvtepi32_ps(if is_wide::<B>() { dot_signed(codes, q) } else { dot(codes, q) });
                    let d = if B::GROUP == 16 {
                        let (low, high) = (_mm_set1_ps(scale[2 * i]), _mm_set1_ps(scale[2 * i + 1]));
                        sums.minima = min[2 * i].mul_add(sx[2 * at], sums.minima);
                        sums.minima = min[2 * i + 1].mul_add(sx[2 * at + 1], sums.minima);
                        _mm256_set_m128(high, low)
                    } else {
                        if !is_wide::<B>() {
                            sums.minima = min[i].mul_add(sx[at], sums.minima);
                        }
                        _mm256_set1_ps(scale[i])
                    };
                    let d = _mm256_mul_ps(d, _mm256_set1_ps(dx[at]));
                    sums.products = _mm256_fmadd_ps(dot, d, sums.products);
                }
            }
        }
        for (t, sums) in sums.into_iter().enumerate() {
            acc[t * rows.count + r] = sum(sums.products) + sums.minima;
        }
    }
}

/// Whether codes use all 8 bits, which `vpmaddubsw` would saturate on; only Q8_0.
const fn is_wide<B: Block>() -> bool {
    size_of::<B>() > B::LEN
}

/// Sums of four products, for codes of up to 6 bits: `2 · 63 · 127` fits 16 bits.
#[inline]
#[target_feature(enable = "avx2")]
fn dot(codes: __m256i, q: __m256i) -> __m256i {
    _mm256_madd_epi16(_mm256_maddubs_epi16(codes, q), _mm256_set1_epi16(1))
}

/// The same of `code - 128`: as `|w| · (sign(w) · q)`, of which two fit 16 bits (`2 · 128 · 127`).
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn dot_signed(codes: __m256i, q: __m256i) -> __m256i {
    let w = _mm256_xor_si256(codes, _mm256_set1_epi8(-128));
    dot(_mm256_abs_epi8(w), _mm256_sign_epi8(q, w))
}

#[inline]
#[target_feature(enable = "avx2")]
fn sum(x: __m256) -> f32 {
    let four = _mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps::<1>(x));
    let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)))
}
