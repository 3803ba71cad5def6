//! The adapters on disk: their life, their damage, and processes that are killed.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "tests may")]

mod damage;
mod kill;
mod life;
mod make;
