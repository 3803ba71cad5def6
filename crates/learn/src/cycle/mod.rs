//! One cycle of learning: from examples to a better adapter, or none.
//!
//! The examples are divided into those to learn from and those to judge with (`divide`, remembered in `state`), the recipe
//! follows from their number (`recipe`), an adapter is trained from zero on all of them and held to the base by replay
//! (`learn`), judged, and promoted, held or rejected (`run`), all of it such that a killed process goes on where it was
//! (`promote`), with a report (`tell`). What belongs to a cycle is in `settings`.

mod divide;
mod error;
mod learn;
mod promote;
mod recipe;
mod run;
mod settings;
mod state;
mod tell;

pub use divide::{Divided, divide};
pub use error::CycleError;
pub(crate) use learn::learned;
pub(crate) use recipe::attempt;
pub use recipe::{alone, recipe};
pub use settings::{Cycle, Deployed, Event, Options, Outcome};
pub use state::State;

use crate::dataset::{self, Message};
use crate::export::{self, Signal};
use store::Time;

/// One example of the user's.
#[derive(Clone, Debug, PartialEq)]
pub struct Example {
    /// What was said; the last message is the answer that the user wants, and it alone is learned.
    pub messages: Vec<Message>,
    /// What its loss is multiplied with; above 0.
    pub weight: f32,
    /// Examples of one topic are on one side.
    pub topic: u64,
    /// When it was made.
    pub time: Time,
    /// The conversation that it comes from; empty where there is none.
    pub chat: String,
    /// Whether the user has accepted or edited it, so that it can be judged with.
    pub accepted: bool,
}

impl Example {
    /// What was said before the answer.
    pub fn before(&self) -> &[Message] {
        self.messages.split_last().map_or(&[], |(_, before)| before)
    }

    /// What it is known by: SHA-256 over roles and texts, in hexadecimal.
    pub fn digest(&self) -> String {
        let example = dataset::Example { messages: self.messages.clone(), given: 0, weight: 1.0 };
        example.digest().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

impl From<&export::Example> for Example {
    fn from(example: &export::Example) -> Example {
        let accepted = matches!(
            example.signal,
            Signal::Edited | Signal::Rule | Signal::Up | Signal::Kept | Signal::Accepted
        );
        Example {
            messages: example.messages.clone(),
            weight: example.weight,
            topic: example.topic,
            time: example.time,
            chat: example.chat.clone(),
            accepted,
        }
    }
}
