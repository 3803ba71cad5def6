//! One folder at a time is brought into the index, on a thread of its own; what it tells is heard by those who listen.

use crate::event_log::{EventLog, Logged};
use knowledge::Knowledge;
use knowledge::index::{Options, Progress, Report};
use serde::Serialize;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use store::Id;
use utoipa::ToSchema;

/// Progress is told this often at most.
const PACE: Duration = Duration::from_millis(200);

/// The folder that is being indexed, or the last one.
#[derive(Default)]
pub(crate) struct Indexing(Mutex<Option<Arc<Session>>>);

/// A pass over a folder, as its watchers see it.
pub(crate) struct Session {
    /// Its name on this server.
    pub(crate) id: String,
    /// The folder.
    pub(crate) path: PathBuf,
    standing: Mutex<Standing>,
    events: EventLog,
    stop: AtomicBool,
}

/// How far a pass is.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
#[schema(as = IndexStanding)]
pub(crate) struct Standing {
    /// `running`, `stopping`, `stopped`, `done` or `failed`.
    #[schema(value_type = String)]
    pub(crate) state: Phase,
    /// Files that are read, of those that are new or changed.
    #[schema(required)]
    pub(crate) files: Option<IndexProgress>,
    /// Passages that are embedded, of those that were not.
    #[schema(required)]
    pub(crate) vectors: Option<IndexProgress>,
    /// What became of the folder, in the end.
    #[schema(required)]
    pub(crate) report: Option<IndexReport>,
    /// Why it failed.
    #[schema(required)]
    pub(crate) error: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Phase {
    #[default]
    Running,
    Stopping,
    Stopped,
    Done,
    Failed,
}

/// So much is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct IndexProgress {
    /// Done.
    done: u64,
    /// Of so many.
    total: u64,
}

/// What became of a folder.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct IndexReport {
    /// Files that are in the index now.
    files: u64,
    /// Files that were new or changed.
    changed: u64,
    /// Files that are gone.
    removed: u64,
    /// Passages of the new and changed files.
    passages: u64,
    /// Passages that got a vector.
    embedded: u64,
    /// Files and folders that were not read, by reason. What ignore files name is not counted.
    skipped: BTreeMap<String, u64>,
}

/// News of a pass; the name of the event says which.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub(crate) enum IndexEvent {
    /// `files` or `vectors`: how far it is.
    Progress(IndexProgress),
    /// `done` or `stopped`: what became of the folder. What is done is kept.
    Report(IndexReport),
    /// `failed`: why.
    Failed {
        /// For people.
        message: String,
    },
}

/// Why a pass does not begin.
pub(crate) enum NotStarted {
    /// This folder is being indexed.
    Running(PathBuf),
    /// What the system said.
    Thread(std::io::Error),
}

impl Indexing {
    /// Starts a pass over a folder. One at a time.
    pub(crate) fn start(&self, index: Arc<Knowledge>, path: &Path) -> Result<Arc<Session>, NotStarted> {
        let mut current = self.lock();
        if let Some(running) = current.as_ref().filter(|session| !session.events.is_ended()) {
            return Err(NotStarted::Running(running.path.clone()));
        }
        let session = Arc::new(Session {
            id: Id::new().to_string(),
            path: path.to_path_buf(),
            standing: Mutex::default(),
            events: EventLog::default(),
            stop: AtomicBool::new(false),
        });
        let told = Arc::clone(&session);
        let work = move || told.run(&index);
        std::thread::Builder::new().name("index".into()).spawn(work).map_err(NotStarted::Thread)?;
        *current = Some(Arc::clone(&session));
        Ok(session)
    }

    /// The pass that is going on, or the last one since the server started.
    pub(crate) fn session(&self) -> Option<Arc<Session>> {
        self.lock().clone()
    }

    /// Asks the pass to end; what is done is kept.
    pub(crate) fn stop(&self) {
        self.session().inspect(|session| session.stop());
    }

    fn lock(&self) -> MutexGuard<'_, Option<Arc<Session>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Session {
    /// Asks it to end; what is done is kept.
    pub(crate) fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
        let state = &mut self.lock().state;
        if *state == Phase::Running {
            *state = Phase::Stopping;
        }
    }

    /// How far it is.
    pub(crate) fn standing(&self) -> Standing {
        self.lock().clone()
    }

    /// Whether it is going on.
    pub(crate) fn is_running(&self) -> bool {
        !self.events.is_ended()
    }

    fn run(&self, index: &Knowledge) {
        let mut told: Option<Instant> = None;
        let mut progress = |progress| {
            let (name, now) = match progress {
                Progress::Files(done, total) => ("files", IndexProgress { done, total }),
                Progress::Vectors(done, total) => ("vectors", IndexProgress { done, total }),
            };
            if now.done == now.total || told.is_none_or(|at| at.elapsed() >= PACE) {
                told = Some(Instant::now());
                self.put(name, &IndexEvent::Progress(now), |standing| match progress {
                    Progress::Files(..) => standing.files = Some(now),
                    Progress::Vectors(..) => standing.vectors = Some(now),
                });
            }
            !self.stop.load(Ordering::Relaxed)
        };
        let add = || index.add(&self.path, &Options::default(), &mut progress);
        match catch_unwind(AssertUnwindSafe(add)) {
            Ok(Ok(report)) => self.ended(report),
            Ok(Err(error)) => self.failed(error.to_string()),
            Err(_) => self.failed("indexing failed inside hone; the server's log says more".to_owned()),
        }
        self.events.end();
    }

    fn ended(&self, report: Report) {
        let (name, state) = if report.stopped { ("stopped", Phase::Stopped) } else { ("done", Phase::Done) };
        let report = IndexReport::from(report);
        self.put(name, &IndexEvent::Report(report.clone()), |standing| {
            (standing.state, standing.report) = (state, Some(report));
        });
    }

    fn failed(&self, message: String) {
        tracing::warn!("indexing {} failed: {message}", self.path.display());
        self.put("failed", &IndexEvent::Failed { message: message.clone() }, |standing| {
            (standing.state, standing.error) = (Phase::Failed, Some(message));
        });
    }

    fn put(&self, name: &str, event: &IndexEvent, change: impl FnOnce(&mut Standing)) {
        let mut standing = self.lock();
        change(&mut standing);
        // Under the lock, so that events stand in the order of what they tell.
        self.events.put(name, event);
    }

    fn lock(&self) -> MutexGuard<'_, Standing> {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Logged for Session {
    fn log(&self) -> &EventLog {
        &self.events
    }
}

impl From<Report> for IndexReport {
    fn from(report: Report) -> IndexReport {
        let Report { files, changed, removed, passages, embedded, skipped, .. } = report;
        let skipped = skipped.into_iter().map(|(why, count)| (why.to_string(), count)).collect();
        IndexReport { files, changed, removed, passages, embedded, skipped }
    }
}
