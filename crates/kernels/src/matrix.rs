//! Weights: a quantised matrix that stays where it was mapped.

use crate::{Bytes, Format};

/// `[rows, cols]` in `format`, row-major as in a GGUF file. Cloning shares the bytes.
#[derive(Clone, Debug)]
pub struct Matrix {
    format: Format,
    rows: usize,
    cols: usize,
    bytes: Bytes,
}

/// The bytes do not make the matrix that was asked for.
#[derive(Debug, thiserror::Error)]
pub enum ShapeError {
    /// A row must be whole blocks.
    #[error("{cols} columns are not a multiple of the {block} of a {format:?} block")]
    Ragged {
        /// Columns asked for.
        cols: usize,
        /// Elements of a block.
        block: usize,
        /// Format asked for.
        format: Format,
    },
    /// Wrong number of bytes.
    #[error("{rows} x {cols} {format:?} needs {expected} bytes, got {actual}")]
    Length {
        /// Rows asked for.
        rows: usize,
        /// Columns asked for.
        cols: usize,
        /// Format asked for.
        format: Format,
        /// Bytes needed.
        expected: usize,
        /// Bytes given.
        actual: usize,
    },
}

impl Matrix {
    /// Takes `bytes` as a matrix, checking its length.
    pub fn new(format: Format, rows: usize, cols: usize, bytes: Bytes) -> Result<Self, ShapeError> {
        if !cols.is_multiple_of(format.block_len()) {
            return Err(ShapeError::Ragged { cols, block: format.block_len(), format });
        }
        let expected = rows.saturating_mul(format.row_bytes(cols));
        if bytes.len() != expected {
            return Err(ShapeError::Length { rows, cols, format, expected, actual: bytes.len() });
        }
        Ok(Matrix { format, rows, cols, bytes })
    }

    /// Storage format.
    pub fn format(&self) -> Format {
        self.format
    }

    /// Number of rows (outputs of a linear layer).
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Width of a row (inputs of a linear layer).
    pub fn cols(&self) -> usize {
        self.cols
    }

    /// The blocks of row `r`.
    pub fn row(&self, r: usize) -> &[u8] {
        let n = self.format.row_bytes(self.cols);
        &self.bytes[r * n..(r + 1) * n]
    }

    /// All blocks.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}
