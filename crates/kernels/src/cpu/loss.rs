//! Cross-entropy by rows.

use super::{Cpu, parts::Parts};
use crate::{Tensor, gradient};

pub(super) fn cross_entropy(cpu: &Cpu, logits: &mut Tensor, targets: &[u32], losses: &mut [f32]) {
    gradient::check_cross_entropy(logits, targets, losses);
    let cols = logits.cols();
    let (logits, losses) = (Parts::of(logits), Parts::new(losses));
    cpu.team().pool.for_each(targets.len(), |t| {
        // SAFETY: row `t` and its loss belong to this item alone.
        let (row, loss) = unsafe { (logits.slice(t * cols..(t + 1) * cols), losses.slice(t..t + 1)) };
        loss[0] = cpu.kernels.cross_entropy(row, targets[t] as usize);
    });
}
