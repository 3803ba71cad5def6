//! The input's gradient of linear layers with quantised weights: `dx = Σ dy · w`.
//!
//! The sum runs over weight rows, so a few rows at a time are unpacked as they lie in the file and multiplied with
//! some columns of `dy`: no dequantised or transposed copy of the weights is made. In bf16 where the processor
//! multiplies it, in f32 elsewhere; sums are f32.

use super::activations::grow;
use super::kernels::{Bf16, Gemm, Kernels};
use super::parts::Parts;
use super::{Cpu, Team, lock};
use crate::quant::dequantize_row;
use crate::{AlignedBuf, LinearGrad, Matrix, Tensor, gradient};
use std::ops::Range;

/// Columns of `dx` in an item of work: whole blocks of every format.
const COLS: usize = 256;

/// Weight rows that are unpacked together: 128 KiB of bf16, which stay in the second cache.
const PANEL: usize = 256;

/// Fewest rows of `dx` in an item.
const ROWS: usize = 64;

/// Memory of one thread.
#[derive(Default)]
pub(super) struct Buffers {
    /// The item's part of `dx`.
    sums: AlignedBuf<f32>,
    floats: AlignedBuf<f32>,
    /// `[rows / 2][cols][2]`: as the dot product of pairs reads them.
    pairs: AlignedBuf<u16>,
}

pub(super) fn backward(cpu: &Cpu, jobs: &[LinearGrad<'_>], dx: &mut Tensor) {
    gradient::check_linear(jobs, dx);
    let (rows, cols) = (dx.rows(), dx.cols());
    let step = columns(jobs, cols);
    let (chunks, divisions) = (cols.div_ceil(step), divisions(cpu.threads, rows, cols.div_ceil(step)));
    let bf16 = (cpu.kernels.bf16)();
    let mut team = cpu.team();
    let Team { pool, scratch, packed, .. } = &mut *team;
    if let Some(bf16) = bf16 {
        packed.resize_with(packed.len().max(jobs.len()), AlignedBuf::default);
        for (job, packed) in jobs.iter().zip(&mut *packed) {
            let width = job.dy.cols().next_multiple_of(2);
            grow(packed, rows * width);
            let parts = Parts::new(packed);
            pool.for_each(rows.div_ceil(16), |item| {
                for t in item * 16..rows.min((item + 1) * 16) {
                    // SAFETY: row `t` belongs to this item alone.
                    bf16.pack(job.dy.row(t), unsafe { parts.slice(t * width..(t + 1) * width) });
                }
            });
        }
    }
    let dx = Parts::of(dx);
    pool.share(chunks * divisions, |thread, items| {
        let b = &mut lock(&scratch[thread]).backward;
        for item in items {
            let (chunk, division) = (item / divisions, item % divisions);
            let tile = Tile {
                cols: chunk * step..cols.min((chunk + 1) * step),
                rows: division * rows / divisions..(division + 1) * rows / divisions,
            };
            grow(&mut b.sums, tile.rows.len() * tile.cols.len());
            b.sums.fill(0.0);
            for (i, job) in jobs.iter().enumerate() {
                match bf16 {
                    Some(bf16) => add_bf16(bf16, job.weight, &packed[i], &tile, b),
                    None => add_floats(cpu.kernels, job, &tile, b),
                }
            }
            for (t, sums) in tile.rows.clone().zip(b.sums.chunks_exact(tile.cols.len())) {
                // SAFETY: items divide rows and columns of `dx`.
                unsafe { dx.slice(t * cols + tile.cols.start..t * cols + tile.cols.end) }
                    .copy_from_slice(sums);
            }
        }
    });
}

/// `sums += dy · w` with both factors rounded to bf16. `dy [T, N]`, N filled up to an even number.
fn add_bf16(bf16: &Bf16, w: &Matrix, dy: &[u16], tile: &Tile, b: &mut Buffers) {
    let (cols, width) = (tile.cols.len(), w.rows().next_multiple_of(2));
    grow(&mut b.pairs, PANEL * cols);
    for first in (0..w.rows()).step_by(PANEL) {
        let rows = first..w.rows().min(first + PANEL);
        let k = rows.len().next_multiple_of(2);
        bf16.unpack(w, rows, tile.cols.clone(), &mut b.pairs[..k * cols]);
        let shape = Gemm { m: tile.rows.len(), n: cols, k, a_stride: width, b_stride: cols, c_stride: cols };
        bf16.gemm(shape, &dy[tile.rows.start * width + first..], &b.pairs[..k * cols], &mut b.sums);
    }
}

/// The same in f32.
fn add_floats(kernels: &Kernels, job: &LinearGrad<'_>, tile: &Tile, b: &mut Buffers) {
    let (w, cols, width) = (job.weight, tile.cols.len(), job.dy.cols());
    let bytes = w.format().row_bytes(tile.cols.start)..w.format().row_bytes(tile.cols.end);
    grow(&mut b.floats, PANEL / 2 * cols);
    for first in (0..w.rows()).step_by(PANEL / 2) {
        let k = (PANEL / 2).min(w.rows() - first);
        for (n, out) in (first..first + k).zip(b.floats.chunks_exact_mut(cols)) {
            dequantize_row(w.format(), &w.row(n)[bytes.clone()], out);
        }
        let shape = Gemm { m: tile.rows.len(), n: cols, k, a_stride: width, b_stride: cols, c_stride: cols };
        let dy = &job.dy.as_slice()[tile.rows.start * width + first..];
        kernels.gemm_floats(shape, dy, &b.floats, &mut b.sums);
    }
}

/// Columns of an item: equal shares of the width, in whole blocks and in the units that unpackers read.
fn columns(jobs: &[LinearGrad<'_>], cols: usize) -> usize {
    let blocks = jobs.iter().map(|job| job.weight.format().block_len()).fold(64, usize::max);
    cols.div_ceil(cols.div_ceil(COLS).max(1)).next_multiple_of(blocks)
}

/// Parts that the rows are divided into, so that every thread has work. Unpacking is repeated for each.
fn divisions(threads: usize, rows: usize, chunks: usize) -> usize {
    let wanted = (2 * threads).div_ceil(chunks.max(1));
    wanted.min(rows.div_ceil(ROWS)).max(1)
}

/// The part of `dx` that an item computes.
struct Tile {
    cols: Range<usize>,
    rows: Range<usize>,
}
