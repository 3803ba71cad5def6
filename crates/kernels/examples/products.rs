//! Prints how fast each instruction set multiplies, for every format and both kinds of batch:
//! `cargo run --release -p kernels --example products [THREADS]`. Compare with the example `limits`.
#![allow(clippy::print_stdout, reason = "a program for the terminal")]

use kernels::cpu::{Cpu, CpuOptions};
use kernels::detect::Isa;
use kernels::{Bytes, Device, Format, Linear, Matrix, Tensor};
use std::time::Instant;

/// Weights `[N, D]`.
const SHAPE: (usize, usize) = (2048, 2048);

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let threads = std::env::args().nth(1).and_then(|n| n.parse().ok());
    println!("{:10} {:8} {:>16} {:>16}", "", "", "1 row: GB/s", "256 rows: GMAC/s");
    for isa in Isa::available() {
        let cpu = Cpu::new(CpuOptions { threads, isa: Some(isa) })?;
        for format in Format::ALL {
            let bytes = vec![0x11; SHAPE.0 * format.row_bytes(SHAPE.1)];
            let weight = Matrix::new(format, SHAPE.0, SHAPE.1, Bytes::copy(&bytes))?;
            let read = bytes.len() as f64 / seconds(&cpu, &weight, 1);
            let macs = (256 * SHAPE.0 * SHAPE.1) as f64 / seconds(&cpu, &weight, 256);
            println!("{:10} {:8} {:16.1} {:16.1}", isa.name(), format.name(), read / 1e9, macs / 1e9);
        }
    }
    Ok(())
}

/// The shortest of several products with `rows` rows: a busy machine only makes them longer.
fn seconds(cpu: &Cpu, weight: &Matrix, rows: usize) -> f64 {
    let x = Tensor::from_slice(rows, weight.cols(), &vec![0.5; rows * weight.cols()]);
    let mut out = Tensor::zeros(rows, weight.rows());
    let mut time = |_| {
        let start = Instant::now();
        cpu.linear(&x, None, &mut [Linear { weight, bias: None, out: &mut out, add: false }]);
        start.elapsed().as_secs_f64()
    };
    (0..if rows == 1 { 200 } else { 12 }).map(&mut time).fold(f64::INFINITY, f64::min)
}
