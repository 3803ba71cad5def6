//! What a caller asks of the engine, and what it hears back.

use crate::adapter::{AdapterError, Loaded};
use std::sync::Arc;
use std::time::Duration;

/// One sequence to complete.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// The prompt, already tokens (see `text`).
    pub prompt: Vec<u32>,
    /// At most this many new tokens; `None` is up to the end of the context.
    pub max_tokens: Option<usize>,
    /// How the next token is chosen.
    pub sampling: Sampling,
    /// Generation ends before any of these strings; they are not part of the answer.
    pub stop: Vec<String>,
    /// Reports this many most likely alternatives with every token (0: only the token's own).
    pub logprobs: Option<usize>,
    /// Keeps going past end-of-turn tokens (benchmarks).
    pub ignore_eos: bool,
    /// The adapter to answer with; `None` is the base alone.
    pub adapter: Option<Arc<Loaded>>,
    /// Nobody waits for the answer: it is computed only while there is no other request, is never refused as too
    /// many, and gives its place and its blocks up, within a layer, to one that comes.
    pub background: bool,
}

/// How the next token is chosen from the logits. The order is: penalties, temperature, top-k, top-p, min-p.
#[derive(Clone, Debug, PartialEq)]
pub struct Sampling {
    /// 0 is greedy.
    pub temperature: f32,
    /// Keeps the k most likely; 0 keeps all.
    pub top_k: usize,
    /// Keeps the smallest set with this probability; 1 keeps all.
    pub top_p: f32,
    /// Drops tokens less likely than this share of the most likely one; 0 keeps all.
    pub min_p: f32,
    /// Divides (multiplies, where negative) the logits of tokens seen; 1 is off.
    pub repetition_penalty: f32,
    /// Subtracted once from the logits of tokens that were generated; 0 is off.
    pub presence_penalty: f32,
    /// Subtracted per occurrence from the logits of tokens that were generated; 0 is off.
    pub frequency_penalty: f32,
    /// Equal seeds give equal answers; `None` draws one.
    pub seed: Option<u64>,
}

impl Default for Sampling {
    fn default() -> Self {
        Sampling {
            temperature: 0.7,
            top_k: 40,
            top_p: 0.95,
            min_p: 0.05,
            repetition_penalty: 1.0,
            presence_penalty: 0.0,
            frequency_penalty: 0.0,
            seed: None,
        }
    }
}

/// What a request's listener hears, in this order: `Prefill`s, `Token`s, then one `Done` or `Failed`.
#[derive(Clone, Debug)]
pub enum Event {
    /// `done` of `total` prompt tokens are in the cache.
    Prefill {
        /// Tokens computed or found in the prefix cache.
        done: usize,
        /// Tokens of the prompt.
        total: usize,
    },
    /// Text that is certain to belong to the answer. It may be empty (half a UTF-8 character, or text held
    /// back because it may begin a stop string) and then comes with a later token.
    Token {
        /// New text.
        text: String,
        /// The token.
        info: TokenInfo,
    },
    /// The answer is complete.
    Done {
        /// Text that had been held back.
        text: String,
        /// Why it ended.
        reason: FinishReason,
        /// Counts.
        usage: Usage,
        /// Times.
        timings: Timings,
    },
    /// The engine could not go on with this request.
    Failed(String),
}

/// One generated token.
#[derive(Clone, Debug, PartialEq)]
pub struct TokenInfo {
    /// Its id.
    pub id: u32,
    /// Natural logarithm of its probability under the model (before sampling changes), when asked for.
    pub logprob: Option<f32>,
    /// The most likely tokens, best first, when asked for.
    pub top: Vec<TopLogprob>,
}

/// One alternative.
#[derive(Clone, Debug, PartialEq)]
pub struct TopLogprob {
    /// Token id.
    pub id: u32,
    /// Natural logarithm of its probability.
    pub logprob: f32,
}

/// Why an answer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FinishReason {
    /// The model ended its turn, or a stop string came.
    Stop,
    /// `max_tokens` or the context was reached.
    Length,
    /// The caller cancelled.
    Cancelled,
}

/// Token counts of one request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Tokens of the prompt.
    pub prompt_tokens: usize,
    /// Of these, found in the prefix cache.
    pub cached_tokens: usize,
    /// Tokens generated.
    pub completion_tokens: usize,
}

/// Where one request's time went.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Timings {
    /// Waiting for a place.
    pub queued: Duration,
    /// From the first prompt token to the first generated token.
    pub prefill: Duration,
    /// From the first generated token to the last.
    pub decode: Duration,
}

/// The request was not accepted.
#[derive(Debug, thiserror::Error)]
pub enum SubmitError {
    /// Prompt plus answer do not fit.
    #[error(
        "the prompt has {prompt} tokens{} and the context holds {context}; shorten it or start with a larger context",
        match max_tokens { Some(n) => format!(", {n} more were asked for,"), None => String::new() }
    )]
    ContextLengthExceeded {
        /// Tokens of the prompt.
        prompt: usize,
        /// New tokens asked for.
        max_tokens: Option<usize>,
        /// Tokens that fit.
        context: usize,
    },
    /// Nothing to continue.
    #[error("the prompt is empty: it needs at least one token")]
    EmptyPrompt,
    /// An adapter that was made for another model.
    #[error(transparent)]
    Adapter(#[from] AdapterError),
    /// A token id that the model does not have.
    #[error("token {id} is outside the vocabulary of {vocab}")]
    UnknownToken {
        /// The id.
        id: u32,
        /// Vocabulary size.
        vocab: usize,
    },
    /// A sampling field out of range.
    #[error("{field} must be {expected}, got {value}")]
    Sampling {
        /// Field name.
        field: &'static str,
        /// What is allowed.
        expected: &'static str,
        /// What came.
        value: f32,
    },
    /// Too many requests wait already.
    #[error("{waiting} requests are waiting already; try again later")]
    Busy {
        /// Length of the queue.
        waiting: usize,
    },
    /// The engine has shut down.
    #[error("the engine has stopped")]
    Stopped,
}
