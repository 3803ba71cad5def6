//! Where requests wait, between the callers' threads and the engine's.

use crate::sequence::Sequence;
use crate::sync::{Condvar, Mutex, MutexGuard};
use crate::ticket::CancelFlag;
use crate::{FinishReason, SubmitError};
use std::collections::VecDeque;
use std::sync::PoisonError;

/// What an engine is doing, and what it has done since it started.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Sequences that have a place in the batch.
    pub running: usize,
    /// Requests that wait for one.
    pub waiting: usize,
    /// Cache blocks that running sequences hold.
    pub used_blocks: usize,
    /// Cache blocks that are kept for later prompts.
    pub cached_blocks: usize,
    /// Cache blocks that there may be.
    pub total_blocks: usize,
    /// Requests accepted.
    pub requests_total: u64,
    /// Requests that were cancelled.
    pub cancelled_total: u64,
    /// Requests that failed.
    pub failed_total: u64,
    /// Times that a sequence had to give its blocks to an older one, or one in the background to another.
    pub preempted_total: u64,
    /// Tokens of the prompts of admitted requests.
    pub prompt_tokens_total: u64,
    /// Of these, found in the cache.
    pub cached_tokens_total: u64,
    /// Tokens generated.
    pub generated_tokens_total: u64,
    /// Batches computed.
    pub steps_total: u64,
}

/// First come, first served; those in the background after all others. The callers' threads push, the engine's thread pops.
#[derive(Debug)]
pub(crate) struct Queue {
    state: Mutex<State>,
    changed: Condvar,
    /// Requests that may be running or waiting, besides those in the background.
    places: usize,
    stop: CancelFlag,
}

#[derive(Debug, Default)]
struct State {
    /// In line; those in the background stand behind all others.
    waiting: VecDeque<Sequence>,
    /// `waiting` is counted when it is asked for.
    stats: Stats,
}

impl Queue {
    /// An empty queue for an engine that runs `sequences` and lets `waiting` more wait.
    pub(crate) fn new(sequences: usize, waiting: usize, total_blocks: usize) -> Self {
        let stats = Stats { total_blocks, ..Stats::default() };
        Queue {
            state: Mutex::new(State { waiting: VecDeque::new(), stats }),
            changed: Condvar::new(),
            places: sequences.saturating_add(waiting),
            stop: CancelFlag::default(),
        }
    }

    /// Accepts a request, unless there are too many.
    pub(crate) fn submit(&self, sequence: Sequence) -> Result<(), SubmitError> {
        let mut state = self.lock();
        if self.stop.is_set() {
            return Err(SubmitError::Stopped);
        }
        let waiting = state.waiting(|sequence| !sequence.is_background());
        if state.stats.running + waiting >= self.places && !sequence.is_background() {
            return Err(SubmitError::Busy { waiting });
        }
        let end = if sequence.is_background() { state.waiting.len() } else { state.others() };
        state.waiting.insert(end, sequence);
        state.stats.requests_total += 1;
        drop(state);
        self.changed.notify_one();
        Ok(())
    }

    /// The first request in line, one in the `background` only where that may be. It counts as running from here on.
    pub(crate) fn pop(&self, background: bool) -> Option<Sequence> {
        let mut state = self.lock();
        if state.others() == 0 && !background {
            return None;
        }
        let sequence = state.waiting.pop_front()?;
        state.stats.running += 1;
        Some(sequence)
    }

    /// A popped request goes back to the head of its line.
    pub(crate) fn put_back(&self, sequence: Sequence) {
        let mut state = self.lock();
        let head = if sequence.is_background() { state.others() } else { 0 };
        state.waiting.insert(head, sequence);
        state.stats.running -= 1;
    }

    /// Lets cancelled requests leave the line. Their listeners are told without the lock: they may call back.
    pub(crate) fn end_cancelled(&self) {
        let mut state = self.lock();
        let (cancelled, waiting): (VecDeque<_>, _) =
            state.waiting.drain(..).partition(Sequence::is_cancelled);
        state.waiting = waiting;
        state.stats.cancelled_total += cancelled.len() as u64;
        drop(state);
        for sequence in cancelled {
            sequence.finish(FinishReason::Cancelled);
        }
    }

    /// Everything that waits, for the end.
    pub(crate) fn drain(&self) -> Vec<Sequence> {
        self.lock().waiting.drain(..).collect()
    }

    /// Sleeps until somebody waits or the engine shall stop.
    pub(crate) fn wait(&self) {
        let mut state = self.lock();
        while state.waiting.is_empty() && !self.stop.is_set() {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Ends the engine: what runs is aborted, what comes is refused.
    pub(crate) fn stop(&self) {
        let state = self.lock();
        self.stop.set();
        drop(state);
        self.changed.notify_all();
    }

    /// Whether the engine shall stop.
    pub(crate) fn is_stopped(&self) -> bool {
        self.stop.is_set()
    }

    /// Changes the counts.
    pub(crate) fn record(&self, change: impl FnOnce(&mut Stats)) {
        change(&mut self.lock().stats);
    }

    /// Whether somebody waits for whom those in the background must give way.
    pub(crate) fn is_wanted(&self) -> bool {
        self.lock().others() > 0
    }

    /// Whether there is anything to answer.
    pub(crate) fn is_busy(&self) -> bool {
        let state = self.lock();
        state.stats.running + state.waiting(|_| true) > 0
    }

    /// The counts at this moment.
    pub(crate) fn stats(&self) -> Stats {
        let state = self.lock();
        Stats { waiting: state.waiting(|_| true), ..state.stats.clone() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing that runs under the lock leaves it half changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Requests of a kind that still want a place: a cancelled one has left, though the engine has not told it so yet.
    fn waiting(&self, kind: impl Fn(&Sequence) -> bool) -> usize {
        self.waiting.iter().filter(|sequence| kind(sequence) && !sequence.is_cancelled()).count()
    }

    /// How many stand before those in the background.
    fn others(&self) -> usize {
        self.waiting.partition_point(|sequence| !sequence.is_background())
    }
}
