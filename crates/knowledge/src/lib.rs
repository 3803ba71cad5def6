//! Which passages and rules matter for this question?
//!
//! Data goes down this list: files are walked, cut into passages, embedded (`embed`), kept in an index and found
//! again (`passage`). This crate knows no HTTP and no prompt.

pub mod embed;
pub mod minilm;
pub mod passage;
