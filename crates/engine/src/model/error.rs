//! Why a sound file is no model.

use crate::gguf::GgufError;
use crate::text::TextError;

/// Why a file could not be opened as a model.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// The file is not sound, or lacks something.
    #[error(transparent)]
    Gguf(#[from] GgufError),
    /// Tokenizer or chat template.
    #[error(transparent)]
    Text(#[from] TextError),
    /// A model family that is not implemented.
    #[error("models of architecture `{0}` are not supported; llama, qwen2 and qwen3 are")]
    Architecture(String),
    /// A hyperparameter that makes no sense, or that is not implemented.
    #[error("metadata `{key}` is {value}: {why}")]
    Hyperparameter {
        /// Metadata key.
        key: String,
        /// What the file says.
        value: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A tensor whose dimensions do not go with the rest of the model.
    #[error("tensor `{name}` has dimensions {found:?}, expected {expected:?}")]
    Shape {
        /// Tensor name.
        name: String,
        /// Dimensions that the metadata ask for, width of a row first.
        expected: Vec<u64>,
        /// Dimensions in the file.
        found: Vec<u64>,
    },
    /// A tensor that this architecture does not use: the answers would be wrong without it.
    #[error("tensor `{0}` is not part of a plain model of this architecture; such models are not supported")]
    UnknownTensor(String),
    /// The tokenizer has tokens for which the model has no embedding.
    #[error("the tokenizer has {tokens} tokens and the model only {rows}; the file is damaged")]
    Vocabulary {
        /// Tokens of the tokenizer.
        tokens: usize,
        /// Rows of the embedding.
        rows: usize,
    },
}
