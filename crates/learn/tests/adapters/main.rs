//! The adapters on disk: their life, their damage, and processes that are killed.
#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

mod damage;
mod kill;
mod life;
mod make;
