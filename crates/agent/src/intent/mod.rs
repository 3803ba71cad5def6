//! What does a message ask for? Judged before it is answered, in milliseconds.
//!
//! A message becomes numbers (`features`: its embedding, which words it has, and in `lexicon` what they say), and is
//! compared (`regression`) with those of `examples.jsonl` and with what the user has corrected (`classifier`, which
//! `judging` lends to turns).
//! `heldout.jsonl` is for `evaluation` only: nothing is chosen by it.

mod classifier;
mod evaluation;
mod examples;
mod features;
mod judging;
mod lexicon;
mod regression;
mod vectors;

pub use classifier::Classifier;
pub use evaluation::{Evaluation, evaluate};
pub use examples::{Example, examples, held_out};
pub use judging::Judging;

use serde::{Deserialize, Serialize};

/// What a message asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Intent {
    /// Write or change code.
    Code,
    /// Find out what only the web knows.
    Search,
    /// Talk: explain, advise, answer.
    Chat,
}

impl Intent {
    /// All of them, in the order of the classifier's outputs.
    pub const ALL: [Intent; 3] = [Intent::Code, Intent::Search, Intent::Chat];

    /// As it is written: `code`.
    pub fn name(self) -> &'static str {
        match self {
            Intent::Code => "code",
            Intent::Search => "search",
            Intent::Chat => "chat",
        }
    }

    /// The intent of that name.
    pub fn from_name(name: &str) -> Option<Intent> {
        Intent::ALL.into_iter().find(|intent| intent.name() == name)
    }
}

/// What was made of a message.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Judgement {
    /// What it asks for.
    pub intent: Intent,
    /// Between 0 and 1.
    pub confidence: f32,
    /// Whether the user's own code bears on it.
    pub needs_code: bool,
}
