//! Small products in f32 or bf16, whichever the processor is faster at, behind one face.
//!
//! `c += a · b` with `a` in rows and `b` in groups of `P` rows, the elements of a group side by side: `[k / P][n][P]`.

use super::kernels::{Bf16, Gemm, Kernels};
use crate::Matrix;
use std::ops::Range;

/// Columns that one register tile is wide: the unit in which unpacked weights lie.
pub(super) const SLICE: usize = 64;

/// How to multiply.
pub(super) trait Products: Copy + Sync {
    /// What factors are made of.
    type Number: bytemuck::Pod + Send + Sync;

    /// Rows of `b` that lie side by side.
    const P: usize;

    /// `c += a · b`; `k` is a multiple of `P`. Strides count numbers of one row.
    fn gemm(self, shape: Gemm, a: &[Self::Number], b: &[Self::Number], c: &mut [f32]);

    /// A row of `a`.
    fn row(self, x: &[f32], out: &mut [Self::Number]);

    /// `P` rows of `b`, of which the second may be missing.
    fn group(self, first: &[f32], second: Option<&[f32]>, out: &mut [Self::Number]);

    /// Weights as `b`, in slices of 64 columns: `[cols / 64][rows / P][64][P]`. Rows that are missing in the last group
    /// become zeros, and columns past the last are left as they are. `cols` are whole blocks and begin at a multiple of 64.
    fn unpack(self, w: &Matrix, rows: Range<usize>, cols: Range<usize>, out: &mut [Self::Number]);
}

/// In f32.
#[derive(Clone, Copy)]
pub(super) struct Single(pub(super) &'static Kernels);

/// In bf16, with sums in f32.
#[derive(Clone, Copy)]
pub(super) struct Half(pub(super) &'static Bf16);

impl Products for Single {
    type Number = f32;
    const P: usize = 1;

    fn gemm(self, shape: Gemm, a: &[f32], b: &[f32], c: &mut [f32]) {
        self.0.gemm_floats(shape, a, b, c);
    }

    fn row(self, x: &[f32], out: &mut [f32]) {
        out.copy_from_slice(x);
    }

    fn group(self, first: &[f32], _: Option<&[f32]>, out: &mut [f32]) {
        out.copy_from_slice(first);
    }

    fn unpack(self, w: &Matrix, rows: Range<usize>, cols: Range<usize>, out: &mut [f32]) {
        self.0.dequantize(w, rows, cols, out);
    }
}

impl Products for Half {
    type Number = u16;
    const P: usize = 2;

    fn gemm(self, shape: Gemm, a: &[u16], b: &[u16], c: &mut [f32]) {
        self.0.gemm(shape, a, b, c);
    }

    fn row(self, x: &[f32], out: &mut [u16]) {
        self.0.pack(x, out);
    }

    fn group(self, first: &[f32], second: Option<&[f32]>, out: &mut [u16]) {
        match second {
            Some(second) => self.0.pair(first, second, out),
            None => {
                self.0.pack(first, &mut out[..first.len()]);
                // From the end, so that nothing is overwritten before it has moved.
                for c in (0..first.len()).rev() {
                    (out[2 * c], out[2 * c + 1]) = (out[c], 0);
                }
            }
        }
    }

    fn unpack(self, w: &Matrix, rows: Range<usize>, cols: Range<usize>, out: &mut [u16]) {
        self.0.unpack(w, rows, cols, out);
    }
}
