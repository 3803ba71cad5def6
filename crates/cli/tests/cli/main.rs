//! End-to-end tests: the real program, a data folder of its own, tiny models with random weights. Tests that
//! need sense use the starter model, and say `skipped` where it is missing.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "tests may")]

mod adapter;
mod bench;
mod chat;
mod chats;
mod data;
mod checkpoint;
mod doctor;
mod export;
mod index;
mod intent;
mod learn;
mod models;
mod remote;
mod rules;
mod serve;
mod serve_train;
mod support;
mod terminal;
mod train;
mod usage;
mod verify;
