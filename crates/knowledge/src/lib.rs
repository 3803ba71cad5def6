//! Which passages and rules matter for this question?
//!
//! Data goes down this list: files are found (`walk`), cut into passages (`chunk`), embedded (`embed`), kept in an
//! index (`index`, `vectors`), and found again by words and by meaning (`search`); `names` says whether a text is about
//! them at all, `rules` which taught rules apply. This crate knows no HTTP and no prompt.

pub mod walk;
pub mod secrets;
pub mod chunk;
pub mod words;
mod text;
pub mod embed;
pub mod minilm;
pub mod vectors;
pub mod index;
pub mod watch;
pub mod passage;
pub mod search;
mod names;
pub mod rules;

pub use index::{Knowledge, KnowledgeError};
