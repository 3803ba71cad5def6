//! Whole turns with a scripted model: what it is asked, what is told, what is kept.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test ends at the first surprise")]

mod context;
mod make;
mod taught;
mod files;
mod kept;
mod loops;
