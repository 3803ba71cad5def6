//! Folders in, passages out: walking, cutting, indexing and searching as a user would.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test ends at the first surprise")]

mod support;

mod chunks;
#[cfg(unix)]
mod confinement;
mod index;
#[cfg(unix)]
mod kill;
mod names;
mod search;
mod walk;
mod watch;
