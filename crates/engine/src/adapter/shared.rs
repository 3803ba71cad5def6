//! One number for a whole file, where every update has its own.

use super::{Adapter, Lora};
use kernels::Tensor;

/// The number that `of` gives for the first update whose scale is not 0; 1 where all are 0, since files take an alpha
/// of 0 as "not said". `None` for an adapter without updates.
pub(super) fn shared_by(adapter: &Adapter, of: impl Fn(&Lora) -> f32) -> Option<f32> {
    adapter.iter().next()?;
    Some(adapter.iter().find(|(_, _, lora)| lora.scale != 0.0).map_or(1.0, |(_, _, lora)| of(lora)))
}

/// B as files hold it, `[out, rank]`, for a reader that multiplies with `given` instead of `wanted`.
pub(super) fn rescaled(lora: &Lora, wanted: f32, given: f32) -> Tensor {
    let mut b = lora.b.transposed();
    // Where only the last bit differs, the scale could not be written more exactly.
    if wanted == given || (wanted.next_up() == given || wanted.next_down() == given) {
        return b;
    }
    let ratio = wanted / given;
    b.as_mut_slice().iter_mut().for_each(|value| *value *= ratio);
    b
}
