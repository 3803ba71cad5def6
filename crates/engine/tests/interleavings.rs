//! The queue between callers and engine, in every order that two or three threads can take (loom).
//!
//! `queue.rs` and `ticket.rs` are compiled here once more, over loom's locks and with a request that only
//! counts how it ended.
#![allow(dead_code, unreachable_pub, reason = "the files have more than is tried here")]
#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

mod sync {
    pub(crate) use loom::sync::atomic::AtomicBool;
    pub(crate) use loom::sync::{Arc, Condvar, Mutex, MutexGuard};
}

mod sequence {
    use crate::ticket::CancelFlag;
    use engine::FinishReason;
    use std::sync::{Arc, Mutex};

    /// How requests ended, by name.
    pub type Ends = Arc<Mutex<Vec<(u8, &'static str)>>>;

    #[derive(Debug)]
    pub struct Sequence {
        pub name: u8,
        pub cancel: CancelFlag,
        pub ends: Ends,
    }

    impl Sequence {
        pub fn is_background(&self) -> bool {
            false
        }

        pub fn is_cancelled(&self) -> bool {
            self.cancel.is_set()
        }

        pub fn finish(self, reason: FinishReason) {
            let how = if reason == FinishReason::Cancelled { "cancelled" } else { "done" };
            self.ends.lock().unwrap().push((self.name, how));
        }

        pub fn fail(self) {
            self.ends.lock().unwrap().push((self.name, "failed"));
        }
    }
}

#[path = "../src/queue.rs"]
mod queue;
#[path = "../src/ticket.rs"]
mod ticket;

use engine::{FinishReason, SubmitError};
use loom::thread;
use queue::{Queue, Stats};
use sequence::{Ends, Sequence};
use sync::Arc;
use ticket::{CancelFlag, Ticket};

fn submit(queue: &Queue, name: u8, ends: &Ends) -> Result<Ticket, SubmitError> {
    let cancel = CancelFlag::default();
    queue.submit(Sequence { name, cancel: cancel.clone(), ends: ends.clone() })?;
    Ok(Ticket::new(cancel))
}

/// The scheduler's loop, with a step that completes every request at once.
fn engine(queue: &Queue) {
    while !queue.is_stopped() {
        queue.end_cancelled();
        match queue.pop(true) {
            Some(sequence) => {
                queue.record(|stats| stats.running -= 1);
                sequence.finish(FinishReason::Stop);
            }
            None => queue.wait(),
        }
    }
    queue.drain().into_iter().for_each(Sequence::fail);
}

fn names(ends: &Ends) -> Vec<u8> {
    let mut names: Vec<u8> = ends.lock().unwrap().iter().map(|(name, _)| *name).collect();
    names.sort();
    names
}

/// Bounded: at most three forced switches of threads, which finds nearly all that more would.
fn every_order(test: impl Fn() + Sync + Send + 'static) {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(3);
    model.check(test);
}

#[test]
fn every_accepted_request_ends_once_whenever_the_engine_stops() {
    every_order(|| {
        let (queue, ends) = (Arc::new(Queue::new(1, 9, 0)), Ends::default());
        let worker = thread::spawn({
            let queue = queue.clone();
            move || engine(&queue)
        });
        let caller = thread::spawn({
            let (queue, ends) = (queue.clone(), ends.clone());
            move || match submit(&queue, 1, &ends) {
                Ok(ticket) => {
                    ticket.cancel();
                    true
                }
                Err(refused) => {
                    assert!(matches!(refused, SubmitError::Stopped));
                    false
                }
            }
        });
        queue.stop();
        let accepted = caller.join().unwrap();
        worker.join().unwrap();
        assert_eq!(names(&ends), if accepted { vec![1] } else { vec![] });
        let Stats { running, waiting, .. } = queue.stats();
        assert_eq!((running, waiting), (0, 0));
    });
}

#[test]
fn a_sleeping_engine_hears_of_every_request() {
    every_order(|| {
        let (queue, ends) = (Arc::new(Queue::new(1, 9, 0)), Ends::default());
        let caller = thread::spawn({
            let (queue, ends) = (queue.clone(), ends.clone());
            move || submit(&queue, 1, &ends).unwrap().detach()
        });
        // The engine itself: it must not sleep for good.
        let sequence = loop {
            match queue.pop(true) {
                Some(sequence) => break sequence,
                None => queue.wait(),
            }
        };
        sequence.finish(FinishReason::Stop);
        caller.join().unwrap();
        assert_eq!(*ends.lock().unwrap(), [(1, "done")]);
    });
}

#[test]
fn the_bound_holds_while_a_request_moves() {
    every_order(|| {
        let (queue, ends) = (Arc::new(Queue::new(1, 0, 0)), Ends::default());
        submit(&queue, 1, &ends).unwrap().detach();
        let worker = thread::spawn({
            let queue = queue.clone();
            move || {
                let sequence = queue.pop(true).unwrap();
                queue.put_back(sequence); // no room in the cache yet
            }
        });
        let refused = submit(&queue, 2, &ends).map(drop);
        assert!(matches!(refused, Err(SubmitError::Busy { .. })), "one place, and it is taken all the time");
        worker.join().unwrap();
    });
}
