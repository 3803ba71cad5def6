//! Whole cycles on a tiny model: promoted, held, stopped, killed, forgotten.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test ends at the first surprise")]

mod decisions;
mod kill;
mod make;
