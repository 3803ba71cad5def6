//! Activations: a row-major f32 matrix that keeps its allocation.

use crate::AlignedBuf;

/// f32 `[rows, cols]`, row-major, 64-byte aligned.
#[derive(Debug, Default)]
pub struct Tensor {
    rows: usize,
    cols: usize,
    data: AlignedBuf<f32>,
}

impl Clone for Tensor {
    fn clone(&self) -> Self {
        Tensor::from_slice(self.rows, self.cols, self.as_slice())
    }
}

impl Tensor {
    /// All zeros.
    pub fn zeros(rows: usize, cols: usize) -> Self {
        Tensor { rows, cols, data: AlignedBuf::zeroed(rows * cols) }
    }

    /// A copy of `values`, which holds `rows · cols` numbers.
    pub fn from_slice(rows: usize, cols: usize, values: &[f32]) -> Self {
        let mut t = Tensor::zeros(rows, cols);
        t.as_mut_slice().copy_from_slice(values);
        t
    }

    /// Changes the shape; contents are unspecified after it. Grows the allocation only when it must.
    pub fn reshape(&mut self, rows: usize, cols: usize) {
        (self.rows, self.cols) = (rows, cols);
        if self.data.len() < rows * cols {
            self.data = AlignedBuf::zeroed(rows * cols);
        }
    }

    /// The same numbers in rows of `cols`.
    ///
    /// # Panics
    /// When they do not make whole rows.
    pub fn divide_rows(&mut self, cols: usize) {
        let len = self.rows * self.cols;
        assert!(cols > 0 && len.is_multiple_of(cols), "{len} numbers in rows of {cols}");
        (self.rows, self.cols) = (len / cols, cols);
    }

    /// `[cols, rows]`: rows become columns.
    pub fn transposed(&self) -> Tensor {
        let mut turned = Tensor::zeros(self.cols, self.rows);
        for r in 0..self.rows {
            for (c, value) in self.row(r).iter().enumerate() {
                turned.as_mut_slice()[c * self.rows + r] = *value;
            }
        }
        turned
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Width of a row.
    pub fn cols(&self) -> usize {
        self.cols
    }

    /// Row `r`.
    pub fn row(&self, r: usize) -> &[f32] {
        &self.as_slice()[r * self.cols..(r + 1) * self.cols]
    }

    /// Row `r`, writable.
    pub fn row_mut(&mut self, r: usize) -> &mut [f32] {
        let cols = self.cols;
        &mut self.as_mut_slice()[r * cols..(r + 1) * cols]
    }

    /// All rows.
    pub fn as_slice(&self) -> &[f32] {
        &self.data[..self.rows * self.cols]
    }

    /// All rows, writable.
    pub fn as_mut_slice(&mut self) -> &mut [f32] {
        &mut self.data[..self.rows * self.cols]
    }
}
