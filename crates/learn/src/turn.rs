//! Whose turn it is to compute: learning gives way to answers.

use std::sync::atomic::{AtomicBool, Ordering};

/// How learning shares the processor with answers. While it computes by itself it asks for its turn before each layer;
/// before it lets the model answer, or writes to the disk, it leaves.
pub trait Turn {
    /// Takes the next turn, waiting for it where others are at work, and says whether to stop.
    fn next(&mut self) -> bool;
    /// Ends the turn.
    fn leave(&mut self);
    /// Whether to stop.
    fn is_stopped(&self) -> bool;
}

/// Nobody else is at work.
#[derive(Debug)]
pub struct Alone<'a>(pub &'a AtomicBool);

impl Turn for Alone<'_> {
    fn next(&mut self) -> bool {
        self.is_stopped()
    }

    fn leave(&mut self) {}

    fn is_stopped(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
