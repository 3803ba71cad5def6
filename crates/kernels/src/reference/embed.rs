//! Rows of a table by number: `out[t] = table[ids[t]]`.

use crate::{Matrix, Tensor, device, quant::dequantize_row};

pub(super) fn forward(table: &Matrix, ids: &[u32], out: &mut Tensor) {
    device::check_embed(table, ids, out);
    for (t, &id) in ids.iter().enumerate() {
        dequantize_row(table.format(), table.row(id as usize), out.row_mut(t));
    }
}
