//! Matrix product with quantised weights: `y = norm(x) · wᵀ + b`.
//!
//! Many rows: the input is normalised and quantised once, by all threads; then items of up to 32 weight
//! rows are unpacked to a panel and multiplied with all of it. Few rows: every thread prepares the whole
//! input for itself, which is cheaper than waiting for others, and multiplies weight rows from their blocks.

use super::activations::{Inputs, Needs, grow};
use super::kernels::{Gemm, Kernels};
use super::panel::{MAX_STRIPS, Panel, Rows, STRIP};
use super::parts::Parts;
use super::{Cpu, FEW_ROWS, Scratch, Team, lock};
use crate::{AlignedBuf, Linear, Matrix, Norm, Tensor, device};
use std::ops::Range;

pub(super) fn forward(cpu: &Cpu, x: &Tensor, norm: Option<Norm<'_>>, jobs: &mut [Linear<'_>]) {
    device::check_linear(x, norm, jobs);
    if x.rows() == 0 {
        return;
    }
    if let Team { pool, tiles: Some(tiles), scratch, .. } = &mut *cpu.team()
        && x.rows() > FEW_ROWS
        && jobs.iter().all(|job| tiles.takes(job.weight))
    {
        return tiles.linear(pool, scratch, x, norm, jobs);
    }
    let plan = Plan::new(cpu, x.rows(), jobs.iter().map(|job| job.weight));
    let outputs: Vec<Output<'_>> = jobs
        .iter_mut()
        .map(|job| Output { weight: job.weight, bias: job.bias, add: job.add, out: Parts::of(job.out) })
        .collect();
    cpu.team().multiply(cpu.kernels, x, norm, &plan, |scratch, inputs, item| {
        let (job, rows) = plan.locate(item, outputs.iter().map(|o| o.weight.rows()));
        let Output { weight, bias, add, ref out } = outputs[job];
        let (n, width) = (weight.rows(), rows.len());
        let acc_width =
            product(cpu.kernels, weight, rows.clone(), inputs, &mut scratch.panel, &mut scratch.acc);
        for t in 0..x.rows() {
            let y = &mut scratch.acc[t * acc_width..][..width];
            if let Some(bias) = bias {
                y.iter_mut().zip(&bias[rows.clone()]).for_each(|(y, b)| *y += b);
            }
            // SAFETY: items divide the weight rows, so these columns belong to this item alone.
            let out = unsafe { out.slice(t * n + rows.start..t * n + rows.end) };
            if add {
                out.iter_mut().zip(y).for_each(|(o, y)| *o += *y);
            } else {
                out.copy_from_slice(y);
            }
        }
    });
}

struct Output<'a> {
    weight: &'a Matrix,
    bias: Option<&'a [f32]>,
    add: bool,
    out: Parts<'a, f32>,
}

/// How the weight rows of one operation are divided.
pub(super) struct Plan {
    needs: Needs,
    /// Weight rows per item.
    step: usize,
    /// Number of items.
    items: usize,
    many: bool,
}

impl Plan {
    /// For an input of `rows` rows. Each item belongs to one of the weights.
    pub(super) fn new<'a>(cpu: &Cpu, rows: usize, weights: impl Iterator<Item = &'a Matrix> + Clone) -> Plan {
        let many = rows > FEW_ROWS;
        let mut needs = Needs { quant: false, float: false };
        let mut total = 0;
        for w in weights.clone() {
            *(if w.format().is_float() { &mut needs.float } else { &mut needs.quant }) = true;
            total += w.rows();
        }
        let step = if many {
            // As many as kernels multiply at once: most items of small matrices, and the least cache of large ones.
            MAX_STRIPS * STRIP
        } else {
            // Long runs of memory are read faster; three items a thread, so that none waits long for the last one.
            (total / (3 * cpu.threads)).next_multiple_of(STRIP).clamp(STRIP, 1024)
        };
        let items = weights.map(|w| w.rows().div_ceil(step)).sum();
        Plan { needs, step, items, many }
    }

    /// For two weights of the same shape, of which each item computes the same rows.
    pub(super) fn paired(cpu: &Cpu, rows: usize, a: &Matrix, b: &Matrix) -> Plan {
        let needs = Plan::new(cpu, rows, [a, b].into_iter()).needs;
        Plan { needs, ..Plan::new(cpu, rows, std::iter::once(a)) }
    }

    /// The job and the weight rows of an item.
    pub(super) fn locate(&self, mut item: usize, rows: impl Iterator<Item = usize>) -> (usize, Range<usize>) {
        for (job, rows) in rows.enumerate() {
            let items = rows.div_ceil(self.step);
            if item < items {
                return (job, item * self.step..rows.min((item + 1) * self.step));
            }
            item -= items;
        }
        unreachable!("item beyond the plan")
    }
}

impl Team {
    /// Prepares the input and runs `job(scratch, input, item)` for every item of the plan.
    pub(super) fn multiply(
        &mut self,
        kernels: &Kernels,
        x: &Tensor,
        norm: Option<Norm<'_>>,
        plan: &Plan,
        job: impl Fn(&mut Scratch, &Inputs, usize) + Sync,
    ) {
        let Team { pool, inputs, scratch, .. } = self;
        if plan.many {
            const ROWS: usize = 8;
            let filling = inputs.begin(x.rows(), x.cols(), plan.needs);
            pool.share(x.rows().div_ceil(ROWS), |thread, items| {
                let temp = &mut lock(&scratch[thread]).temp;
                for item in items {
                    let rows = item * ROWS..x.rows().min((item + 1) * ROWS);
                    // SAFETY: these rows belong to this item alone.
                    unsafe { filling.rows(kernels, x, norm, rows, temp) }
                }
            });
            pool.share(plan.items, |thread, items| {
                let scratch = &mut lock(&scratch[thread]);
                items.for_each(|item| job(scratch, inputs, item));
            });
        } else {
            pool.share(plan.items, |thread, items| {
                let scratch = &mut *lock(&scratch[thread]);
                let mut own = std::mem::take(&mut scratch.inputs);
                own.fill(kernels, x, norm, plan.needs, &mut scratch.temp);
                items.for_each(|item| job(scratch, &own, item));
                scratch.inputs = own;
            });
        }
    }
}

/// `acc[t, r] = x[t] · w[rows.start + r]`; returns the distance between the rows of `acc`.
pub(super) fn product(
    kernels: &Kernels,
    w: &Matrix,
    rows: Range<usize>,
    x: &Inputs,
    panel: &mut Panel,
    acc: &mut AlignedBuf<f32>,
) -> usize {
    let format = w.format();
    let t = if format.is_float() { x.float.rows() } else { x.quant.rows };
    let strips = rows.len().div_ceil(STRIP);
    let width = if t > FEW_ROWS { strips * STRIP } else { rows.len() };
    grow(acc, t * width);
    let acc = &mut acc[..t * width];
    if t <= FEW_ROWS {
        let all = Rows::of(w, rows);
        if format.is_float() {
            kernels.gemv_floats(format, all, &x.float, acc);
        } else {
            kernels.gemv(format, all, &x.quant, acc);
        }
        return width;
    }
    let strip_rows =
        |s: usize| Rows::of(w, rows.start + s * STRIP..rows.end.min(rows.start + (s + 1) * STRIP));
    if format.is_float() {
        panel.begin_floats(strips, w.cols());
        let (k, floats) = (w.cols(), panel.floats_mut());
        kernels.unpack_floats(format, Rows::of(w, rows), width, floats);
        acc.fill(0.0);
        let shape = Gemm { m: t, n: width, k, a_stride: k, b_stride: width, c_stride: width };
        kernels.gemm_floats(shape, x.float.as_slice(), floats, acc);
    } else {
        panel.begin(strips, w.cols(), format);
        for s in 0..strips {
            kernels.unpack(format, strip_rows(s), panel.strip_mut(s));
        }
        kernels.gemm(panel, &x.quant, acc);
    }
    width
}
