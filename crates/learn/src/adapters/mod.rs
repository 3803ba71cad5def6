//! Trained adapters on disk: what each is, where it came from, and which is in use.
//!
//! ```text
//! adapters/20261124-031500-4f2a/adapter.gguf    llama.cpp's LoRA file, f32
//! adapters/20261124-031500-4f2a/adapter.json    what it is: a `Manifest`
//! adapters/active.json                          which one is in use for each base, and what was before
//! adapters/.new-…, .gone-…                      left by a process that was killed; cleared away by the next
//! adapters/.lock                                held by the process that changes something
//! ```
//!
//! An adapter appears by the rename of its complete folder. What is in use changes by the rename of `active.json`. So
//! whenever a process is killed there is exactly one answer to the question which adapter is in use.

mod active;
mod disk;
mod error;
mod id;
mod library;
mod manifest;
mod name;
mod time;

pub use error::AdaptersError;
pub(crate) use id::next as next_id;
pub use library::{Library, NewAdapter, RolledBack};
pub use manifest::{Base, Manifest};
pub use name::check as check_name;
