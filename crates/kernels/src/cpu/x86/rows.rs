//! Activations for the AVX-512 dot kernels: int8 in groups of 32, or f32 as they are.

use super::lanes::{max, sum};
use crate::{AlignedBuf, Norm, Tensor};
use std::arch::x86_64::*;

/// Weights that one pass of the kernels covers; rows are padded to it with zeros.
pub(super) const PASS: usize = 512;

/// A few rows, normed, ready for dot products with any weight format.
#[derive(Default)]
pub(super) struct Rows {
    count: usize,
    /// Padded width.
    width: usize,
    values: AlignedBuf<f32>,
    quants: AlignedBuf<i8>,
    scales: AlignedBuf<f32>,
    sums: AlignedBuf<f32>,
    half_sums: AlignedBuf<f32>,
}

/// What a dot product with 8-bit activations reads of one row.
#[derive(Clone, Copy)]
pub(super) struct Int8Row {
    /// `[width]`, `x ≈ scale · q`.
    pub(super) quants: *const i8,
    /// `[width / 32]`.
    pub(super) scales: *const f32,
    /// `[width / 32]`: `scale · Σ q` of each group of 32.
    pub(super) sums: *const f32,
    /// `[width / 16]`: the same of each 16.
    pub(super) half_sums: *const f32,
}

impl Rows {
    /// Norms the rows `first .. first + count` of `x`; with `int8`, quantises them too.
    ///
    /// # Safety
    /// The processor has AVX-512 F/BW/VL/DQ.
    pub(super) unsafe fn load(&mut self, x: &Tensor, first: usize, count: usize, norm: Option<Norm<'_>>, int8: bool) {
        let width = x.cols().next_multiple_of(PASS);
        if (self.count, self.width) != (count, width) {
            *self = Rows {
                count,
                width,
                values: AlignedBuf::zeroed(count * width),
                quants: AlignedBuf::zeroed(count * width),
                scales: AlignedBuf::zeroed(count * width / 32),
                sums: AlignedBuf::zeroed(count * width / 32),
                half_sums: AlignedBuf::zeroed(count * width / 16),
            };
        }
        for t in 0..count {
            let row = x.row(first + t);
            let values = &mut self.values[t * width..][..width];
            values[row.len()..].fill(0.0);
            // SAFETY: the caller's.
            unsafe {
                match norm {
                    Some(norm) => apply_norm(row, norm, values),
                    None => values[..row.len()].copy_from_slice(row),
                }
                if int8 {
                    self.quantise(t);
                }
            }
        }
    }

    /// Row `t` in f32, padded with zeros.
    pub(super) fn values(&self, t: usize) -> &[f32] {
        &self.values[t * self.width..][..self.width]
    }

    /// Row `t` in int8.
    pub(super) fn int8(&self, t: usize) -> Int8Row {
        let w = self.width;
        Int8Row {
            quants: self.quants[t * w..].as_ptr(),
            scales: self.scales[t * w / 32..].as_ptr(),
            sums: self.sums[t * w / 32..].as_ptr(),
            half_sums: self.half_sums[t * w / 16..].as_ptr(),
        }
    }

    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq")]
    fn quantise(&mut self, t: usize) {
        let width = self.width;
        let values = &self.values[t * width..][..width];
        for (g, group) in values.chunks_exact(32).enumerate() {
            // SAFETY: the group has 32 numbers and the outputs 32 bytes.
            unsafe {
                let (a, b) = (_mm512_loadu_ps(group.as_ptr()), _mm512_loadu_ps(group.as_ptr().add(16)));
                let largest = max(_mm512_max_ps(_mm512_abs_ps(a), _mm512_abs_ps(b)));
                let inverse = _mm512_set1_ps(if largest > 0.0 { 127.0 / largest } else { 0.0 });
                let a = _mm512_cvtps_epi32(_mm512_mul_ps(a, inverse));
                let b = _mm512_cvtps_epi32(_mm512_mul_ps(b, inverse));
                let to = self.quants[t * width + g * 32..][..32].as_mut_ptr();
                _mm_storeu_si128(to.cast(), _mm512_cvtsepi32_epi8(a));
                _mm_storeu_si128(to.add(16).cast(), _mm512_cvtsepi32_epi8(b));
                let scale = largest / 127.0;
                let (sum_a, sum_b) = (_mm512_reduce_add_epi32(a) as f32, _mm512_reduce_add_epi32(b) as f32);
                let at = t * width / 32 + g;
                self.scales[at] = scale;
                self.sums[at] = scale * (sum_a + sum_b);
                self.half_sums[2 * at] = scale * sum_a;
                self.half_sums[2 * at + 1] = scale * sum_b;
            }
        }
    }
}

/// `to = row / sqrt(mean(row²) + eps) ⊙ weight`.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq")]
fn apply_norm(row: &[f32], norm: Norm<'_>, to: &mut [f32]) {
    let scale = rms_scale(row, norm.eps);
    for ((to, x), w) in to.iter_mut().zip(row).zip(norm.weight) {
        *to = x * scale * w;
    }
}

/// `1 / sqrt(mean(row²) + eps)`.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq")]
pub(super) fn rms_scale(row: &[f32], eps: f32) -> f32 {
    let mut squares = _mm512_setzero_ps();
    let chunks = row.chunks_exact(16);
    let rest: f32 = chunks.remainder().iter().map(|v| v * v).sum();
    for chunk in chunks {
        // SAFETY: a chunk has 16 numbers.
        let v = unsafe { _mm512_loadu_ps(chunk.as_ptr()) };
        squares = _mm512_fmadd_ps(v, v, squares);
    }
    1.0 / ((sum(squares) + rest) / row.len() as f32 + eps).sqrt()
}
