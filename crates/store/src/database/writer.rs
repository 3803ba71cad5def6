//! The one thread that writes. Changes that wait share a commit, so that many a second can be durable.

use crate::{StoreError, disk};
use rusqlite::Connection;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

/// Changes that wait at most; more senders wait for a place.
const QUEUE: usize = 1024;
/// Changes that share a commit at most.
const GROUP: usize = 256;

/// Where changes are handed in.
pub(super) struct Writer {
    /// `None` only while dropping.
    jobs: Option<SyncSender<Job>>,
    thread: Option<JoinHandle<()>>,
}

enum Job {
    /// Part of a transaction.
    Change(Change),
    /// Something that SQLite does outside of transactions.
    Maintain(Box<dyn FnOnce(&Connection) + Send>),
}

/// Runs inside of a savepoint, or not at all where there is an error already; gives what tells the waiting caller how
/// it ended.
type Change = Box<dyn FnOnce(Result<&Connection, StoreError>) -> Ran + Send>;

struct Ran {
    failed: Option<StoreError>,
    answer: Box<dyn FnOnce(Result<(), StoreError>) + Send>,
}

impl Writer {
    pub(super) fn start(connection: Connection, path: &Path) -> Result<Writer, StoreError> {
        let (jobs, queue) = sync_channel(QUEUE);
        let mut desk = Desk { connection, path: path.to_path_buf(), stopped: None };
        let thread = std::thread::Builder::new()
            .name("store".into())
            .spawn(move || desk.work(&queue))
            .map_err(|error| StoreError::Io(format!("cannot start a thread: {error}")))?;
        Ok(Writer { jobs: Some(jobs), thread: Some(thread) })
    }

    /// See [`super::Database::write`].
    pub(super) fn write<T: Send + 'static>(
        &self,
        change: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (reply, answer) = sync_channel(1);
        self.send(Job::Change(Box::new(move |connection| {
            let result = connection.and_then(|connection| caught(|| change(connection)));
            let failed = result.as_ref().err().cloned();
            // Whoever asked may be gone by now.
            let answer = move |committed: Result<(), StoreError>| drop(reply.send(committed.and(result)));
            Ran { failed, answer: Box::new(answer) }
        })))?;
        answer.recv().unwrap_or_else(|_| Err(gone()))
    }

    /// Runs `task` between two transactions.
    pub(super) fn maintain(
        &self,
        task: impl FnOnce(&Connection) -> Result<(), StoreError> + Send + 'static,
    ) -> Result<(), StoreError> {
        let (reply, answer) = sync_channel(1);
        let task = move |connection: &Connection| drop(reply.send(caught(|| task(connection))));
        self.send(Job::Maintain(Box::new(task)))?;
        answer.recv().unwrap_or_else(|_| Err(gone()))
    }

    fn send(&self, job: Job) -> Result<(), StoreError> {
        self.jobs.as_ref().ok_or_else(gone)?.send(job).map_err(|_| gone())
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.jobs = None; // ends the thread, which closes the connection
        if let Some(thread) = self.thread.take() {
            // Its panics were answered to the callers.
            let _ = thread.join();
        }
    }
}

fn gone() -> StoreError {
    StoreError::Internal("the writer has stopped".into())
}

/// A panic inside of a change must not take the writer with it.
fn caught<T>(run: impl FnOnce() -> Result<T, StoreError>) -> Result<T, StoreError> {
    catch_unwind(AssertUnwindSafe(run))
        .unwrap_or_else(|_| Err(StoreError::Internal("a change panicked".into())))
}

/// What the thread owns.
struct Desk {
    connection: Connection,
    path: PathBuf,
    /// After an error that leaves open what is on the disk.
    stopped: Option<StoreError>,
}

impl Desk {
    fn work(&mut self, queue: &Receiver<Job>) {
        let mut waiting = None;
        while let Some(job) = waiting.take().or_else(|| queue.recv().ok()) {
            let mut group = match job {
                Job::Change(change) => vec![change],
                Job::Maintain(task) => {
                    task(&self.connection);
                    continue;
                }
            };
            while group.len() < GROUP {
                match queue.try_recv() {
                    Ok(Job::Change(change)) => group.push(change),
                    Ok(other) => {
                        waiting = Some(other);
                        break;
                    }
                    Err(_) => break,
                }
            }
            self.commit(group);
        }
    }

    /// One transaction around all of them. A change that fails takes only itself back.
    fn commit(&mut self, group: Vec<Change>) {
        let begun = match &self.stopped {
            Some(why) => Err(why.clone()),
            None => self.connection.execute_batch("BEGIN IMMEDIATE").map_err(StoreError::from),
        };
        if let Err(error) = begun {
            return group.into_iter().for_each(|change| refuse(change, &error));
        }
        let mut done = Vec::new();
        let mut lost = None;
        for change in group {
            match &lost {
                None => lost = self.run(change, &mut done),
                Some(error) => refuse(change, error),
            }
        }
        let committed = match lost {
            Some(error) => Err(error),
            None => self.connection.execute_batch("COMMIT").map_err(StoreError::from),
        };
        let committed = committed.map_err(|error| self.undo(error));
        for ran in done {
            (ran.answer)(committed.clone());
        }
    }

    /// Runs a change inside of a savepoint. Gives an error when the whole transaction is lost with it.
    fn run(&self, change: Change, done: &mut Vec<Ran>) -> Option<StoreError> {
        if let Err(error) = self.connection.execute_batch("SAVEPOINT change") {
            let error = StoreError::from(error);
            refuse(change, &error);
            return Some(error);
        }
        let ran = change(Ok(&self.connection));
        // Errors of the disk make SQLite roll the whole transaction back on its own.
        if self.connection.is_autocommit() {
            let error = ran.failed.clone().unwrap_or_else(|| StoreError::Internal("rolled back".into()));
            (ran.answer)(Err(error.clone()));
            return Some(error);
        }
        let end = if ran.failed.is_some() { "ROLLBACK TO change; RELEASE change" } else { "RELEASE change" };
        let ended = self.connection.execute_batch(end).map_err(StoreError::from);
        match (ended, ran.failed.is_some()) {
            (Ok(()), true) => (ran.answer)(Ok(())), // its own error is what it answers
            (Ok(()), false) => done.push(ran),
            (Err(error), _) => {
                (ran.answer)(Err(error.clone()));
                return Some(error);
            }
        }
        None
    }

    /// After a commit that failed. A full disk and another writer pass; any other error of the disk does not: what a
    /// failed fsync has left behind nobody knows.
    fn undo(&mut self, error: StoreError) -> StoreError {
        if !self.connection.is_autocommit()
            && let Err(error) = self.connection.execute_batch("ROLLBACK")
        {
            tracing::error!("cannot roll back: {error}");
        }
        match error {
            StoreError::Io(why) if no_room(&self.path) => StoreError::Full(why),
            StoreError::Io(why) => {
                tracing::error!("the disk has failed, nothing more is saved: {why}");
                let stopped = StoreError::Stopped(why);
                self.stopped = Some(stopped.clone());
                stopped
            }
            other => other,
        }
    }
}

fn refuse(change: Change, error: &StoreError) {
    (change(Err(error.clone())).answer)(Ok(()));
}

/// Whether an I/O error on this disk has to do with room: less than a page of the log and its index is left.
pub(super) fn no_room(path: &Path) -> bool {
    path.parent().and_then(disk::free).is_some_and(|free| free < 256 << 10)
}
