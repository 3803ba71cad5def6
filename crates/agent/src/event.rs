//! What happens in a turn, as it is shown and as it is kept.

use crate::model::{Finish, Message, Timings, ToolCall, Usage};
use crate::seam::{Judgement, Remembered, Rule};
use crate::source::Source;
use serde::{Deserialize, Serialize};
use store::Provenance;

/// What a listener hears of a turn, in this order: `Intent` (or `Remembered`), the gathering, then texts and tools, and
/// one `Done` or `Failed` at the end.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum TurnEvent {
    /// What is made of the message.
    Intent {
        /// What it asks for.
        #[serde(flatten)]
        judgement: Judgement,
        /// Whether the user said so.
        corrected: bool,
    },
    /// This goes out to a web search, word for word.
    Searching {
        /// The query.
        query: String,
        /// Whether it waits for the user's consent.
        asks: bool,
    },
    /// A rule was taught: the turn answers by itself, and ends.
    Remembered {
        /// What became of it.
        #[serde(flatten)]
        remembered: Remembered,
    },
    /// The message states lasting preferences, which are drafts of rules from now on: nothing holds until it is accepted.
    Offered {
        /// The drafts.
        rules: Vec<Rule>,
    },
    /// The rules that are in the prompt.
    Rules {
        /// In their order.
        rules: Vec<Rule>,
    },
    /// More sources.
    Sources {
        /// In the order of their numbers.
        sources: Vec<Source>,
    },
    /// What did not fit.
    LeftOut {
        /// How much of what.
        #[serde(flatten)]
        left_out: LeftOut,
    },
    /// Something that the user should know: a search that failed, credits that are used up.
    Notice {
        /// A sentence.
        text: String,
    },
    /// The prompt is being read.
    Reading {
        /// Tokens read.
        done: usize,
        /// Of so many.
        total: usize,
    },
    /// More of the answer.
    Text {
        /// New text.
        text: String,
        /// Who wrote it.
        origin: Provenance,
    },
    /// A tool is called.
    ToolCall {
        /// Which, and with what.
        #[serde(flatten)]
        call: ToolCall,
        /// Whether it waits for the user's consent.
        asks: bool,
    },
    /// A tool has run.
    ToolResult {
        /// Whose result it is.
        id: String,
        /// Whether it worked.
        ok: bool,
        /// What it returned, as the model sees it.
        text: String,
        /// Milliseconds.
        ms: f64,
    },
    /// One answer of the model is complete; there is one for each step of the turn.
    Answered {
        /// Counted from 1.
        step: usize,
        /// Tokens.
        usage: Usage,
        /// Times.
        timings: Timings,
    },
    /// The turn is complete.
    Done {
        /// Why it ended.
        finish: Finish,
        /// Numbers of the sources that the answer cites.
        cited: Vec<usize>,
        /// Answers of the model.
        steps: usize,
    },
    /// The turn could not be completed. What was said before is kept.
    Failed {
        /// Why, and what to do.
        message: String,
    },
}

/// What is kept of a turn, handed over as it happens. The user's message is kept before the turn begins.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "snake_case")]
pub enum Step {
    /// What the answer is made from.
    Gathered {
        /// What was made of the message.
        judgement: Judgement,
        /// The rules in the prompt.
        rules: Vec<Rule>,
        /// The sources in the prompt.
        sources: Vec<Source>,
        /// What did not fit.
        left_out: LeftOut,
        /// Preferences that the message states, as drafts of rules.
        #[serde(default)]
        offered: Vec<Rule>,
    },
    /// A rule was taught, and this is hone's own answer.
    Remembered {
        /// What became of it.
        remembered: Remembered,
        /// The answer.
        message: Message,
    },
    /// The answer so far, so that a crash loses little of it. The next `Partial` or `Said` takes its place.
    Partial {
        /// All of it, not only what is new.
        message: Message,
    },
    /// An answer of the model: text, calls, or both.
    Said {
        /// The answer.
        message: Message,
        /// Which model.
        model: String,
        /// Why it ended.
        finish: Finish,
        /// Tokens.
        usage: Usage,
        /// Times.
        timings: Timings,
    },
    /// A tool's result, with the sources that it brought.
    Returned {
        /// The result.
        message: Message,
        /// Whether it worked.
        ok: bool,
        /// New sources.
        sources: Vec<Source>,
    },
    /// The turn could not be completed.
    Failed {
        /// Why.
        message: String,
    },
}

/// What did not fit into the window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOut {
    /// Rules.
    pub rules: usize,
    /// Passages of files.
    pub passages: usize,
    /// Web results.
    pub web: usize,
    /// Messages of the history, the oldest ones.
    pub history: usize,
    /// Results of tools.
    pub results: usize,
    /// Texts of which only the beginning fitted.
    pub cut: usize,
}

impl LeftOut {
    /// Whether everything fitted.
    pub fn is_empty(&self) -> bool {
        *self == LeftOut::default()
    }
}
