//! Whole cycles on a tiny model: promoted, held, stopped, killed, forgotten.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test ends at the first surprise")]

mod behind;
mod canaries;
mod decisions;
#[allow(dead_code, reason = "shared with the tests of the export")]
#[path = "../export/kept.rs"]
mod kept;
mod kill;
mod make;
#[path = "../export/planted.rs"]
mod planted;
