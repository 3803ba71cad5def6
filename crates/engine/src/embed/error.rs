//! What can be wrong with an embedding model, or with tokens for it.

use crate::import::ImportError;
use kernels::cpu::CpuError;

/// Why a model could not be opened, or tokens not be embedded.
#[derive(Debug, thiserror::Error)]
pub enum EmbedError {
    /// A file of the model is missing or damaged.
    #[error(transparent)]
    Files(#[from] ImportError),
    /// There is no device to compute with.
    #[error(transparent)]
    Cpu(#[from] CpuError),
    /// A token that the vocabulary has not.
    #[error("token {token} is not in the vocabulary of {size}")]
    Token {
        /// The token.
        token: u32,
        /// Size of the vocabulary.
        size: usize,
    },
    /// More tokens than the model reads.
    #[error("a text has {count} tokens, the model reads {window}")]
    Window {
        /// Tokens given, with those that every text begins and ends with.
        count: usize,
        /// The most that are read.
        window: usize,
    },
}
