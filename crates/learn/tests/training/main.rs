//! Whole training runs: interrupted, resumed, refused.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "tests may")]

mod kill;
mod make;
mod refused;
mod runs;
