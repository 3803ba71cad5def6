//! From conversations to a set: what is kept, what is dropped and why, and what never gets in.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test ends at the first surprise")]

mod canaries;
mod kept;
mod outcomes;
mod planted;
mod provenance;
mod sets;
