//! What can be wrong with a checkpoint, said so that the reader knows what to do.

use crate::gguf::GgufError;
use crate::model::ModelError;
use crate::text::TextError;
use std::io;
use std::path::{Path, PathBuf};

/// Why a checkpoint could not be imported. Nothing was written where the result belongs.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// A file could not be read or written.
    #[error("{action} {}: {source}", path.display())]
    Io {
        /// What was being done, with a preposition.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A file that every checkpoint has is not there.
    #[error("the checkpoint has no {0}; it is incomplete, or in another format than safetensors")]
    MissingFile(String),
    /// A file that is larger than any real one.
    #[error("{file} has {bytes} bytes, the limit is {limit}; the checkpoint is damaged or hostile")]
    TooLarge {
        /// File name.
        file: String,
        /// Its size.
        bytes: u64,
        /// What is allowed.
        limit: u64,
    },
    /// A file that is not the JSON it should be.
    #[error("{file} cannot be read: {reason}")]
    Json {
        /// File name.
        file: String,
        /// What is wrong, and where.
        reason: String,
    },
    /// A safetensors file that is damaged.
    #[error("{file} is not a sound safetensors file: {reason}; fetch it again")]
    Safetensors {
        /// File name.
        file: String,
        /// What is wrong.
        reason: String,
    },
    /// The index names a file that is not a plain name beside it.
    #[error("the index names the file `{0}`, which is not a .safetensors file of its own folder")]
    Outside(String),
    /// A tensor that the model needs is not there.
    #[error("the checkpoint has no tensor `{0}`; it is incomplete")]
    MissingTensor(String),
    /// A tensor that the engine would not use: the answers would be wrong without it.
    #[error("tensor `{0}` is not part of a plain model of this architecture; such models are not supported")]
    UnknownTensor(String),
    /// A tensor whose numbers are stored in a way that is not read.
    #[error("tensor `{tensor}` is stored as {found}, expected {expected}")]
    Dtype {
        /// Tensor name.
        tensor: String,
        /// What can be read.
        expected: &'static str,
        /// What the file has.
        found: String,
    },
    /// A tensor whose shape does not go with config.json.
    #[error("tensor `{tensor}` has the shape {found:?}, expected {expected:?}")]
    Shape {
        /// Tensor name.
        tensor: String,
        /// Shape that config.json asks for.
        expected: Vec<u64>,
        /// Shape in the file.
        found: Vec<u64>,
    },
    /// MLX codes that are not read.
    #[error("tensor `{tensor}` is quantised by MLX in a way that is not supported: {why}")]
    Packing {
        /// Tensor name.
        tensor: String,
        /// What is not supported.
        why: &'static str,
    },
    /// Not a number, or infinite.
    #[error("tensor `{0}` holds a value that is not a finite number; the checkpoint is damaged")]
    NotFinite(String),
    /// A number that half precision cannot hold.
    #[error("tensor `{0}` holds a value beyond the range of F16; import it as BF16 or F32")]
    Range(String),
    /// A model family that is not implemented.
    #[error(
        "checkpoints of `{0}` are not supported; LlamaForCausalLM, Qwen2ForCausalLM and Qwen3ForCausalLM are"
    )]
    Architecture(String),
    /// A part of the model that the engine does not compute.
    #[error("config.json: `{key}` is {value}: {why}")]
    Config {
        /// Key of config.json.
        key: String,
        /// Its value.
        value: String,
        /// Why that is refused.
        why: &'static str,
    },
    /// A checkpoint that is quantised already, by a method that is not read.
    #[error(
        "the checkpoint is quantised with {0}; take the unquantised checkpoint of the model, or one of MLX"
    )]
    Quantised(String),
    /// A format was asked for where the checkpoint has one.
    #[error("the checkpoint is quantised by MLX and is imported as it is: leave the format out")]
    FormatGiven,
    /// A tokenizer that the engine has not.
    #[error("tokenizer.json: {0}; such tokenizers are not supported")]
    Tokenizer(String),
    /// The metadata do not make a file.
    #[error(transparent)]
    Gguf(#[from] GgufError),
    /// The chat template cannot be used.
    #[error(transparent)]
    Text(#[from] TextError),
    /// The hyperparameters, or the result, are not a model that the engine can open.
    #[error(transparent)]
    Model(#[from] ModelError),
}

impl ImportError {
    /// Adds what was being done with which file to an [`io::Error`].
    pub(super) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> ImportError + use<> {
        let path = path.to_path_buf();
        move |source| ImportError::Io { action, path, source }
    }
}
