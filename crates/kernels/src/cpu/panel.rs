//! A few strips of 16 weight rows, unpacked to the one layout that the matrix kernels read.
//!
//! Codes lie as `vpdpbusd`, AMX tiles and `smmla` want them: `[k / 4][16 rows][4 bytes]`, so that 64 bytes
//! hold four consecutive k of 16 rows, and four activations are broadcast against them.

use super::activations::grow;
use crate::{AlignedBuf, Format, Matrix};

/// Weight rows of a strip.
pub(crate) const STRIP: usize = 16;

/// Most strips of a panel.
pub(crate) const MAX_STRIPS: usize = 2;

/// Unpacked weights: `w[r, k] = scale[k / group, r] · code[k, r] + min[k / group, r]` in every strip.
#[derive(Debug, Default)]
pub(crate) struct Panel {
    /// Strips in use.
    pub(crate) strips: usize,
    /// Width of a weight row.
    pub(crate) cols: usize,
    /// Weights that share scale and min: 16 or 32.
    pub(crate) group: usize,
    /// Bits that a code uses: 4, 5, 6 or 8.
    pub(crate) bits: u32,
    codes: AlignedBuf<u8>,
    scale: AlignedBuf<f32>,
    min: AlignedBuf<f32>,
    floats: AlignedBuf<f32>,
}

/// One strip, to be written. Rows that do not exist are left as they are.
pub(crate) struct StripMut<'a> {
    /// `[cols / 4][16][4]`.
    pub(crate) codes: &'a mut [u8],
    /// `[cols / group][16]`.
    pub(crate) scale: &'a mut [f32],
    /// `[cols / group][16]`.
    pub(crate) min: &'a mut [f32],
}

/// Up to 16 weight rows of a matrix.
#[derive(Clone, Copy)]
pub(crate) struct Rows<'a> {
    /// The blocks of all rows, one row after the other.
    pub(crate) bytes: &'a [u8],
    /// Bytes of a row.
    pub(crate) stride: usize,
    /// Number of rows.
    pub(crate) count: usize,
}

impl<'a> Rows<'a> {
    pub(crate) fn of(w: &'a Matrix, rows: std::ops::Range<usize>) -> Self {
        let stride = w.format().row_bytes(w.cols());
        Rows { bytes: &w.bytes()[rows.start * stride..rows.end * stride], stride, count: rows.len() }
    }

    /// The blocks of row `r`.
    #[inline(always)]
    pub(crate) fn row(&self, r: usize) -> &'a [u8] {
        &self.bytes[r * self.stride..][..self.stride]
    }
}

impl Panel {
    /// Makes room for strips of quantised weights.
    pub(super) fn begin(&mut self, strips: usize, cols: usize, format: Format) {
        let group = format.group_len();
        (self.strips, self.cols, self.group, self.bits) = (strips, cols, group, format.code_bits());
        grow(&mut self.codes, strips * STRIP * cols);
        grow(&mut self.scale, strips * STRIP * cols / group);
        grow(&mut self.min, strips * STRIP * cols / group);
    }

    /// Makes room for strips of float weights.
    pub(super) fn begin_floats(&mut self, strips: usize, cols: usize) {
        (self.strips, self.cols, self.group) = (strips, cols, 1);
        grow(&mut self.floats, strips * STRIP * cols);
    }

    /// Strip `s`, to be written.
    pub(super) fn strip_mut(&mut self, s: usize) -> StripMut<'_> {
        let (n, g) = (STRIP * self.cols, STRIP * self.cols / self.group);
        StripMut {
            codes: &mut self.codes[s * n..][..n],
            scale: &mut self.scale[s * g..][..g],
            min: &mut self.min[s * g..][..g],
        }
    }

    /// Codes of strip `s`: `[cols / 4][16][4]`.
    pub(crate) fn codes(&self, s: usize) -> &[u8] {
        let n = STRIP * self.cols;
        &self.codes[s * n..][..n]
    }

    /// Scales of strip `s`: `[cols / group][16]`.
    pub(crate) fn scale(&self, s: usize) -> &[f32] {
        let n = STRIP * self.cols / self.group;
        &self.scale[s * n..][..n]
    }

    /// Minima of strip `s`: `[cols / group][16]`.
    pub(crate) fn min(&self, s: usize) -> &[f32] {
        let n = STRIP * self.cols / self.group;
        &self.min[s * n..][..n]
    }

    /// Float weights of all strips: `[cols][16 · strips]`.
    pub(super) fn floats_mut(&mut self) -> &mut [f32] {
        &mut self.floats[..self.strips * STRIP * self.cols]
    }
}
