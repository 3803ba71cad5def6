//! Text with its provenance: who wrote it is set where it comes in, and never guessed afterwards.

use serde::{Deserialize, Serialize};
use store::Provenance;

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

impl From<Span> for store::Span {
    fn from(Span { origin, text }: Span) -> store::Span {
        store::Span::new(text, origin.into())
    }
}

impl From<store::Span> for Span {
    fn from(span: store::Span) -> Span {
        Span { origin: span.provenance.into(), text: span.text }
    }
}

impl From<Origin> for Provenance {
    fn from(origin: Origin) -> Provenance {
        match origin {
            Origin::User => Provenance::User,
            Origin::Model => Provenance::Model,
            Origin::File => Provenance::File,
            Origin::Web => Provenance::Web,
            Origin::Tool => Provenance::Tool,
            Origin::Rule => Provenance::Rule,
            Origin::Remote => Provenance::Remote,
        }
    }
}

impl From<Provenance> for Origin {
    fn from(provenance: Provenance) -> Origin {
        match provenance {
            Provenance::User => Origin::User,
            Provenance::Model => Origin::Model,
            Provenance::File => Origin::File,
            Provenance::Web => Origin::Web,
            Provenance::Tool => Origin::Tool,
            Provenance::Rule => Origin::Rule,
            Provenance::Remote => Origin::Remote,
        }
    }
}
