//! Low-rank updates: `y += scale · (norm(x) · aᵀ) · b`.
//!
//! Both factors lie as `[R, ·]`, so that forward and backward need the same two products: onto the rank
//! (`x · aᵀ`, `dy · bᵀ`) and out of it (`z · b`, `dz · a`).

use super::activations::grow;
use super::kernels::{Gemm, Kernels};
use super::parts::Parts;
use super::{Cpu, FEW_ROWS, lock};
use crate::{AlignedBuf, Lora, LoraGrad, Norm, Tensor, Update, gradient};
use std::ops::Range;

/// Rows of the batch in an item of work.
const ROWS: usize = 32;

/// Columns of a gradient in an item of work.
const COLS: usize = 128;

/// Rows of a factor that are multiplied together.
const GROUP: usize = 8;

/// Multiply-adds below which waking the other threads costs more than they save.
const ALONE: usize = 1 << 18;

/// Memory of one thread.
#[derive(Default)]
pub(super) struct Buffers {
    x: AlignedBuf<f32>,
    z: AlignedBuf<f32>,
}

pub(super) fn forward(cpu: &Cpu, x: &Tensor, norm: Option<Norm<'_>>, jobs: &mut [Lora<'_>]) {
    gradient::check_lora(x, norm, jobs);
    let (rows, cols) = (x.rows(), x.cols());
    // Few rows take the factor as it lies; many are worth turning it.
    let turned: Vec<Vec<Option<Turned>>> = jobs
        .iter()
        .map(|job| job.updates.iter().map(|u| (u.rows.len() > FEW_ROWS).then(|| Turned::of(u.a))).collect())
        .collect();
    let work: usize =
        jobs.iter().flat_map(|j| j.updates).map(|u| u.rows.len() * u.a.rows() * (cols + u.b.cols())).sum();
    let outs: Vec<_> = jobs.iter_mut().map(|job| (job.updates, job.out.cols(), Parts::of(job.out))).collect();
    let step = if work <= ALONE { rows.max(1) } else { ROWS };
    let mut team = cpu.team();
    let super::Team { pool, scratch, .. } = &mut *team;
    pool.share(rows.div_ceil(step), |thread, items| {
        let b = &mut lock(&scratch[thread]).lora;
        for item in items {
            let tile = item * step..rows.min((item + 1) * step);
            let x = normed(cpu.kernels, x, norm, tile.clone(), &mut b.x);
            for ((updates, n, out), turned) in outs.iter().zip(&turned) {
                for (update, turned) in updates.iter().zip(turned) {
                    let rows = tile.start.max(update.rows.start)..tile.end.min(update.rows.end);
                    if rows.start < rows.end {
                        let x = &x[(rows.start - tile.start) * cols..(rows.end - tile.start) * cols];
                        // SAFETY: these rows belong to this item alone.
                        let y = unsafe { out.slice(rows.start * n..rows.end * n) };
                        update_rows(cpu.kernels, x, update, turned.as_ref(), y, &mut b.z);
                    }
                }
            }
        }
    });
}

/// `y += scale · (x · aᵀ) · b` over some rows.
fn update_rows(
    kernels: &Kernels,
    x: &[f32],
    update: &Update<'_>,
    turned: Option<&Turned>,
    y: &mut [f32],
    z: &mut AlignedBuf<f32>,
) {
    let (rank, k, n) = (update.a.rows(), update.a.cols(), update.b.cols());
    let m = x.len() / k;
    let stride = project(kernels, x, update.a, turned, update.scale, z);
    let shape = Gemm { m, n, k: rank, a_stride: stride, b_stride: n, c_stride: n };
    kernels.gemm_floats(shape, z, update.b.as_slice(), y);
}

/// `z = scale · x · aᵀ`; returns the distance between its rows.
fn project(
    kernels: &Kernels,
    x: &[f32],
    a: &Tensor,
    turned: Option<&Turned>,
    scale: f32,
    z: &mut AlignedBuf<f32>,
) -> usize {
    let (rank, k) = (a.rows(), a.cols());
    let m = x.len() / k;
    let width = turned.map_or(rank, |t| t.width);
    grow(z, m * width);
    let z = &mut z[..m * width];
    match turned {
        Some(turned) => {
            z.fill(0.0);
            let shape = Gemm { m, n: width, k, a_stride: k, b_stride: width, c_stride: width };
            kernels.gemm_floats(shape, x, &turned.values, z);
        }
        None => {
            for (x, z) in x.chunks_exact(k).zip(z.chunks_exact_mut(rank)) {
                z.iter_mut().enumerate().for_each(|(r, z)| *z = kernels.dot(x, a.row(r)));
            }
        }
    }
    z.iter_mut().for_each(|z| *z *= scale);
    width
}

/// Some rows of `x`, normalised where there is a norm.
fn normed<'a>(
    kernels: &Kernels,
    x: &'a Tensor,
    norm: Option<Norm<'_>>,
    rows: Range<usize>,
    buffer: &'a mut AlignedBuf<f32>,
) -> &'a [f32] {
    let cols = x.cols();
    let Some(norm) = norm else { return &x.as_slice()[rows.start * cols..rows.end * cols] };
    grow(buffer, rows.len() * cols);
    for (t, out) in rows.clone().zip(buffer.chunks_exact_mut(cols)) {
        kernels.norm(x.row(t), &norm, out);
    }
    &buffer[..rows.len() * cols]
}

/// A factor `[R, D]` as `[D, R]`, R filled up to a multiple of 16 with zeros.
struct Turned {
    width: usize,
    values: AlignedBuf<f32>,
}

impl Turned {
    fn of(factor: &Tensor) -> Turned {
        let width = factor.rows().next_multiple_of(16);
        let mut values = AlignedBuf::zeroed(width * factor.cols());
        for r in 0..factor.rows() {
            values.chunks_exact_mut(width).zip(factor.row(r)).for_each(|(out, &v)| out[r] = v);
        }
        Turned { width, values }
    }
}

/// With `z = scale · x·aᵀ` and `dz = scale · dy·bᵀ`: `db += zᵀ·dy`, `da += dzᵀ·x`, `dx += dz·a`.
pub(super) fn backward(cpu: &Cpu, x: &Tensor, jobs: &mut [LoraGrad<'_>], mut dx: Option<&mut Tensor>) {
    gradient::check_lora_grad(x, jobs, dx.as_deref());
    for job in jobs {
        one(cpu, x, job, dx.as_deref_mut());
    }
}

fn one(cpu: &Cpu, x: &Tensor, job: &mut LoraGrad<'_>, dx: Option<&mut Tensor>) {
    let (rows, rank, k, n) = (x.rows(), job.a.rows(), x.cols(), job.dy.cols());
    let (a, b, scale, dy, kernels) = (job.a, job.b, job.scale, job.dy, cpu.kernels);
    let (a_turned, b_turned) = (Turned::of(a), Turned::of(b));
    // `[R, T]`, so that the sums over rows below read them along.
    let (mut z, mut dz) = (AlignedBuf::zeroed(rank * rows), AlignedBuf::zeroed(rank * rows));
    let (z_parts, dz_parts) = (Columns::of(&mut z, rows), Columns::of(&mut dz, rows));
    let dx = dx.map(Parts::of);
    let mut team = cpu.team();
    let super::Team { pool, scratch, .. } = &mut *team;
    pool.share(rows.div_ceil(ROWS), |thread, items| {
        let buffer = &mut lock(&scratch[thread]).lora.z;
        for item in items {
            let tile = item * ROWS..rows.min((item + 1) * ROWS);
            let part =
                |t: &'_ Tensor, width: usize| tile.start * width..(tile.end * width).min(t.as_slice().len());
            let width = project(kernels, &x.as_slice()[part(x, k)], a, Some(&a_turned), scale, buffer);
            // SAFETY: these columns belong to this item alone.
            unsafe { z_parts.write(tile.clone(), buffer, width) }
            let width = project(kernels, &dy.as_slice()[part(dy, n)], b, Some(&b_turned), scale, buffer);
            // SAFETY: as above.
            unsafe { dz_parts.write(tile.clone(), buffer, width) }
            if let Some(dx) = &dx {
                let shape = Gemm { m: tile.len(), n: k, k: rank, a_stride: width, b_stride: k, c_stride: k };
                // SAFETY: these rows belong to this item alone.
                kernels.gemm_floats(shape, buffer, a.as_slice(), unsafe { dx.slice(part(x, k)) });
            }
        }
    });
    for (factor, source, gradient) in [(&z, dy, &mut *job.db), (&dz, x, &mut *job.da)] {
        let width = source.cols();
        let gradient = Strided(Parts::of(gradient));
        pool.for_each(width.div_ceil(COLS), |item| {
            let cols = item * COLS..width.min((item + 1) * COLS);
            // SAFETY: these columns belong to this item alone.
            unsafe { gradient.add(kernels, factor, source, cols, rank) }
        });
    }
}

/// A matrix `[R, T]` whose columns several threads write.
struct Columns<'a> {
    parts: Parts<'a, f32>,
    rows: usize,
}

impl<'a> Columns<'a> {
    fn of(values: &'a mut AlignedBuf<f32>, rows: usize) -> Self {
        Columns { parts: Parts::new(values), rows }
    }

    /// Writes the columns `range` from rows `width` apart.
    ///
    /// # Safety
    /// No other thread uses these columns.
    unsafe fn write(&self, range: Range<usize>, values: &[f32], width: usize) {
        let rank = self.parts.len() / self.rows.max(1);
        for r in 0..rank {
            // SAFETY: by the caller's promise.
            let out = unsafe { self.parts.slice(r * self.rows + range.start..r * self.rows + range.end) };
            out.iter_mut().zip(values.chunks_exact(width)).for_each(|(out, row)| *out = row[r]);
        }
    }
}

/// A gradient `[R, N]` whose columns several threads add to.
struct Strided<'a>(Parts<'a, f32>);

impl Strided<'_> {
    /// `gradient[:, cols] += factor · source[:, cols]`; `factor [R, T]`, `source [T, N]`.
    ///
    /// # Safety
    /// No other thread uses these columns.
    unsafe fn add(
        &self,
        kernels: &Kernels,
        factor: &[f32],
        source: &Tensor,
        cols: Range<usize>,
        rank: usize,
    ) {
        let (rows, width) = (source.rows(), source.cols());
        if rows == 0 {
            return;
        }
        // Several rows of the factor at once: the source is read once for all of them.
        let mut sums = [0.0f32; GROUP * COLS];
        for first in (0..rank).step_by(GROUP) {
            let (m, n) = (GROUP.min(rank - first), cols.len());
            sums.fill(0.0);
            let shape = Gemm { m, n, k: rows, a_stride: rows, b_stride: width, c_stride: COLS };
            let factor = &factor[first * rows..(first + m) * rows];
            kernels.gemm_floats(shape, factor, &source.as_slice()[cols.start..], &mut sums);
            for (r, sums) in (first..first + m).zip(sums.chunks_exact(COLS)) {
                // SAFETY: by the caller's promise.
                let out = unsafe { self.0.slice(r * width + cols.start..r * width + cols.end) };
                out.iter_mut().zip(sums).for_each(|(out, sum)| *out += sum);
            }
        }
    }
}
