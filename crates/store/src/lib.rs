//! What is kept, and is it safe? Conversations, rules, feedback and the index of passages, in SQLite.
//!
//! [`Store`] is `hone.db`: what cannot be made again. A call that returns has put its rows on the disk itself; a
//! call that fails has changed nothing. [`index`] can be rebuilt. This crate knows no HTTP and no model.

#[macro_use]
mod text_enum;
mod error;
mod id;
mod time;
pub mod disk;
mod database;
mod store;

mod chats;
mod messages;
mod spans;
mod sessions;
mod search;
pub mod exchange;
mod feedback;
mod rules;
mod intents;
mod runs;
mod adapters;
mod settings;
mod outgoing;
mod audit;
pub mod index;

pub use adapters::{Adapters, Taught};
pub use audit::{Audit, By, Entry};
pub use chats::{Chat, ChatChange, ChatFilter, Chats, NewChat, Removed};
pub use error::StoreError;
pub use feedback::{Feedback, FeedbackKind, FeedbackRow, NewFeedback};
pub use id::Id;
pub use intents::{IntentCorrection, Intents};
pub use messages::{Answer, LONGEST, Message, Messages, NewMessage, Place, Role, State};
pub use outgoing::{Outgoing, Request};
pub use rules::{
    LONGEST_RULE, Likeness, NewRule, Remembered, Resemblance, Rule, RuleSource, RuleState, RuleUse, Rules,
    Scope,
};
pub use runs::{Run, RunState, Runs};
pub use search::Found;
pub use settings::Settings;
pub use spans::{Provenance, Span, edited};
pub use store::Store;
pub use time::Time;
