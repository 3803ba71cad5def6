//! The input's gradient of linear layers with quantised weights: `dx = Σ dy · w`.
//!
//! The sum runs over weight rows, so a few rows at a time are unpacked as they lie in the file and multiplied with
//! some columns of `dy`: no dequantised or transposed copy of the weights is made. In bf16 where the processor
//! multiplies it, in f32 elsewhere; sums are f32.

use super::activations::grow;
use super::kernels::{Bf16, Gemm, Kernels};
use super::parts::Parts;
use super::{Cpu, Team, lock};
use crate::pool::Pool;
use crate::quant::dequantize_row;
use crate::{AlignedBuf, LinearGrad, Matrix, Tensor, gradient};
use std::ops::Range;

/// Columns that one register tile is wide: the unit in which unpacked weights lie.
const SLICE: usize = 64;

/// Columns of `dx` in an item of work at most.
const COLS: usize = 4 * SLICE;

/// Weight rows that are unpacked together: 24 KiB of bf16 for a slice, which stay in the first cache.
const PANEL: usize = 192;

/// Fewest rows of `dx` in an item.
const ROWS: usize = 32;

/// Memory of one thread.
#[derive(Default)]
pub(super) struct Buffers {
    /// The item's part of `dx`.
    sums: AlignedBuf<f32>,
    floats: AlignedBuf<f32>,
    /// `[cols / SLICE][rows / 2][SLICE][2]`: as the dot product of pairs reads them.
    pairs: AlignedBuf<u16>,
}

pub(super) fn backward(cpu: &Cpu, jobs: &[LinearGrad<'_>], dx: &mut Tensor) {
    gradient::check_linear(jobs, dx);
    let (rows, cols) = (dx.rows(), dx.cols());
    let plan = Plan::new(cpu.threads, rows, cols, jobs);
    let bf16 = (cpu.kernels.bf16)();
    let mut team = cpu.team();
    let Team { pool, scratch, packed, .. } = &mut *team;
    if let Some(bf16) = bf16 {
        packed.resize_with(packed.len().max(jobs.len()), AlignedBuf::default);
        for (job, packed) in jobs.iter().zip(&mut *packed) {
            pack(pool, bf16, job.dy, packed);
        }
    }
    let dx = Parts::of(dx);
    pool.share(plan.items(), |thread, items| {
        let b = &mut lock(&scratch[thread]).backward;
        for item in items {
            let tile = plan.tile(item);
            let size = tile.rows.len() * tile.cols.len();
            grow(&mut b.sums, size);
            b.sums[..size].fill(0.0);
            for (i, job) in jobs.iter().enumerate() {
                match bf16 {
                    Some(bf16) => add_bf16(bf16, job.weight, &packed[i], rows, &tile, b),
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

/// `dy [T, N]` as `[N / PANEL][T][PANEL]` in bf16, filled up with zeros.
fn pack(pool: &mut Pool, bf16: &Bf16, dy: &Tensor, packed: &mut AlignedBuf<u16>) {
    let rows = dy.rows();
    grow(packed, dy.cols().div_ceil(PANEL) * rows * PANEL);
    let parts = Parts::new(packed);
    pool.for_each(rows.div_ceil(16), |item| {
        for t in item * 16..rows.min((item + 1) * 16) {
            for (panel, dy) in dy.row(t).chunks(PANEL).enumerate() {
                let at = (panel * rows + t) * PANEL;
                // SAFETY: row `t` belongs to this item alone.
                bf16.pack(dy, unsafe { parts.slice(at..at + PANEL) });
            }
        }
    });
}

/// `sums += dy · w` with both factors rounded to bf16; `dy` as [`pack`] left it, of `rows` rows.
fn add_bf16(bf16: &Bf16, w: &Matrix, dy: &[u16], rows: usize, tile: &Tile, b: &mut Buffers) {
    let width = tile.cols.len();
    grow(&mut b.pairs, PANEL * width.next_multiple_of(SLICE));
    for (panel, first) in (0..w.rows()).step_by(PANEL).enumerate() {
        let range = first..w.rows().min(first + PANEL);
        let k = range.len().next_multiple_of(2);
        let pairs = &mut b.pairs[..k * width.next_multiple_of(SLICE)];
        bf16.unpack(w, range, tile.cols.clone(), pairs);
        let dy = &dy[(panel * rows + tile.rows.start) * PANEL..];
        for (column, pairs) in (0..width).step_by(SLICE).zip(pairs.chunks_exact(k * SLICE)) {
            let (m, n) = (tile.rows.len(), SLICE.min(width - column));
            let shape = Gemm { m, n, k, a_stride: PANEL, b_stride: SLICE, c_stride: width };
            bf16.gemm(shape, dy, pairs, &mut b.sums[column..]);
        }
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

/// How `dx` is divided: columns, so that a weight is unpacked once; what is left over for less than all threads by
/// rows too.
struct Plan {
    rows: usize,
    cols: usize,
    /// Columns of an item.
    step: usize,
    /// Items with all rows; those of the columns that follow have one part of `parts`.
    whole: usize,
    parts: usize,
}

impl Plan {
    fn new(threads: usize, rows: usize, cols: usize, jobs: &[LinearGrad<'_>]) -> Plan {
        // Whole blocks of every format, and the units that unpackers read.
        let unit = jobs.iter().map(|job| job.weight.format().block_len()).fold(SLICE, usize::max);
        let units = cols.div_ceil(unit);
        let step = (units / threads).clamp(1, (COLS / unit).max(1));
        let whole = units / step / threads * threads;
        Plan { rows, cols, step: step * unit, whole, parts: threads.min(rows / ROWS).max(1) }
    }

    fn items(&self) -> usize {
        self.whole + (self.cols.div_ceil(self.step) - self.whole) * self.parts
    }

    fn tile(&self, item: usize) -> Tile {
        let (chunk, part, parts) = match item.checked_sub(self.whole) {
            None => (item, 0, 1),
            Some(rest) => (self.whole + rest / self.parts, rest % self.parts, self.parts),
        };
        Tile {
            cols: chunk * self.step..self.cols.min((chunk + 1) * self.step),
            rows: part * self.rows / parts..(part + 1) * self.rows / parts,
        }
    }
}

/// The part of `dx` that an item computes.
struct Tile {
    cols: Range<usize>,
    rows: Range<usize>,
}
