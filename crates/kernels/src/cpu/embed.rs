//! Rows of a table by number: `out[t] = table[ids[t]]`.

use super::{Cpu, parts::Parts};
use crate::{Matrix, Tensor, device, quant::dequantize_row};

/// Rows per item of work.
const ROWS: usize = 16;

pub(super) fn forward(cpu: &Cpu, table: &Matrix, ids: &[u32], out: &mut Tensor) {
    device::check_embed(table, ids, out);
    let cols = out.cols();
    let out = Parts::of(out);
    cpu.team().pool.for_each(ids.len().div_ceil(ROWS), |item| {
        for t in item * ROWS..ids.len().min((item + 1) * ROWS) {
            // SAFETY: row `t` belongs to this item alone.
            let row = unsafe { out.slice(t * cols..(t + 1) * cols) };
            dequantize_row(table.format(), table.row(ids[t] as usize), row);
        }
    });
}
