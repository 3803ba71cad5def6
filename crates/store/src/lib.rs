//! What is kept, and is it safe? Conversations, rules, feedback and the index of passages, in SQLite.

pub mod index;
