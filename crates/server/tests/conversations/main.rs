//! Conversations over HTTP, with what is taught and learned in them.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../common/mod.rs"]
mod common;
mod learned;
mod make;
mod turns;
