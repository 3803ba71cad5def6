//! The parts that answer, what they are asked, and who watches.

use crate::context::TooLong;
use crate::event::{Step, TurnEvent};
use crate::model::{Finish, Message, Model, ModelError, Sampling, ToolCall};
use crate::seam::{Intent, Judge, Knowledge, Rules, Web};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::sync::Arc;

/// Everything that answers: share it, it keeps nothing between turns.
#[derive(Clone)]
pub struct Agent {
    /// Who answers.
    pub model: Arc<dyn Model>,
    /// Who judges messages.
    pub judge: Arc<dyn Judge>,
    /// The indexed folders.
    pub knowledge: Arc<dyn Knowledge>,
    /// The taught rules.
    pub rules: Arc<dyn Rules>,
    /// The web.
    pub web: Arc<dyn Web>,
    /// How it is done.
    pub settings: Settings,
}

/// How turns are done.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// What the system message begins with.
    pub system: String,
    /// Answers of the model in one turn; the last one gets no tools, so that it ends.
    pub steps: usize,
    /// Passages looked for.
    pub passages: usize,
    /// Web results looked for.
    pub results: usize,
    /// How tokens are chosen.
    pub sampling: Sampling,
    /// Tokens of an answer at most; where it is left out, what the context keeps for it and [`LONGEST`].
    pub max_tokens: Option<usize>,
    /// Whether the model is offered tools.
    pub tools: bool,
}

/// Tokens of an answer that nobody has limited. Small models may never come to an end by themselves; whoever wants more lets
/// the answer be gone on with.
pub const LONGEST: usize = 2048;

impl Default for Settings {
    fn default() -> Self {
        Settings {
            system:
                "You are hone, a coding assistant on the user's own machine. Answer briefly and correctly."
                    .to_owned(),
            steps: 6,
            passages: 8,
            results: 5,
            sampling: Sampling::default(),
            max_tokens: None,
            tools: true,
        }
    }
}

/// A message to be answered.
#[derive(Clone, Debug, Default)]
pub struct Ask {
    /// What the user says now.
    pub text: String,
    /// What was said before, the oldest first.
    pub history: Vec<Message>,
    /// The indexed folder that it is about.
    pub project: Option<PathBuf>,
    /// What the user says that the message asks for; it is not judged then.
    pub intent: Option<Intent>,
    /// What may go out.
    pub web: WebUse,
    /// Of an answer that is to be gone on with: what its turn has said so far, the broken-off text last.
    pub begun: Vec<Message>,
}

/// What the user allows to go out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WebUse {
    /// Nothing.
    Off,
    /// What the listener agrees to.
    #[default]
    Ask,
    /// Searches, and pages that the user named or a search found.
    On,
}

/// Who watches a turn, and is asked.
pub trait Listener {
    /// Something happened.
    fn hear(&mut self, event: TurnEvent);

    /// Whether a call that needs consent may run. It may take its time.
    fn allows(&mut self, _call: &ToolCall) -> bool {
        false
    }
}

impl<F: FnMut(TurnEvent)> Listener for F {
    fn hear(&mut self, event: TurnEvent) {
        self(event);
    }
}

/// Who keeps a turn. Its steps are told to the listener after they are kept (the text of an answer is told at once,
/// and kept in [`Step::Partial`]s), and a turn ends where one cannot be.
pub trait Recorder {
    /// Keeps a step, durably except for [`Step::Partial`].
    fn record(&mut self, step: Step) -> Result<(), RecordError>;
}

/// A step could not be kept.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the conversation cannot be saved: {0}")]
pub struct RecordError(pub String);

/// A complete turn.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// The last message of the model.
    pub message: Message,
    /// Why it ended.
    pub finish: Finish,
}

/// Why a turn could not be completed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TurnError {
    /// The message does not fit.
    #[error(transparent)]
    TooLong(#[from] TooLong),
    /// The model failed.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// A step could not be kept.
    #[error(transparent)]
    Record(#[from] RecordError),
}
