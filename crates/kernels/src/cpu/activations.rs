//! Activations in the form that matrix kernels read: 8-bit integers, or plain floats for float weights.

use super::FEW_ROWS;
use super::kernels::Kernels;
use super::parts::Parts;
use crate::{AlignedBuf, Norm, Tensor};
use std::ops::Range;

/// Activations that share a scale.
pub(crate) const GROUP: usize = 32;

/// `x[t, k] ≈ scale[t, k / 32] · q[t, k]`, with the sums that the minimum of a weight group is multiplied by.
///
/// Few rows may be kept in 16 bits: then `x[t, k] ≈ scale[t, 0] · (256 · q[t, k] + low[t, k])`, and sums are not scaled.
#[derive(Debug, Default)]
pub(crate) struct QuantRows {
    pub(crate) rows: usize,
    pub(crate) cols: usize,
    /// `[T, D]`; 64 readable bytes follow the last row.
    pub(crate) q: AlignedBuf<i8>,
    /// The lower byte of few rows, laid out as `q`.
    pub(crate) low: AlignedBuf<i8>,
    /// `[T, D / 32]`.
    pub(crate) scale: AlignedBuf<f32>,
    /// `scale · Σ q` over each 32: `[T, D / 32]`.
    pub(crate) sum32: AlignedBuf<f32>,
    /// The same over each 16: `[T, D / 16]`.
    pub(crate) sum16: AlignedBuf<f32>,
}

/// One row of [`QuantRows`], to be written.
pub(crate) struct QuantRow<'a> {
    pub(crate) q: &'a mut [i8],
    /// Empty where there are many rows.
    #[cfg_attr(
        not(target_arch = "x86_64"),
        allow(dead_code, reason = "two bytes are kept for AVX-512 only")
    )]
    pub(crate) low: &'a mut [i8],
    pub(crate) scale: &'a mut [f32],
    pub(crate) sum32: &'a mut [f32],
    pub(crate) sum16: &'a mut [f32],
}

impl QuantRows {
    fn reshape(&mut self, rows: usize, cols: usize) {
        (self.rows, self.cols) = (rows, cols);
        grow(&mut self.q, rows * cols + 64);
        if rows <= FEW_ROWS {
            grow(&mut self.low, rows * cols + 64);
        }
        grow(&mut self.scale, rows * cols / GROUP);
        grow(&mut self.sum32, rows * cols / GROUP);
        grow(&mut self.sum16, rows * cols / 16);
    }

    /// Codes of row `t`.
    pub(crate) fn q(&self, t: usize) -> &[i8] {
        &self.q[t * self.cols..][..self.cols]
    }

    #[cfg_attr(
        not(target_arch = "x86_64"),
        allow(dead_code, reason = "only AVX-512 keeps few rows in 16 bits")
    )]
    /// Lower bytes of row `t`, one of few.
    pub(crate) fn low(&self, t: usize) -> &[i8] {
        &self.low[t * self.cols..][..self.cols]
    }

    /// Scales of row `t`.
    pub(crate) fn scale(&self, t: usize) -> &[f32] {
        let n = self.cols / GROUP;
        &self.scale[t * n..][..n]
    }

    /// Scaled sums of row `t` over groups of `group`, 16 or 32.
    pub(crate) fn sum(&self, t: usize, group: usize) -> &[f32] {
        let n = self.cols / group;
        &(if group == 16 { &self.sum16 } else { &self.sum32 })[t * n..][..n]
    }
}

/// Makes a buffer hold at least `len` elements; contents are unspecified after it.
pub(crate) fn grow<T: bytemuck::Pod>(buf: &mut AlignedBuf<T>, len: usize) {
    if buf.len() < len {
        *buf = AlignedBuf::zeroed(len);
    }
}

/// The input of a matrix product, in whichever forms its weights need.
#[derive(Debug, Default)]
pub(crate) struct Inputs {
    /// For quantised weights.
    pub(crate) quant: QuantRows,
    /// For float weights: the normalised rows.
    pub(crate) float: Tensor,
}

/// Which forms are needed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Needs {
    pub(crate) quant: bool,
    pub(crate) float: bool,
}

/// [`Inputs`] while several threads fill them, each its own rows.
pub(super) struct InputsMut<'a> {
    needs: Needs,
    rows: usize,
    cols: usize,
    q: Parts<'a, i8>,
    low: Parts<'a, i8>,
    scale: Parts<'a, f32>,
    sum32: Parts<'a, f32>,
    sum16: Parts<'a, f32>,
    float: Parts<'a, f32>,
}

impl Inputs {
    /// Makes room for `[rows, cols]`.
    pub(super) fn begin(&mut self, rows: usize, cols: usize, needs: Needs) -> InputsMut<'_> {
        if needs.quant {
            self.quant.reshape(rows, cols);
        }
        self.float.reshape(if needs.float { rows } else { 1 }, cols);
        InputsMut {
            needs,
            rows,
            cols,
            q: Parts::new(&mut self.quant.q),
            low: Parts::new(&mut self.quant.low),
            scale: Parts::new(&mut self.quant.scale),
            sum32: Parts::new(&mut self.quant.sum32),
            sum16: Parts::new(&mut self.quant.sum16),
            float: Parts::of(&mut self.float),
        }
    }

    /// Normalises and converts all rows of `x` on this thread.
    pub(super) fn fill(
        &mut self,
        kernels: &Kernels,
        x: &Tensor,
        norm: Option<Norm<'_>>,
        needs: Needs,
        temp: &mut AlignedBuf<f32>,
    ) {
        let inputs = self.begin(x.rows(), x.cols(), needs);
        // SAFETY: this thread is the only one.
        unsafe { inputs.rows(kernels, x, norm, 0..x.rows(), temp) }
    }
}

impl InputsMut<'_> {
    /// Normalises and converts `rows` of `x`. `temp` is scratch.
    ///
    /// # Safety
    /// No other thread works on the same rows.
    pub(super) unsafe fn rows(
        &self,
        kernels: &Kernels,
        x: &Tensor,
        norm: Option<Norm<'_>>,
        rows: Range<usize>,
        temp: &mut AlignedBuf<f32>,
    ) {
        grow(temp, self.cols);
        let few = self.rows <= FEW_ROWS;
        let part = |t: usize, group: usize| t * self.cols / group..(t + 1) * self.cols / group;
        for t in rows {
            let mut row = x.row(t);
            if let Some(norm) = &norm {
                kernels.norm(row, norm, &mut temp[..self.cols]);
                row = &temp[..self.cols];
            }
            if self.needs.float {
                // SAFETY: row `t` is this thread's.
                unsafe { self.float.slice(part(t, 1)) }.copy_from_slice(row);
            }
            if self.needs.quant {
                // SAFETY: row `t` is this thread's.
                let out = unsafe {
                    QuantRow {
                        q: self.q.slice(part(t, 1)),
                        low: self.low.slice(if few { part(t, 1) } else { 0..0 }),
                        scale: self.scale.slice(part(t, GROUP)),
                        sum32: self.sum32.slice(part(t, GROUP)),
                        sum16: self.sum16.slice(part(t, 16)),
                    }
                };
                if few { kernels.quantize_few(row, out) } else { kernels.quantize(row, out) }
            }
        }
    }
}
