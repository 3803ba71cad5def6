//! What can be wrong with an adapter's files, said so that the reader knows what to do.

use super::AdapterError;
use crate::gguf::GgufError;
use std::io;
use std::path::{Path, PathBuf};

/// Why files are not an adapter of this model, or could not be written.
#[derive(Debug, thiserror::Error)]
pub enum AdapterFileError {
    /// Reading or writing failed.
    #[error("cannot {doing} {}: {source}", path.display())]
    Io {
        /// `read` or `write`.
        doing: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Nothing there that looks like an adapter.
    #[error("{} is not an adapter: {why}", path.display())]
    Unrecognised {
        /// What was looked at.
        path: PathBuf,
        /// What was looked for.
        why: &'static str,
    },
    /// Not a sound GGUF file.
    #[error(transparent)]
    Gguf(#[from] GgufError),
    /// Not a sound safetensors file.
    #[error("{} is not a sound safetensors file: {reason}", path.display())]
    Safetensors {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// `adapter_config.json` cannot be used.
    #[error("{} cannot be used: {reason}", path.display())]
    Config {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A kind of adapter that would give wrong answers if it were read as plain LoRA.
    #[error("this adapter has {what}, which is not supported: {why}")]
    Unsupported {
        /// The setting.
        what: String,
        /// What is possible instead.
        why: &'static str,
    },
    /// A tensor that is no factor of a linear layer's update.
    #[error(
        "tensor `{0}` is not a LoRA factor of a linear layer (q, k, v, o, gate, up, down); adapters with other parts are not supported"
    )]
    UnknownTensor(String),
    /// A tensor that cannot be a factor.
    #[error("tensor `{name}` {why}")]
    Tensor {
        /// Its name.
        name: String,
        /// What is wrong with it.
        why: String,
    },
    /// A without B, or B without A.
    #[error("{target} of layer {layer} has only one of its two factors; the file is incomplete")]
    Half {
        /// Decoder layer.
        layer: usize,
        /// Name as in a GGUF file.
        target: &'static str,
    },
    /// Made for another family of models.
    #[error("the adapter is for architecture `{adapter}`, the model is `{model}`")]
    Architecture {
        /// What the adapter says.
        adapter: String,
        /// What the model is.
        model: &'static str,
    },
    /// Made for another model.
    #[error(transparent)]
    Mismatch(#[from] AdapterError),
    /// No update in it.
    #[error("the adapter is empty: it changes no layer")]
    Empty,
}

impl AdapterFileError {
    pub(super) fn reading(path: &Path) -> impl FnOnce(io::Error) -> Self + '_ {
        move |source| AdapterFileError::Io { doing: "read", path: path.into(), source }
    }

    pub(super) fn writing(path: &Path) -> impl FnOnce(io::Error) -> Self + '_ {
        move |source| AdapterFileError::Io { doing: "write", path: path.into(), source }
    }

    pub(super) fn tensor(name: &str, why: impl Into<String>) -> Self {
        AdapterFileError::Tensor { name: shown(name), why: why.into() }
    }

    pub(super) fn unknown_tensor(name: &str) -> Self {
        AdapterFileError::UnknownTensor(shown(name))
    }
}

/// A name from a stranger: short, and without anything that a terminal would obey.
pub(super) fn shown(name: &str) -> String {
    let start: String = name.chars().take(120).collect();
    let dots = if start.len() < name.len() { "…" } else { "" };
    format!("{}{dots}", start.escape_debug())
}
