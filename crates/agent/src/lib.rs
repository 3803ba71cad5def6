//! What to do with a message: intent, context, tools, answer.
//!
//! A message goes down this list: what it teaches is taken (`taught`), it is judged (`intent`), what bears on it is
//! gathered through the other seams, `context` fits that into the model's window, `model` answers, `call` finds tool calls in the answer,
//! `tools` run them, `turn` is the loop around it, and `keep` puts its steps into the store; `deployed` says what the prompt
//! of an old question would be today. This crate knows no HTTP:
//! `remote` implements its seams where they reach outside.

pub mod intent;
pub mod seam;
mod data;
mod source;
pub mod model;
pub mod call;
pub mod event;
pub mod context;
mod deployed;
pub mod tools;
mod agent;
mod gather;
pub mod taught;
mod turn;
pub mod keep;

pub use agent::{Agent, Answer, Ask, LONGEST, Listener, RecordError, Recorder, Settings, TurnError, WebUse};
pub use event::{LeftOut, Step, TurnEvent};
pub use model::{Cancel, Message, Model, ModelError, Prompt, Role, ToolCall, ToolSpec};
pub use source::{Found, Source};
pub use store::{Provenance, Span};
