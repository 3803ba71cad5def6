//! Text with its provenance: who wrote it is set where it comes in, and never guessed afterwards.

use serde::{Deserialize, Serialize};

/// Who wrote a piece of text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// The person.
    User,
    /// The model on this machine.
    Model,
    /// An indexed file.
    File,
    /// A web search or a page.
    Web,
    /// A tool, or hone itself.
    Tool,
    /// A taught rule.
    Rule,
    /// A model elsewhere.
    Remote,
}

/// A piece of a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    /// Who wrote it.
    pub origin: Origin,
    /// What it says.
    pub text: String,
}

impl Span {
    /// A piece of text by `origin`.
    pub fn new(origin: Origin, text: impl Into<String>) -> Span {
        Span { origin, text: text.into() }
    }
}
