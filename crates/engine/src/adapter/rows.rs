//! The order of a matrix's rows: as in Hugging Face's files, or as in GGUF files.
//!
//! Rotary positions turn pairs of a head's elements. Hugging Face pairs element `j` with `j + dim/2`. Converters to
//! GGUF permute q and k of architecture `llama` so that the two are neighbours; qwen2 and qwen3 stay as they are.
//! Adapters follow their base: the rows of B move with the rows of the matrix, those of k by k's own heads.

use super::{Adapter, Target};
use crate::model::Config;
use kernels::{Pairing, Tensor};

/// B, `[out, rank]`, in the order of Hugging Face's files.
pub(super) fn to_halves(b: &Tensor, target: Target, config: &Config) -> Tensor {
    let mut moved = Tensor::zeros(b.rows(), b.cols());
    for row in 0..b.rows() {
        moved.row_mut(half_row(row, target, config)).copy_from_slice(b.row(row));
    }
    moved
}

/// Brings an adapter that was read in the order of Hugging Face's files into that of the base. Its shapes are the
/// model's.
pub(super) fn from_halves(adapter: &mut Adapter, config: &Config) {
    for layer in 0..config.layers {
        for target in [Target::Q, Target::K] {
            let Some(lora) = adapter.get_mut(layer, target) else { continue };
            let stored = lora.b.transposed();
            let mut moved = Tensor::zeros(stored.rows(), stored.cols());
            for row in 0..moved.rows() {
                moved.row_mut(row).copy_from_slice(stored.row(half_row(row, target, config)));
            }
            lora.b = moved.transposed();
        }
    }
}

/// Where row `row` of a GGUF matrix stands in Hugging Face's.
fn half_row(row: usize, target: Target, config: &Config) -> usize {
    let rotated = matches!(target, Target::Q | Target::K);
    if !rotated || config.rope.pairing != Pairing::Interleaved {
        return row;
    }
    // Heads are whole in both orders, so the number of heads does not enter.
    let dim = config.heads.dim;
    let (head, element) = (row / dim, row % dim);
    head * dim + element % 2 * (dim / 2) + element / 2
}
