//! The caller's end of a request: the way to stop it.

use crate::sync::{Arc, AtomicBool};
use std::sync::atomic::Ordering;

/// Set by the caller, read by the engine between layers, between steps and in the queue.
#[derive(Clone, Debug, Default)]
pub(crate) struct CancelFlag(Arc<AtomicBool>);

impl CancelFlag {
    /// Asks for the end. Asking twice is the same.
    pub(crate) fn set(&self) {
        // The flag guards no other data, so no ordering with it is needed.
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether the end was asked for.
    pub(crate) fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// A running or waiting request. Dropping it cancels the request, so that an answer that nobody reads ends by
/// itself; [`Ticket::detach`] lets it run on.
#[derive(Debug)]
#[must_use = "dropping the ticket cancels the request"]
pub struct Ticket {
    cancel: CancelFlag,
    detached: bool,
}

impl Ticket {
    pub(crate) fn new(cancel: CancelFlag) -> Self {
        Ticket { cancel, detached: false }
    }

    /// Ends the request soon, wherever it is: its place and its memory are free at once. Its listener then
    /// hears a `Done` with [`crate::FinishReason::Cancelled`].
    pub fn cancel(&self) {
        self.cancel.set();
    }

    /// Lets the request run to its end without anyone who can stop it.
    pub fn detach(mut self) {
        self.detached = true;
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if !self.detached {
            self.cancel.set();
        }
    }
}
