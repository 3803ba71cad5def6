//! `hone.db`: opened, cared for, and handed out by subject.

use crate::database::{Database, Kind, backup};
use crate::disk::{self, Ballast};
use crate::sessions::Session;
use crate::{
    Adapters, Audit, By, Chats, Feedback, Intents, Messages, Outgoing, Rules, Runs, Settings, StoreError,
};
use rusqlite::{Connection, InterruptHandle};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// What cannot be made again. Cheap to clone; may be used from any thread.
#[derive(Clone)]
pub struct Store {
    pub(crate) inner: Arc<Inner>,
    /// Whose changes these are, for the audit log.
    pub(crate) by: By,
}

pub(crate) struct Inner {
    /// Stops before the database is closed.
    _caretaker: Caretaker,
    pub(crate) database: Database,
    pub(crate) session: Session,
    pub(crate) ballast: Ballast,
    home: PathBuf,
}

/// `hone` in ASCII.
const KIND: Kind = Kind {
    application: 0x686f_6e65,
    migrations: &[include_str!("schema/1.sql")],
    precious: true,
    synchronous: "FULL",
    prepare: |_| Ok(()),
};

impl Store {
    /// Opens or makes `hone.db` in the data folder. Answers that a killed process has left unfinished are marked as
    /// interrupted; a copy of the file is made once a day, on a thread of its own.
    ///
    /// # Errors
    /// [`StoreError::Newer`] and [`StoreError::Corrupt`] leave the file as it is.
    pub fn open(home: &Path) -> Result<Store, StoreError> {
        Store::open_as(home, KIND)
    }

    /// Without any waiting for the disk. Loses what was acknowledged in a power cut; the null control of that test.
    #[doc(hidden)]
    pub fn open_unsafely(home: &Path) -> Result<Store, StoreError> {
        Store::open_as(home, Kind { synchronous: "OFF", ..KIND })
    }

    fn open_as(home: &Path, kind: Kind) -> Result<Store, StoreError> {
        disk::private_folder(home)?;
        let ballast = Ballast::keep(home);
        let path = home.join("hone.db");
        let database = match Database::open(&path, kind) {
            // Opening needs a little room too.
            Err(StoreError::Full(_)) if ballast.release() => Database::open(&path, kind)?,
            other => other?,
        };
        let session = Session::new(home);
        session.mark_interrupted(&database)?;
        let _caretaker = Caretaker::start(&path);
        Ok(Store {
            inner: Arc::new(Inner { _caretaker, database, session, ballast, home: home.to_path_buf() }),
            by: By::Cli,
        })
    }

    /// The same store, whose changes the audit log tells as those of `by`; as it was opened they are a command's.
    #[must_use]
    pub fn by(&self, by: By) -> Store {
        Store { by, ..self.clone() }
    }

    /// The data folder.
    pub fn home(&self) -> &Path {
        &self.inner.home
    }

    /// Conversations.
    pub fn chats(&self) -> Chats<'_> {
        Chats(self)
    }

    /// Messages of conversations.
    pub fn messages(&self) -> Messages<'_> {
        Messages(self)
    }

    /// What the user thought of answers.
    pub fn feedback(&self) -> Feedback<'_> {
        Feedback(self)
    }

    /// What hone was taught.
    pub fn rules(&self) -> Rules<'_> {
        Rules(self)
    }

    /// Corrections of judged intents.
    pub fn intents(&self) -> Intents<'_> {
        Intents(self)
    }

    /// Training runs.
    pub fn runs(&self) -> Runs<'_> {
        Runs(self)
    }

    /// Which conversations adapters were trained on.
    pub fn adapters(&self) -> Adapters<'_> {
        Adapters(self)
    }

    /// Settings that were made in the program itself.
    pub fn settings(&self) -> Settings<'_> {
        Settings(self)
    }

    /// What has left the machine, and what came back.
    pub fn outgoing(&self) -> Outgoing<'_> {
        Outgoing(self)
    }

    /// The log of what matters for trust.
    pub fn audit(&self) -> Audit<'_> {
        Audit(self)
    }

    /// Reads the whole file and gives what is wrong with it: nothing, as a rule.
    pub fn check(&self) -> Result<Vec<String>, StoreError> {
        let mut findings = self.inner.database.check()?;
        findings.extend(self.audit().check()?);
        Ok(findings)
    }

    /// Makes the copy of today now, where it is missing: its path.
    pub fn backup(&self) -> Result<Option<PathBuf>, StoreError> {
        let path = self.inner.database.path();
        backup::daily(&backup::source(path)?, path)
    }

    pub(crate) fn write<T: Send + 'static>(
        &self,
        change: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.inner.database.write(change)
    }

    /// A change that makes room. On a full disk it gets the room that was kept back for it.
    pub(crate) fn remove<T: Send + 'static>(
        &self,
        change: impl Fn(&Connection) -> Result<T, StoreError> + Send + Clone + 'static,
    ) -> Result<T, StoreError> {
        let ballast = &self.inner.ballast;
        let removed = match self.inner.database.write(change.clone()) {
            Err(StoreError::Full(_)) if ballast.release() => self.inner.database.write(change)?,
            other => other?,
        };
        // The rows are gone already; a disk that is still too full for this only keeps their room a little longer.
        if let Err(error) = self.inner.database.shrink() {
            tracing::warn!("cannot give room back: {error}");
        }
        ballast.refill();
        Ok(removed)
    }

    pub(crate) fn read<T>(
        &self,
        query: impl FnOnce(&Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.inner.database.read(query)
    }
}

/// Makes the copy of each day while the store is open.
struct Caretaker {
    signal: Arc<(Mutex<Signal>, Condvar)>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Signal {
    over: bool,
    /// Of the copy that is being made.
    copying: Option<InterruptHandle>,
}

impl Caretaker {
    /// How often it is looked whether a new day has begun.
    const ROUND: Duration = Duration::from_secs(3600);
    /// Commands that are done at once are not made to wait.
    const DELAY: Duration = Duration::from_millis(200);

    fn start(path: &Path) -> Caretaker {
        let signal = Arc::<(Mutex<Signal>, Condvar)>::default();
        let (path, shared) = (path.to_path_buf(), signal.clone());
        let thread = std::thread::Builder::new().name("backup".into()).spawn(move || {
            let mut pause = Caretaker::DELAY;
            while Caretaker::sleep(&shared, pause) {
                pause = Caretaker::ROUND;
                if backup::is_due(&path)
                    && let Err(error) = Caretaker::copy(&path, &shared)
                {
                    tracing::warn!("no backup was made today: {error}");
                }
            }
        });
        Caretaker { signal, thread: thread.ok() }
    }

    /// Waits; `false` when it is over.
    fn sleep((lock, over): &(Mutex<Signal>, Condvar), pause: Duration) -> bool {
        let signal = lock.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = over.wait_timeout_while(signal, pause, |signal| !signal.over);
        !waited.unwrap_or_else(PoisonError::into_inner).0.over
    }

    fn copy(path: &Path, (lock, _): &(Mutex<Signal>, Condvar)) -> Result<(), StoreError> {
        let source = backup::source(path)?;
        let signal = || lock.lock().unwrap_or_else(PoisonError::into_inner);
        signal().copying = Some(source.get_interrupt_handle());
        let copied = backup::daily(&source, path);
        let mut signal = signal();
        signal.copying = None;
        // Stopping because the program ends is no failure: the next one makes the copy.
        if signal.over { Ok(()) } else { copied.map(drop) }
    }
}

impl Drop for Caretaker {
    fn drop(&mut self) {
        {
            let mut signal = self.signal.0.lock().unwrap_or_else(PoisonError::into_inner);
            signal.over = true;
            if let Some(copying) = &signal.copying {
                copying.interrupt();
            }
        }
        self.signal.1.notify_all();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// No killed process can show the difference, only a power cut (`./test --faults`).
    #[test]
    fn a_commit_waits_for_the_disk() {
        let home = tempfile::tempdir().unwrap();
        let store = Store::open(home.path()).unwrap();
        let pragma = |name: &'static str| {
            store.write(move |on| Ok(on.pragma_query_value(None, name, |row| row.get::<_, i64>(0))?)).unwrap()
        };
        assert_eq!(pragma("synchronous"), 2, "FULL");
        assert_eq!((pragma("fullfsync"), pragma("checkpoint_fullfsync")), (1, 1));
        assert_eq!((pragma("foreign_keys"), pragma("trusted_schema"), pragma("cell_size_check")), (1, 0, 1));
    }
}
