//! What a layer leaves behind for the way back.

use kernels::{Device, Tensor};

/// The tensors that a layer's forward pass fills and its backward pass reads.
#[derive(Debug, Default)]
pub(super) struct Inside {
    /// The layer's input `[T, D]`.
    pub(super) x: Tensor,
    /// Between attention and feed-forward network `[T, D]`.
    pub(super) middle: Tensor,
    /// q and k before their head norms, where the model has those.
    pub(super) raw_q: Tensor,
    pub(super) raw_k: Tensor,
    /// Rotated.
    pub(super) q: Tensor,
    pub(super) k: Tensor,
    pub(super) v: Tensor,
    /// Attention's result `[T, Q]`.
    pub(super) mixed: Tensor,
    /// `[T, H]`.
    pub(super) gate: Tensor,
    pub(super) up: Tensor,
}

/// One layer, kept.
#[derive(Debug, Default)]
pub(super) struct Kept {
    slots: [Slot; 10],
}

/// One tensor, whole or in half of its memory.
#[derive(Debug, Default)]
struct Slot {
    exact: Tensor,
    half: Vec<u16>,
    /// Of `half`.
    shape: (usize, usize),
}

impl Inside {
    fn tensors(&mut self) -> [&mut Tensor; 10] {
        let Inside { x, middle, raw_q, raw_k, q, k, v, mixed, gate, up } = self;
        [x, middle, raw_q, raw_k, q, k, v, mixed, gate, up]
    }
}

impl Kept {
    /// Takes the tensors in; with `compact` rounded to bf16.
    pub(super) fn store(&mut self, device: &dyn Device, inside: &mut Inside, compact: bool) {
        for (slot, tensor) in self.slots.iter_mut().zip(inside.tensors()) {
            if !compact {
                std::mem::swap(&mut slot.exact, tensor);
                continue;
            }
            slot.shape = (tensor.rows(), tensor.cols());
            device.narrow(tensor, &mut slot.half);
        }
    }

    /// Gives them back.
    pub(super) fn load(&mut self, device: &dyn Device, inside: &mut Inside, compact: bool) {
        for (slot, tensor) in self.slots.iter_mut().zip(inside.tensors()) {
            if !compact {
                std::mem::swap(&mut slot.exact, tensor);
                continue;
            }
            tensor.reshape(slot.shape.0, slot.shape.1);
            device.widen(&slot.half, tensor);
        }
    }
}
