//! Low-rank updates: `y += scale · (norm(x) · aᵀ) · b`.
//!
//! Both factors lie as `[R, ·]`, so that forward and backward need the same two products: onto the rank
//! (`x · aᵀ`, `dy · bᵀ`) and out of it (`z · b`, `dz · a`).

use super::activations::grow;
use super::kernels::{Gemm, Kernels};
use super::parts::Parts;
use super::{Cpu, FEW_ROWS, Scratch, lock};
use crate::pool::Pool;
use crate::{AlignedBuf, Lora, LoraGrad, Norm, Tensor, Update, gradient};
use std::ops::Range;
use std::sync::Mutex;

/// Rows of the batch in an item of work.
const ROWS: usize = 32;

/// Columns of a gradient in an item of work.
const COLS: usize = 64;

/// Rows of the batch that a gradient is summed over at once: so many of `COLS` columns stay in the first cache.
const DEPTH: usize = 64;

/// Multiply-adds below which waking the other threads costs more than they save.
const ALONE: usize = 1 << 18;

/// Memory of one thread.
#[derive(Default)]
pub(super) struct Buffers {
    x: AlignedBuf<f32>,
    z: AlignedBuf<f32>,
    dz: AlignedBuf<f32>,
}

pub(super) fn forward(cpu: &Cpu, x: &Tensor, norm: Option<Norm<'_>>, jobs: &mut [Lora<'_>]) {
    gradient::check_lora(x, norm, jobs);
    if jobs.iter().all(|job| matches!(job.updates, [u] if u.rows == (0..x.rows()))) && x.rows() > FEW_ROWS {
        return together(cpu, x, norm, jobs);
    }
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

/// One update of all rows for every job: their inputs are projected at once.
fn together(cpu: &Cpu, x: &Tensor, norm: Option<Norm<'_>>, jobs: &mut [Lora<'_>]) {
    let (rows, kernels) = (x.rows(), cpu.kernels);
    let a = stacked(jobs.iter().map(|job| job.updates[0].a));
    let turned = Turned::of(&a);
    let outs: Vec<_> = jobs.iter_mut().map(|job| (&job.updates[0], Parts::of(job.out))).collect();
    let mut team = cpu.team();
    let super::Team { pool, scratch, .. } = &mut *team;
    pool.share(rows.div_ceil(ROWS), |thread, items| {
        let b = &mut lock(&scratch[thread]).lora;
        for item in items {
            let tile = item * ROWS..rows.min((item + 1) * ROWS);
            let x = normed(kernels, x, norm, tile.clone(), &mut b.x);
            let stride = project(kernels, x, &a, Some(&turned), 1.0, &mut b.z);
            let mut first = 0;
            for (update, out) in &outs {
                let (rank, n) = (update.a.rows(), update.b.cols());
                for z in b.z[..tile.len() * stride].chunks_exact_mut(stride) {
                    z[first..first + rank].iter_mut().for_each(|z| *z *= update.scale);
                }
                let shape = Gemm { m: tile.len(), n, k: rank, a_stride: stride, b_stride: n, c_stride: n };
                // SAFETY: these rows belong to this item alone.
                let y = unsafe { out.slice(tile.start * n..tile.end * n) };
                kernels.gemm_floats(shape, &b.z[first..], update.b.as_slice(), y);
                first += rank;
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

/// Factors one below the other.
fn stacked<'a>(factors: impl Iterator<Item = &'a Tensor> + Clone) -> Tensor {
    let rows = factors.clone().map(Tensor::rows).sum();
    let mut all = Tensor::zeros(rows, factors.clone().next().map_or(0, Tensor::cols));
    let mut at = 0;
    for factor in factors {
        all.as_mut_slice()[at..at + factor.as_slice().len()].copy_from_slice(factor.as_slice());
        at += factor.as_slice().len();
    }
    all
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

/// With `z = scale · x·aᵀ` and `dz = scale · dy·bᵀ`: `db += zᵀ·dy`, `da += dzᵀ·x`, `dx += dz·a`. All updates read `x`:
/// their factors `a` are taken as one.
pub(super) fn backward(cpu: &Cpu, x: &Tensor, jobs: &mut [LoraGrad<'_>], dx: Option<&mut Tensor>) {
    gradient::check_lora_grad(x, jobs, dx.as_deref());
    let (rows, k, kernels) = (x.rows(), x.cols(), cpu.kernels);
    if rows == 0 || jobs.is_empty() {
        return;
    }
    let a = stacked(jobs.iter().map(|job| job.a));
    let a_turned = Turned::of(&a);
    let b_turned: Vec<Turned> = jobs.iter().map(|job| Turned::of(job.b)).collect();
    let rank = a.rows();
    // `[R, T]`, so that the sums over rows below read them along.
    let (mut z, mut dz) = (AlignedBuf::zeroed(rank * rows), AlignedBuf::zeroed(rank * rows));
    let (z_parts, dz_parts) =
        (Columns { parts: Parts::new(&mut z), rows }, Columns { parts: Parts::new(&mut dz), rows });
    let dx = dx.map(Parts::of);
    let mut team = cpu.team();
    let super::Team { pool, scratch, .. } = &mut *team;
    let inputs: &[LoraGrad<'_>] = jobs;
    pool.share(rows.div_ceil(ROWS), |thread, items| {
        let buffers = &mut lock(&scratch[thread]).lora;
        grow(&mut buffers.dz, ROWS * rank);
        for item in items {
            let tile = item * ROWS..rows.min((item + 1) * ROWS);
            let part = |t: &'_ Tensor| tile.start * t.cols()..tile.end * t.cols();
            let width = project(kernels, &x.as_slice()[part(x)], &a, Some(&a_turned), 1.0, &mut buffers.z);
            let mut first = 0;
            for job in inputs {
                let range = first..first + job.a.rows();
                // SAFETY: these columns belong to this item alone.
                unsafe { z_parts.write(tile.clone(), range.clone(), job.scale, &buffers.z[first..], width) }
                first = range.end;
            }
            let mut first = 0;
            for (job, turned) in inputs.iter().zip(&b_turned) {
                let range = first..first + job.a.rows();
                let dy = &job.dy.as_slice()[part(job.dy)];
                let width = project(kernels, dy, job.b, Some(turned), job.scale, &mut buffers.z);
                // SAFETY: as above.
                unsafe { dz_parts.write(tile.clone(), range.clone(), 1.0, &buffers.z, width) }
                for (dz, z) in
                    buffers.dz.chunks_exact_mut(rank).zip(buffers.z.chunks_exact(width)).take(tile.len())
                {
                    dz[range.clone()].copy_from_slice(&z[..range.len()]);
                }
                first = range.end;
            }
            if let Some(dx) = &dx {
                let shape = Gemm { m: tile.len(), n: k, k: rank, a_stride: rank, b_stride: k, c_stride: k };
                // SAFETY: these rows belong to this item alone.
                kernels.gemm_floats(shape, &buffers.dz, a.as_slice(), unsafe { dx.slice(part(x)) });
            }
        }
    });
    let mut first = 0;
    for job in &mut *jobs {
        let z = &z[first * rows..(first + job.a.rows()) * rows];
        add_products(kernels, pool, scratch, z, job.dy, &mut [&mut *job.db]);
        first += job.a.rows();
    }
    let mut gradients: Vec<&mut Tensor> = jobs.iter_mut().map(|job| &mut *job.da).collect();
    add_products(kernels, pool, scratch, &dz, x, &mut gradients);
}

/// A matrix `[R, T]` whose columns several threads write.
struct Columns<'a> {
    parts: Parts<'a, f32>,
    rows: usize,
}

impl Columns<'_> {
    /// Writes rows `factors` of the columns `range` from rows `width` apart, `scale` times.
    ///
    /// # Safety
    /// No other thread uses these columns.
    unsafe fn write(
        &self,
        range: Range<usize>,
        factors: Range<usize>,
        scale: f32,
        values: &[f32],
        width: usize,
    ) {
        for (r, factor) in factors.enumerate() {
            let at = factor * self.rows;
            // SAFETY: by the caller's promise.
            let out = unsafe { self.parts.slice(at + range.start..at + range.end) };
            out.iter_mut().zip(values.chunks(width)).for_each(|(out, row)| *out = scale * row[r]);
        }
    }
}

/// `gradient += factor · source`, for gradients that lie one below the other. `factor [R, T]`, `source [T, N]`.
fn add_products(
    kernels: &Kernels,
    pool: &mut Pool,
    scratch: &[Mutex<Scratch>],
    factor: &[f32],
    source: &Tensor,
    gradients: &mut [&mut Tensor],
) {
    let (rows, width) = (source.rows(), source.cols());
    let rank = factor.len() / rows;
    let parts: Vec<_> = gradients.iter_mut().map(|g| (g.rows(), Parts::of(g))).collect();
    pool.share(width.div_ceil(COLS), |thread, items| {
        let sums = &mut lock(&scratch[thread]).lora.z;
        grow(sums, rank * COLS);
        for item in items {
            let cols = item * COLS..width.min((item + 1) * COLS);
            sums[..rank * COLS].fill(0.0);
            for first in (0..rows).step_by(DEPTH) {
                let k = DEPTH.min(rows - first);
                let shape =
                    Gemm { m: rank, n: cols.len(), k, a_stride: rows, b_stride: width, c_stride: COLS };
                let source = &source.as_slice()[first * width + cols.start..];
                kernels.gemm_floats(shape, &factor[first..], source, sums);
            }
            let mut sums = sums.chunks_exact(COLS);
            for (part, r) in parts.iter().flat_map(|(count, part)| (0..*count).map(move |r| (part, r))) {
                // SAFETY: these columns belong to this item alone.
                let out = unsafe { part.slice(r * width + cols.start..r * width + cols.end) };
                let sums = sums.next().expect("a row of sums for each row of the factor");
                out.iter_mut().zip(sums).for_each(|(out, sum)| *out += sum);
            }
        }
    });
}
