//! A model described for people.

use super::Config;
use crate::gguf::Gguf;
use std::collections::BTreeMap;

/// What a model is, for people.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct ModelInfo {
    /// Model family, as in `general.architecture`.
    pub architecture: String,
    /// Name that its makers gave it.
    pub name: Option<String>,
    /// Number of weights.
    pub parameters: u64,
    /// Storage of most weights: `Q4_1`, `Q4_K_M`.
    pub quantisation: String,
    /// Positions it was trained for.
    pub context_length: usize,
    /// Rows of the embedding.
    pub vocab_size: usize,
    /// Decoder layers.
    pub layers: usize,
    /// Width of the residual stream.
    pub embedding_length: usize,
    /// Size of the file.
    pub file_bytes: u64,
}

impl ModelInfo {
    pub(super) fn new(file: &Gguf, config: &Config, vocab_size: usize) -> Self {
        let name = file.metadata().find::<&str>("general.name").ok().flatten();
        ModelInfo {
            architecture: config.architecture.name().to_owned(),
            name: name.filter(|name| !name.is_empty()).map(str::to_owned),
            parameters: file.tensors().iter().map(|tensor| tensor.dims().iter().product::<u64>()).sum(),
            quantisation: quantisation(file),
            context_length: config.context_length,
            vocab_size,
            layers: config.layers,
            embedding_length: config.width,
            file_bytes: file.file_bytes(),
        }
    }
}

/// The name of `general.file_type` (`enum llama_ftype`), else the format that holds most weights.
fn quantisation(file: &Gguf) -> String {
    let declared = match file.metadata().find::<u32>("general.file_type").ok().flatten() {
        Some(0) => Some("F32"),
        Some(1) => Some("F16"),
        Some(2) => Some("Q4_0"),
        Some(3) => Some("Q4_1"),
        Some(7) => Some("Q8_0"),
        Some(8) => Some("Q5_0"),
        Some(9) => Some("Q5_1"),
        Some(14) => Some("Q4_K_S"),
        Some(15) => Some("Q4_K_M"),
        Some(16) => Some("Q5_K_S"),
        Some(17) => Some("Q5_K_M"),
        Some(18) => Some("Q6_K"),
        Some(32) => Some("BF16"),
        _ => None,
    };
    let mut weights = BTreeMap::new();
    for tensor in file.tensors() {
        *weights.entry(tensor.format().name()).or_insert(0) += tensor.dims().iter().product::<u64>();
    }
    let common = weights.into_iter().max_by_key(|(_, count)| *count).map(|(name, _)| name);
    declared.or(common).unwrap_or("unknown").to_owned()
}
