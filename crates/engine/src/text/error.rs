//! What can go wrong between text and tokens.

use crate::gguf::GgufError;

/// Why a tokenizer or template could not be made, or a text could not become tokens.
#[derive(Debug, thiserror::Error)]
pub enum TextError {
    /// The file's metadata does not hold what a tokenizer needs.
    #[error(transparent)]
    Metadata(#[from] GgufError),
    /// A tokenizer that is neither byte-level BPE nor SentencePiece-style BPE.
    #[error("tokenizer `{0}` is not supported; `gpt2` and `llama` are")]
    Model(String),
    /// An unknown way to cut text into words. Guessing would give wrong tokens.
    #[error("pre-tokenizer `{0}` is not supported; smollm, qwen2, llama-bpe, gpt-2 and default are")]
    Split(String),
    /// The vocabulary is empty.
    #[error("the file has an empty vocabulary; it is incomplete")]
    EmptyVocabulary,
    /// An array of the vocabulary does not fit the number of tokens.
    #[error("`{key}` has {found} entries for {expected} tokens; the file is damaged")]
    Length {
        /// Metadata key.
        key: &'static str,
        /// Number of tokens.
        expected: usize,
        /// Number of entries.
        found: usize,
    },
    /// A merge rule that is not two tokens.
    #[error("merge rule {0} is not two tokens with a space between; the file is damaged")]
    Merge(usize),
    /// A vocabulary or template larger than any real one.
    #[error("{what} has {found} bytes, the limit is {limit}; the file is damaged or hostile")]
    TooLarge {
        /// What is too large.
        what: &'static str,
        /// Its size.
        found: usize,
        /// What is allowed.
        limit: usize,
    },
    /// A text longer than any context.
    #[error("the text has {bytes} bytes, the limit is {limit}; send less")]
    TooLong {
        /// Bytes of the text.
        bytes: usize,
        /// What is allowed.
        limit: usize,
    },
    /// A character that the vocabulary cannot express.
    #[error("the model's vocabulary has no token for {0:?}")]
    NoToken(char),
    /// The model cannot fill in the middle.
    #[error("this model has no fill-in-the-middle tokens; use a coder model such as qwen2.5-coder")]
    NoFim,
    /// The template rewrites earlier turns, so that the assistant's tokens cannot be told apart.
    #[error(
        "this model's chat template changes earlier turns, so the assistant's own tokens cannot be told apart"
    )]
    Unmaskable,
    /// A role that no chat template knows.
    #[error("role `{0}` is unknown; use system, developer, user, assistant or tool")]
    Role(String),
    /// The messages use every character that could mark their limits.
    #[error("the messages use all private-use characters of Unicode; remove some")]
    NoMarker,
    /// The template itself refuses these messages.
    #[error("the model's chat template refuses these messages: {0}")]
    Refused(String),
    /// The template is wrong, or uses something that templates may not.
    #[error("the model's chat template does not work: {0}")]
    Template(String),
    /// The template did more work than any real one.
    #[error("the model's chat template exceeds its limit of {0}; the file is damaged or hostile")]
    TemplateLimit(&'static str),
}
