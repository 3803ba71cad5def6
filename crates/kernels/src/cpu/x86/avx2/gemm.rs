//! Many rows: panels of unpacked weights times 8-bit activations.
//!
//! `vpmaddubsw` adds two products into 16 bits. How many such sums fit 16 bits depends on the codes: 8 of
//! 4-bit codes, 4 of 5-bit, 2 of 6-bit. 8-bit codes are taken as `|w| · (sign(w) · q)`, one sum at a time.

use crate::cpu::activations::{GROUP, QuantRows};
use crate::cpu::panel::{Panel, STRIP};
use std::arch::x86_64::*;

/// Rows of activations that are multiplied with a strip together.
const TILE: usize = 4;

/// `acc[t, 16·s + r] = Σ_k x[t, k] · w[s, r, k]`.
#[target_feature(enable = "avx2,fma,f16c")]
pub(super) fn gemm(panel: &Panel, x: &QuantRows, acc: &mut [f32]) {
    assert_eq!(panel.cols, x.cols, "width of weights and activations");
    assert!(acc.len() >= x.rows * panel.strips * STRIP, "room for the products");
    for s in 0..panel.strips {
        for t in (0..x.rows).step_by(TILE) {
            match x.rows - t {
                1 => by_bits::<1>(panel, s, x, t, acc),
                2 => by_bits::<2>(panel, s, x, t, acc),
                3 => by_bits::<3>(panel, s, x, t, acc),
                _ => by_bits::<TILE>(panel, s, x, t, acc),
            }
        }
    }
}

#[target_feature(enable = "avx2,fma,f16c")]
fn by_bits<const T: usize>(panel: &Panel, s: usize, x: &QuantRows, t: usize, acc: &mut [f32]) {
    match (panel.bits, panel.group) {
        (4, 32) => tile::<T, 32, 8>(panel, s, x, t, acc),
        (5, 32) => tile::<T, 32, 4>(panel, s, x, t, acc),
        (6, 16) => tile::<T, 16, 2>(panel, s, x, t, acc),
        (8, 32) => tile::<T, 32, 1>(panel, s, x, t, acc),
        other => unreachable!("no format has codes and groups of {other:?}"),
    }
}

/// One strip times `T` rows. `G` weights share a scale; `FIT` sums of two products fit 16 bits.
#[target_feature(enable = "avx2,fma,f16c")]
fn tile<const T: usize, const G: usize, const FIT: usize>(
    panel: &Panel,
    s: usize,
    x: &QuantRows,
    t: usize,
    acc: &mut [f32],
) {
    let (codes, scale, min) = (panel.codes(s), panel.scale(s), panel.min(s));
    let rows: [_; T] = std::array::from_fn(|i| (x.q(t + i), x.scale(t + i), x.sum(t + i, G)));
    let mut sums = [[_mm256_setzero_ps(); 2]; T];
    for g in 0..panel.cols / G {
        let mut dots = [[_mm256_setzero_si256(); 2]; T];
        for k in (g * G / 4..(g + 1) * G / 4).step_by(FIT) {
            let mut pairs = [[_mm256_setzero_si256(); 2]; T];
            for k in k..k + FIT {
                // SAFETY: `codes` holds 64 bytes, and each row 4, for every k below cols / 4.
                let w: [__m256i; 2] = std::array::from_fn(|h| unsafe {
                    _mm256_loadu_si256(codes.as_ptr().add(64 * k + 32 * h).cast())
                });
                for (pairs, (q, ..)) in pairs.iter_mut().zip(&rows) {
                    // SAFETY: as above.
                    let q =
                        _mm256_set1_epi32(unsafe { q.as_ptr().add(4 * k).cast::<i32>().read_unaligned() });
                    for h in 0..2 {
                        pairs[h] = _mm256_add_epi16(pairs[h], products::<FIT>(w[h], q));
                    }
                }
            }
            for (dots, pairs) in dots.iter_mut().zip(&pairs) {
                for h in 0..2 {
                    let four = _mm256_madd_epi16(pairs[h], _mm256_set1_epi16(1));
                    dots[h] = _mm256_add_epi32(dots[h], four);
                }
            }
        }
        // SAFETY: scales and minima hold 16 floats for every group.
        let (d, m): ([__m256; 2], [__m256; 2]) = unsafe {
            let (d, m) = (scale.as_ptr().add(STRIP * g), min.as_ptr().add(STRIP * g));
            ([_mm256_loadu_ps(d), _mm256_loadu_ps(d.add(8))], [_mm256_loadu_ps(m), _mm256_loadu_ps(m.add(8))])
        };
        for (i, (_, dx, sx)) in rows.iter().enumerate() {
            let (dx, sx) = (_mm256_set1_ps(dx[g * G / GROUP]), _mm256_set1_ps(sx[g]));
            for h in 0..2 {
                let dot = _mm256_cvtepi32_ps(dots[i][h]);
                sums[i][h] = _mm256_fmadd_ps(dot, _mm256_mul_ps(d[h], dx), sums[i][h]);
                if FIT > 1 {
                    sums[i][h] = _mm256_fmadd_ps(m[h], sx, sums[i][h]);
                }
            }
        }
    }
    for (i, sums) in sums.iter().enumerate() {
        let out = &mut acc[((t + i) * panel.strips + s) * STRIP..][..STRIP];
        // SAFETY: 16 floats are written.
        unsafe {
            _mm256_storeu_ps(out.as_mut_ptr(), sums[0]);
            _mm256_storeu_ps(out.as_mut_ptr().add(8), sums[1]);
        }
    }
}

/// Sums of two products. With `FIT` 1 the codes have 8 bits and stand for `code - 128`, which needs no
/// minimum.
#[inline]
#[target_feature(enable = "avx2")]
fn products<const FIT: usize>(w: __m256i, q: __m256i) -> __m256i {
    if FIT > 1 {
        return _mm256_maddubs_epi16(w, q);
    }
    let w = _mm256_xor_si256(w, _mm256_set1_epi8(-128));
    _mm256_maddubs_epi16(_mm256_abs_epi8(w), _mm256_sign_epi8(q, w))
}
