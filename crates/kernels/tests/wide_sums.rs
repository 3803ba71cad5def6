//! Sums of the backward passes are wider than half precision: f16 ends at 65,504.

mod common;

use common::cpu;
use kernels::Device;
use kernels::detect::Isa;
use kernels::{Format, LinearGrad, LoraGrad, Matrix, Tensor};

/// Each product is 1,000; 300 of them are far beyond f16, and so is a tenth of them.
const SUM: f32 = 300_000.0;

fn ones(rows: usize, cols: usize, value: f32) -> Tensor {
    Tensor::from_slice(rows, cols, &vec![value; rows * cols])
}

#[test]
fn input_gradients() {
    let weights = [Format::F32, Format::F16, Format::Q8_0].map(|format| one_matrix(format, 300, 64));
    for weight in &weights {
        for isa in Isa::available() {
            let mut dx = Tensor::zeros(5, 64);
            let dy = ones(5, 300, 1000.0);
            cpu(isa, 2).linear_backward(&[LinearGrad { weight, dy: &dy }], &mut dx);
            assert!(dx.as_slice().iter().all(|v| (v / SUM - 1.0).abs() < 0.01), "{isa}: {:?}", dx.row(0));
        }
    }
}

#[test]
fn factor_gradients() {
    // 300 rows are summed for each value of a factor's gradient.
    let (x, dy) = (ones(300, 64, 1.0), ones(300, 48, 1000.0));
    let (a, b) = (ones(4, 64, 1.0 / 64.0), ones(4, 48, 1.0 / 48.0));
    for isa in Isa::available() {
        let (mut da, mut db) = (Tensor::zeros(4, 64), Tensor::zeros(4, 48));
        let job = LoraGrad { a: &a, b: &b, scale: 1.0, dy: &dy, da: &mut da, db: &mut db };
        cpu(isa, 2).lora_backward(&x, &mut [job], None);
        for gradient in [&da, &db] {
            let near = gradient.as_slice().iter().all(|v| (v / SUM - 1.0).abs() < 0.01);
            assert!(near, "{isa}: {:?}", gradient.row(0));
        }
    }
}

/// A matrix of ones.
fn one_matrix(format: Format, rows: usize, cols: usize) -> Matrix {
    let mut bytes = vec![0; rows * format.row_bytes(cols)];
    bytes
        .chunks_exact_mut(format.row_bytes(cols))
        .for_each(|row| kernels::quant::quantize_row(format, &vec![1.0; cols], row));
    Matrix::new(format, rows, cols, kernels::Bytes::copy(&bytes)).expect("bytes of the right length")
}
