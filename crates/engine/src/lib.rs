//! Tokens in, tokens out.
//!
//! Data goes down this list: a file is read (`gguf`), text becomes tokens (`text`), tokens become logits
//! (`model`), logits become a token (`sampler`), and `scheduler` does it for several requests at once.
//! This crate knows no HTTP, no database and no prompt of ours.

pub mod gguf;
pub mod text;
pub mod model;
pub mod adapter;
pub mod import;
pub mod embed;
mod request;
pub mod train;
pub mod sampler;
mod constraint;
mod machine;
mod sync;
mod ticket;
mod sequence;
mod queue;
mod turns;
mod cache;
mod scheduler;
mod engine;

pub use constraint::{Constraint, ConstraintError};
pub use engine::{Engine, EngineError, EngineOptions, Generation};
pub use model::{Batch, Model, ModelError, ModelInfo, Scratch};
pub use queue::Stats;
pub use request::{
    Event, FinishReason, Request, Sampling, SubmitError, Timings, TokenInfo, TopLogprob, Usage,
};
pub use ticket::Ticket;
pub use turns::Gaps;
