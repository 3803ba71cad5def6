//! The routes under `/v1`, as OpenAI's clients know them.
//!
//! `types` is what is read and written, `unsupported` what is refused, `answers` the way to the engine and
//! back; `chat` and `completions` are the two shapes over them, whole or as a `stream`.
//! `embeddings` has a model of its own.

mod answers;
pub(crate) mod chat;
pub(crate) mod completions;
pub(crate) mod embeddings;
mod logprobs;
mod messages;
pub(crate) mod models;
mod stream;
mod tools;
pub(crate) mod types;
mod unsupported;
