//! Who answers: the seam between the turn and a model, wherever that runs.

mod cancel;
pub(crate) mod local;
mod none;
mod script;

pub use cancel::Cancel;
pub use local::LocalModel;
pub use none::NoModel;
pub use script::{Line, ScriptedModel};

use serde::{Deserialize, Serialize};
use serde_json::Value;
pub use store::Role;
use store::{Provenance, Span};

/// A model that answers prompts.
pub trait Model: Send + Sync {
    /// Its name, as the user knows it.
    fn name(&self) -> &str;

    /// Whose text its answers are: `model`, or `remote`.
    fn origin(&self) -> Provenance {
        Provenance::Model
    }

    /// Tokens that prompt and answer have together.
    fn window(&self) -> usize;

    /// Tokens of a text.
    fn count(&self, text: &str) -> usize;

    /// Answers, and tells `hear` as it happens. Returns when the answer is complete, also after `cancel` is set.
    fn ask(&self, prompt: &Prompt, cancel: &Cancel, hear: &mut dyn FnMut(Heard)) -> Result<End, ModelError>;
}

/// What a model is asked.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Prompt {
    /// The conversation.
    pub messages: Vec<Message>,
    /// Tools that it may call.
    pub tools: Vec<ToolSpec>,
    /// Whether it must call one.
    pub choice: Choice,
    /// What the answer begins with: the model goes on from there, and does not say it again.
    pub opening: String,
    /// How tokens are chosen.
    pub sampling: Sampling,
    /// Tokens of the answer at most; `None` is up to the end of the window.
    pub max_tokens: Option<usize>,
}

/// A tool as a model sees it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ToolSpec {
    /// What it is called by.
    pub name: String,
    /// What it is for.
    #[serde(default)]
    pub description: String,
    /// A JSON schema of its arguments.
    #[serde(default)]
    pub parameters: Value,
}

impl ToolSpec {
    /// As templates and the OpenAI API write it.
    pub fn json(&self) -> Value {
        let Self { name, description, parameters } = self;
        serde_json::json!({
            "type": "function",
            "function": {"name": name, "description": description, "parameters": parameters},
        })
    }
}

/// Whether a tool is called.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Choice {
    /// As the model likes.
    #[default]
    Auto,
    /// Not.
    None,
    /// One of them.
    Required,
    /// This one.
    Named(String),
}

/// How tokens are chosen; `None` is the model's default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Sampling {
    /// 0 is greedy.
    pub temperature: Option<f32>,
    /// The smallest set of tokens with this probability.
    pub top_p: Option<f32>,
    /// Equal seeds give equal answers.
    pub seed: Option<u64>,
}

/// One message.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Message {
    /// Who speaks.
    pub role: Role,
    /// What is said, and who wrote which piece of it.
    pub spans: Vec<Span>,
    /// Tools that the model calls.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub calls: Vec<ToolCall>,
    /// Whose result this is, in a tool's message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call_id: Option<String>,
}

impl Message {
    /// A message that one wrote alone.
    pub fn new(role: Role, origin: Provenance, text: impl Into<String>) -> Message {
        Message { role, spans: vec![Span::new(text, origin)], calls: Vec::new(), call_id: None }
    }

    /// What is said.
    pub fn text(&self) -> String {
        self.spans.iter().map(|span| span.text.as_str()).collect()
    }
}

/// A call of a tool.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ToolCall {
    /// Connects it with its result.
    pub id: String,
    /// The tool.
    pub name: String,
    /// Its arguments; as a model wrote them, so anything.
    pub arguments: Value,
}

/// What is heard of an answer while it is made.
#[derive(Clone, Debug, PartialEq)]
pub enum Heard {
    /// So many tokens of the prompt are read.
    Reading {
        /// Tokens read.
        done: usize,
        /// Of so many.
        total: usize,
    },
    /// More text.
    Text(String),
    /// A tool is called.
    Call(ToolCall),
}

/// How an answer ended.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct End {
    /// Why.
    pub finish: Finish,
    /// Tokens.
    pub usage: Usage,
    /// Times.
    pub timings: Timings,
}

/// Why an answer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Finish {
    /// It is complete.
    Stop,
    /// It calls tools.
    ToolCalls,
    /// It reached the end of the window or `max_tokens`.
    Length,
    /// It was stopped.
    Cancelled,
}

/// Tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Of the prompt.
    pub prompt_tokens: usize,
    /// Of these, not computed again.
    pub cached_tokens: usize,
    /// Of the answer.
    pub completion_tokens: usize,
}

/// Times in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Timings {
    /// Waiting for a place.
    pub queued_ms: f64,
    /// Reading the prompt.
    pub prefill_ms: f64,
    /// Writing the answer.
    pub decode_ms: f64,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ModelError {
    /// The prompt does not fit.
    #[error("{0}")]
    TooLong(String),
    /// Too many others are asking.
    #[error("{0}")]
    Busy(String),
    /// The prompt is not one that this model takes.
    #[error("{0}")]
    Refused(String),
    /// It could not be reached, or not in time.
    #[error("{0}")]
    Unreachable(String),
    /// It failed.
    #[error("{0}")]
    Failed(String),
}
