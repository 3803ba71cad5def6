//! How much memory a run takes, before it begins.

use crate::adapter::Adapter;
use crate::{Model, machine};

/// Bytes of a run at its peak, the mapped weights included: packs of up to `rows` rows, one parameter in `adapter`
/// four times (value, gradient, two means).
pub fn memory_needed(model: &Model, adapter: &Adapter, rows: usize, recompute: bool) -> u64 {
    let c = model.config();
    let (q, kv) = (c.heads.q * c.heads.dim, c.heads.kv * c.heads.dim);
    // What `kept::Kept` holds of one row, counted in f32, and what goes through a layer and back beside it.
    let kept = (2 * c.width + 2 * q + 2 * kv + 2 * c.hidden) / 2;
    let passing = 4 * c.width + 5 * q + 6 * kv + 5 * c.hidden;
    let first = adapter.iter().map(|(n, _, _)| n).min().unwrap_or(c.layers);
    let layers = c.layers - first;
    let all = if recompute { layers * c.width + kept } else { layers * kept };
    let factors = 4 * adapter.parameters();
    let head = 128.max((1 << 21) / model.info.vocab_size) * model.info.vocab_size * 3 / 2;
    model.info.file_bytes + 4 * (rows * (all + passing) + factors + head) as u64
}

/// Bytes that are free for this process now, as far as it is known.
pub fn available_memory() -> Option<u64> {
    machine::available_bytes()
}
