//! Which passages and rules matter for this question?
//!
//! Data goes down this list: files are walked, cut into passages, embedded (`embed`), kept in an index and found
//! again (`passage`); which taught rules apply is said by `rules`. This crate knows no HTTP and no prompt.

pub mod embed;
pub mod passage;
pub mod rules;
