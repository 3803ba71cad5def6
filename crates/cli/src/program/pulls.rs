//! Pulls that the web UI has begun, each on a thread of its own.

use crate::commands::pull::checkpoint;
use crate::config::App;
use hub::{Progress, PullOptions};
use server::{ProgramError, PullObject};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Pulls that are remembered.
const KEPT: usize = 20;

/// The newest first.
#[derive(Default)]
pub(super) struct Pulls(Mutex<Vec<Arc<Told>>>);

/// A pull, and what was told of it.
struct Told {
    pull: Mutex<PullObject>,
    stop: AtomicBool,
}

impl Pulls {
    pub(super) fn list(&self) -> Vec<PullObject> {
        self.lock().iter().map(|pull| pull.lock().clone()).collect()
    }

    /// Begins a pull, unless it goes on already. What is wrong with the name is said at once.
    pub(super) fn start(&self, app: App, source: &str) -> Result<(), ProgramError> {
        let wrong =
            |error: hub::HubError| ProgramError::Invalid { field: "name".into(), message: error.to_string() };
        let whole = hub::resolve::resolve(source).map_err(wrong)?.is_checkpoint();
        let mut pulls = self.lock();
        let same = |pull: &Arc<Told>| pull.lock().source == source;
        if pulls.iter().any(|pull| same(pull) && pull.lock().state == "running") {
            return Err(ProgramError::Conflict(format!("{source} is being fetched already")));
        }
        pulls.retain(|pull| !same(pull));
        pulls.truncate(KEPT);
        let told = Arc::new(Told::new(source));
        let (work, source) = (Arc::clone(&told), source.to_owned());
        let run = move || work.end(fetch(&app, &source, whole, &work));
        let started = std::thread::Builder::new().name("pull".into()).spawn(run);
        started.map_err(|error| ProgramError::Failed(format!("cannot start a thread: {error}")))?;
        pulls.insert(0, told);
        Ok(())
    }

    /// Asks a pull to end; says whether there is one.
    pub(super) fn stop(&self, source: &str) -> bool {
        let pulls = self.lock();
        let mut running = pulls.iter().filter(|pull| {
            let pull = pull.lock();
            pull.source == source && pull.state == "running"
        });
        running.next().inspect(|pull| pull.stop.store(true, Ordering::Relaxed)).is_some()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Arc<Told>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn fetch(app: &App, source: &str, whole: bool, told: &Told) -> anyhow::Result<()> {
    let (library, options) = (app.library()?, PullOptions::from_env());
    match whole {
        true => checkpoint::pull(&library, source, None, &options, told).map(drop),
        false => Ok(hub::pull(&library, source, &options, told).map(drop)?),
    }
}

impl Told {
    fn new(source: &str) -> Told {
        let pull = PullObject {
            source: source.to_owned(),
            state: "running".to_owned(),
            what: String::new(),
            done: 0,
            total: None,
            message: None,
            error: None,
        };
        Told { pull: Mutex::new(pull), stop: AtomicBool::new(false) }
    }

    fn end(&self, result: anyhow::Result<()>) {
        let mut pull = self.lock();
        match result {
            Ok(()) => pull.state = "done".to_owned(),
            Err(_) if self.is_stopped() => pull.state = "stopped".to_owned(),
            Err(error) => {
                pull.state = "failed".to_owned();
                pull.error = Some(format!("{error:#}"));
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, PullObject> {
        self.pull.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Progress for Told {
    fn start(&self, what: &str, total: Option<u64>) {
        let mut pull = self.lock();
        (pull.what, pull.total, pull.done) = (what.to_owned(), total, 0);
    }

    fn advance(&self, done: u64) {
        self.lock().done = done;
    }

    fn message(&self, text: &str) {
        self.lock().message = Some(text.to_owned());
    }

    fn finish(&self) {}

    fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, Instant};

    #[test]
    fn a_pull_that_fails_says_why_and_can_be_begun_again() {
        let home = tempfile::tempdir().unwrap();
        let pulls = Pulls::default();
        let app = || App::of_user(home.path()).unwrap();
        let wrong = pulls.start(app(), "no-such-model").unwrap_err();
        assert!(matches!(wrong, ProgramError::Invalid { ref field, .. } if field == "name"), "{wrong}");
        let broken = home.path().join("broken.gguf");
        std::fs::write(&broken, "no model").unwrap();
        for _ in 0..2 {
            pulls.start(app(), broken.to_str().unwrap()).unwrap();
            let until = Instant::now() + Duration::from_secs(20);
            while pulls.list()[0].state == "running" && Instant::now() < until {
                std::thread::sleep(Duration::from_millis(5));
            }
            let told = pulls.list();
            assert_eq!((told.len(), told[0].state.as_str()), (1, "failed"));
            assert!(told[0].error.as_deref().unwrap().contains("broken.gguf"), "{told:?}");
        }
    }
}
