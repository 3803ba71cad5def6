//! The input's gradient of linear layers with quantised weights: `dx = Σ dy · w`.
//!
//! The sum runs over weight rows, so a few rows at a time are unpacked as they lie in the file and multiplied with
//! some columns of `dy`: no dequantised or transposed copy of the weights is made. In bf16 where the processor is
//! faster at it, in f32 elsewhere; sums are f32.

use super::activations::grow;
use super::kernels::Gemm;
use super::parts::Parts;
use super::products::{Half, Products, SLICE, Single};
use super::{Cpu, Team, lock};
use crate::pool::Pool;
use crate::{AlignedBuf, LinearGrad, Matrix, Tensor, gradient};
use bytemuck::Zeroable;
use std::ops::Range;

/// Columns of `dx` in an item of work at most.
const COLS: usize = 4 * SLICE;

/// Fewest rows of `dx` in an item.
const ROWS: usize = 32;

/// Memory of one thread.
#[derive(Default)]
pub(super) struct Buffers {
    /// The item's part of `dx`.
    sums: AlignedBuf<f32>,
    /// Unpacked weights, see [`Products::unpack`].
    weights: AlignedBuf<f32>,
}

pub(super) fn backward(cpu: &Cpu, jobs: &[LinearGrad<'_>], dx: &mut Tensor) {
    gradient::check_linear(jobs, dx);
    match (cpu.kernels.bf16)() {
        Some(bf16) => multiply(Half(bf16), cpu, jobs, dx),
        None => multiply(Single(cpu.kernels), cpu, jobs, dx),
    }
}

fn multiply<M: Products>(math: M, cpu: &Cpu, jobs: &[LinearGrad<'_>], dx: &mut Tensor) {
    let (rows, cols) = (dx.rows(), dx.cols());
    let plan = Plan::new(cpu.threads, rows, cols, jobs);
    let mut team = cpu.team();
    let Team { pool, scratch, packed, .. } = &mut *team;
    packed.resize_with(packed.len().max(jobs.len()), AlignedBuf::default);
    for (job, packed) in jobs.iter().zip(&mut *packed) {
        pack(math, pool, job.dy, packed);
    }
    let dx = Parts::of(dx);
    pool.share(plan.items(), |thread, items| {
        let b = &mut lock(&scratch[thread]).backward;
        for item in items {
            let tile = plan.tile(item);
            let size = tile.rows.len() * tile.cols.len();
            grow(&mut b.sums, size);
            b.sums[..size].fill(0.0);
            for (job, packed) in jobs.iter().zip(&*packed) {
                add(math, job.weight, bytemuck::cast_slice(packed), rows, &tile, b);
            }
            for (t, sums) in tile.rows.clone().zip(b.sums.chunks_exact(tile.cols.len())) {
                // SAFETY: items divide rows and columns of `dx`.
                unsafe { dx.slice(t * cols + tile.cols.start..t * cols + tile.cols.end) }
                    .copy_from_slice(sums);
            }
        }
    });
}

/// Weight rows that are unpacked together: 24 KiB for a slice, which stay in the first cache.
const fn panel<M: Products>() -> usize {
    24 * 1024 / SLICE / size_of::<M::Number>()
}

/// `dy [T, N]` as `[N / panel][T][panel]`, filled up with zeros.
fn pack<M: Products>(math: M, pool: &mut Pool, dy: &Tensor, packed: &mut AlignedBuf<f32>) {
    let (rows, panel) = (dy.rows(), panel::<M>());
    let parts = Parts::new(factors::<M>(packed, dy.cols().div_ceil(panel) * rows * panel));
    pool.for_each(rows.div_ceil(16), |item| {
        for t in item * 16..rows.min((item + 1) * 16) {
            for (n, dy) in dy.row(t).chunks(panel).enumerate() {
                let at = (n * rows + t) * panel;
                // SAFETY: row `t` belongs to this item alone.
                let row = unsafe { parts.slice(at..at + panel) };
                math.row(dy, &mut row[..dy.len()]);
                row[dy.len()..].fill(M::Number::zeroed());
            }
        }
    });
}

/// `sums += dy · w`; `dy` as [`pack`] left it, of `rows` rows.
fn add<M: Products>(math: M, w: &Matrix, dy: &[M::Number], rows: usize, tile: &Tile, b: &mut Buffers) {
    let (width, panel) = (tile.cols.len(), panel::<M>());
    for (n, first) in (0..w.rows()).step_by(panel).enumerate() {
        let range = first..w.rows().min(first + panel);
        let k = range.len().next_multiple_of(M::P);
        let weights = factors::<M>(&mut b.weights, k * width.next_multiple_of(SLICE));
        math.unpack(w, range, tile.cols.clone(), weights);
        let dy = &dy[(n * rows + tile.rows.start) * panel..];
        for (column, weights) in (0..width).step_by(SLICE).zip(weights.chunks_exact(k * SLICE)) {
            let (m, n) = (tile.rows.len(), SLICE.min(width - column));
            let shape = Gemm { m, n, k, a_stride: panel, b_stride: SLICE, c_stride: width };
            math.gemm(shape, dy, weights, &mut b.sums[column..]);
        }
    }
}

/// Room for so many factors.
fn factors<M: Products>(buffer: &mut AlignedBuf<f32>, count: usize) -> &mut [M::Number] {
    grow(buffer, (count * size_of::<M::Number>()).div_ceil(size_of::<f32>()));
    &mut bytemuck::cast_slice_mut(buffer)[..count]
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
