//! Factors as they come out of a file, one after the other, until they make an adapter.

use super::{Adapter, AdapterFileError, Lora, Target};
use crate::model::Config;
use kernels::{Format, Tensor, quant};
use std::collections::BTreeMap;

/// Which of the two factors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Factor {
    A,
    B,
}

/// Where a factor belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slot {
    pub(super) layer: usize,
    pub(super) target: Target,
    pub(super) factor: Factor,
}

/// The factors that were found so far.
pub(super) struct Parts<'a> {
    config: &'a Config,
    found: BTreeMap<(usize, Target), [Option<Tensor>; 2]>,
}

impl<'a> Parts<'a> {
    pub(super) fn new(config: &'a Config) -> Self {
        Parts { config, found: BTreeMap::new() }
    }

    /// Adds a factor: A as `[rank, in]`, B as `[out, rank]`.
    pub(super) fn put(&mut self, name: &str, slot: Slot, tensor: Tensor) -> Result<(), AdapterFileError> {
        if slot.layer >= self.config.layers {
            let why = format!("is of layer {}, but the model has {} layers", slot.layer, self.config.layers);
            return Err(AdapterFileError::tensor(name, why));
        }
        let place = &mut self.found.entry((slot.layer, slot.target)).or_default()[slot.factor as usize];
        if place.is_some() {
            return Err(AdapterFileError::tensor(name, "is the second one for its place"));
        }
        *place = Some(tensor);
        Ok(())
    }

    /// The adapter, in the row order of the files it came from. `scale` is asked for each update, with its rank.
    pub(super) fn finish(
        self,
        mut scale: impl FnMut(usize, Target, usize) -> Result<f32, AdapterFileError>,
    ) -> Result<Adapter, AdapterFileError> {
        if self.found.is_empty() {
            return Err(AdapterFileError::Empty);
        }
        let mut adapter = Adapter::empty(self.config.layers);
        for ((layer, target), factors) in self.found {
            let [Some(a), Some(b)] = factors else {
                return Err(AdapterFileError::Half { layer, target: target.gguf_name() });
            };
            let scale = scale(layer, target, a.rows())?;
            if !scale.is_finite() {
                let what = format!("a scale of {scale} for {} of layer {layer}", target.gguf_name());
                return Err(AdapterFileError::Unsupported { what, why: "the scale must be a finite number" });
            }
            adapter.set(layer, target, Lora { a, b: b.transposed(), scale });
        }
        adapter.check(self.config)?;
        Ok(adapter)
    }
}

/// `[rows, cols]` out of little-endian bytes. `format` is F32, F16 or BF16, and the bytes are as many as it takes.
pub(super) fn decode(
    name: &str,
    format: Format,
    rows: usize,
    cols: usize,
    bytes: &[u8],
) -> Result<Tensor, AdapterFileError> {
    if rows == 0 || cols == 0 {
        return Err(AdapterFileError::tensor(name, format!("is empty: {rows} x {cols}")));
    }
    let mut tensor = Tensor::zeros(rows, cols);
    quant::dequantize_row(format, bytes, tensor.as_mut_slice());
    if tensor.as_slice().iter().any(|value| !value.is_finite()) {
        let why = "holds a value that is not a finite number; the training that made it went wrong";
        return Err(AdapterFileError::tensor(name, why));
    }
    Ok(tensor)
}

/// A layer's number as it is written in names: decimal digits without leading zeros.
pub(super) fn layer_number(digits: &str) -> Option<usize> {
    let plain = digits.bytes().all(|b| b.is_ascii_digit()) && (digits == "0" || !digits.starts_with('0'));
    if plain { digits.parse().ok() } else { None }
}
