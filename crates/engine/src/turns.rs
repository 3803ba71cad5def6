//! Who computes now: answers first, training in the gaps between them.
//!
//! An engine and a training run share the cores, so only one of them computes at a time. The engine takes a turn for
//! each step, training one for each layer. Training waits while there is anything to answer, but not for ever: under
//! constant load it gets a small share of the time, a layer at a time.

use crate::queue::Queue;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Under constant load training waits so many times as long as its last turn took: it gets about this part of the time,
/// and since a layer of a pack takes longer than a token, it delays fewer than one token in so many.
const SHARE: u32 = 64;

/// Training waits at least this long before it takes a turn that answers would have had.
const PATIENCE: Duration = Duration::from_secs(1);

/// How often a waiting run looks whether it shall stop.
const LOOK: Duration = Duration::from_millis(20);

/// Whose turn it is.
#[derive(Debug, Default)]
pub(crate) struct Turns {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// Somebody computes.
    taken: bool,
    /// Training has waited long enough: the next turn is its own.
    overdue: bool,
}

impl Turns {
    /// Computes one step of the answers, once nobody else computes.
    pub(crate) fn answer(&self, step: impl FnOnce()) {
        let mut state = self.lock();
        while state.taken || state.overdue {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.taken = true;
        drop(state);
        step();
        let mut state = self.lock();
        state.taken = false;
        // A run that is not overdue looks by itself: a token should not have to wake it.
        if state.overdue {
            self.changed.notify_all();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing that runs under the lock leaves it half changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The gaps between an engine's answers, for a run on the same cores. From one [`Gaps::next`] to the following one, or
/// to [`Gaps::leave`], it is the run's turn and the engine waits.
#[derive(Debug)]
pub struct Gaps {
    turns: Arc<Turns>,
    queue: Arc<Queue>,
    /// When the turn began that is being had.
    began: Option<Instant>,
    /// How long the last turn took.
    took: Duration,
}

impl Gaps {
    pub(crate) fn new(turns: Arc<Turns>, queue: Arc<Queue>) -> Gaps {
        Gaps { turns, queue, began: None, took: Duration::ZERO }
    }

    /// Ends this turn and waits for the next one: until there is nothing to answer, or, under constant load, for many
    /// times as long as the last turn took. While `hurry` is true, for the end of the engine's step only.
    pub fn next(&mut self, hurry: &dyn Fn() -> bool) {
        self.leave();
        let (asked, patience) = (Instant::now(), PATIENCE.max(self.took * SHARE));
        let mut state = self.turns.lock();
        loop {
            let mine = !self.queue.is_busy() || hurry() || asked.elapsed() >= patience;
            if mine && !state.taken {
                break;
            }
            state.overdue = mine;
            let waited = self.turns.changed.wait_timeout(state, LOOK);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        *state = State { taken: true, overdue: false };
        self.began = Some(Instant::now());
    }

    /// Ends this turn. The engine computes from here on.
    pub fn leave(&mut self) {
        if let Some(began) = self.began.take() {
            self.took = began.elapsed();
            self.turns.lock().taken = false;
            self.turns.changed.notify_all();
        }
    }
}

impl Drop for Gaps {
    fn drop(&mut self) {
        self.leave();
    }
}
