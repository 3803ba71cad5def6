//! Reasons in words.

use super::{Reason, Signal};
use std::fmt;

impl Reason {
    /// A word for tables and programs.
    pub fn code(&self) -> &'static str {
        match self {
            Reason::ChatOut => "conversation-out",
            Reason::Out => "taken-out",
            Reason::Replaced => "replaced",
            Reason::Disliked => "disliked",
            Reason::Complaint => "complaint",
            Reason::Foreign(_) => "foreign-text",
            Reason::Tools => "tools",
            Reason::Secret(_) => "secret",
            Reason::Empty => "empty",
            Reason::Short => "short",
            Reason::Long => "long",
            Reason::Truncated => "cut-off",
            Reason::Repetition => "repetition",
            Reason::Refusal => "refusal",
            Reason::ErrorDump => "error-dump",
            Reason::TemplateLeak => "control-tokens",
            Reason::BrokenCode => "broken-code",
            Reason::Superseded => "superseded",
            Reason::Outdated => "outdated",
            Reason::Duplicate => "duplicate",
            Reason::Known(_) => "known",
            Reason::Garbage(_) => "garbage",
            Reason::Unrelated => "unrelated",
            Reason::Light => "light",
            Reason::Surplus => "surplus",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Reason::ChatOut => "you have taken the conversation out",
            Reason::Out => "you have taken it out",
            Reason::Replaced => "another answer stands in its place",
            Reason::Disliked => "you did not like it",
            Reason::Complaint => "the next message complains, or asks the same again",
            Reason::Foreign(provenance) => {
                return write!(f, "there is text in it that is not yours or this model's ({provenance})");
            }
            Reason::Tools => "it rests on what a tool gave",
            Reason::Secret(kind) => return write!(f, "there is a secret in it ({kind})"),
            Reason::Empty => "nothing is asked or nothing is said",
            Reason::Short => "it has less than 3 tokens",
            Reason::Long => "it has more than 2,048 tokens",
            Reason::Truncated => "it was cut off",
            Reason::Repetition => "it repeats itself",
            Reason::Refusal => "it is a refusal",
            Reason::ErrorDump => "it is the trace of an error",
            Reason::TemplateLeak => "there are control tokens in it",
            Reason::BrokenCode => "its code does not parse",
            Reason::Superseded => "the same question has a newer or better answer",
            Reason::Outdated => "you answer questions like this one in another way by now",
            Reason::Duplicate => "there are three like it",
            Reason::Known(loss) => return write!(f, "the model knows it already ({loss:.2} nats a token)"),
            Reason::Garbage(loss) => return write!(f, "no model would say this ({loss:.1} nats a token)"),
            Reason::Unrelated => "its question does not make it likelier",
            Reason::Light => {
                "nobody has judged it, and there are enough that somebody has; or it weighs less than asked for"
            }
            Reason::Surplus => "there are enough heavier or newer ones",
        };
        f.write_str(text)
    }
}

impl Signal {
    /// A word for tables and programs, as in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Signal::Edited => "edited",
            Signal::Rule => "rule",
            Signal::Up => "up",
            Signal::Kept => "kept",
            Signal::Accepted => "accepted",
            Signal::Silence => "silence",
            Signal::Down => "down",
            Signal::Regenerated => "regenerated",
            Signal::Correction => "correction",
        }
    }
}
