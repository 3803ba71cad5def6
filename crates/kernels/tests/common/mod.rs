//! What the tests of operations share.
#![allow(dead_code, reason = "not every test uses everything")]

use kernels::cpu::{Cpu, CpuOptions};
use kernels::detect::Isa;
use kernels::quant::quantize_row;
use kernels::{Bytes, Format, Matrix, Tensor};

/// Numbers that look like activations: a bell, with a few large ones.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn uniform(&mut self) -> f32 {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (self.0 >> 40) as f32 / (1u64 << 24) as f32
    }

    pub(crate) fn normal(&mut self) -> f32 {
        (0..6).map(|_| self.uniform()).sum::<f32>() * 1.414 - 4.243
    }

    pub(crate) fn vector(&mut self, n: usize) -> Vec<f32> {
        (0..n).map(|i| self.normal() * if i % 97 == 5 { 6.0 } else { 1.0 }).collect()
    }

    pub(crate) fn tensor(&mut self, rows: usize, cols: usize) -> Tensor {
        Tensor::from_slice(rows, cols, &self.vector(rows * cols))
    }

    pub(crate) fn matrix(&mut self, format: Format, rows: usize, cols: usize) -> Matrix {
        let mut bytes = vec![0; rows * format.row_bytes(cols)];
        for row in bytes.chunks_exact_mut(format.row_bytes(cols)) {
            // A mean that is not zero makes the minima matter.
            let weights: Vec<f32> = self.vector(cols).iter().map(|w| 0.05 * w + 0.01).collect();
            quantize_row(format, &weights, row);
        }
        Matrix::new(format, rows, cols, Bytes::copy(&bytes)).expect("bytes of the right length")
    }
}

pub(crate) fn cpu(isa: Isa, threads: usize) -> Cpu {
    Cpu::new(CpuOptions { threads: Some(threads), isa: Some(isa) }).expect("an available instruction set")
}

/// `|a - b| / |b|`, norms over all elements.
pub(crate) fn relative_error(a: &[f32], b: &[f32]) -> f64 {
    assert_eq!(a.len(), b.len());
    let square = |x: f32| f64::from(x).powi(2);
    let error: f64 = a.iter().zip(b).map(|(a, b)| square(a - b)).sum();
    (error / b.iter().map(|&b| square(b)).sum::<f64>()).sqrt()
}
