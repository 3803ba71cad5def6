//! Training against torch and PEFT, and what must not change it.
#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

#[path = "../fixtures/mod.rs"]
mod fixtures;
mod chats;
mod properties;
mod recorded;
mod soft;
mod torch;
