//! What to do with a message: intent, context, tools, answer.
//!
//! A message goes down this list: it is judged (`seam::Judge`), what bears on it is gathered through the other
//! seams, `context` fits that into the model's window, `model` answers, `call` finds tool calls in the answer,
//! `tools` run them, and `turn` is the loop around it. This crate knows no HTTP: `remote` implements its seams
//! where they reach outside.

pub mod span;
pub mod seam;
mod data;
mod source;
pub mod model;
pub mod call;
pub mod event;
pub mod context;
pub mod tools;
mod agent;
mod turn;

pub use agent::{Agent, Answer, Ask, Listener, RecordError, Recorder, Settings, TurnError, WebUse};
pub use event::{LeftOut, Step, TurnEvent};
pub use model::{Cancel, Message, Model, ModelError, Prompt, Role, ToolCall, ToolSpec};
pub use source::{Found, Source};
pub use span::{Origin, Span};
