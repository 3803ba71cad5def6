//! Which process is writing an answer, so that a killed one's can be told from a slow one's.

use crate::database::Database;
use crate::{Id, StoreError, Time, disk};
use rusqlite::params;
use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

/// This process. While it streams answers it holds a lock on `sessions/<id>`, which ends with it whatever happens.
pub(crate) struct Session {
    id: String,
    folder: PathBuf,
    lock: Mutex<Option<File>>,
}

impl Session {
    pub(crate) fn new(home: &Path) -> Session {
        Session { id: Id::new().to_string(), folder: home.join("sessions"), lock: Mutex::new(None) }
    }

    /// The owner to write into a message that is being streamed.
    pub(crate) fn owner(&self) -> Result<String, StoreError> {
        let mut lock = self.lock.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if lock.is_none() {
            disk::private_folder(&self.folder)?;
            let path = self.folder.join(&self.id);
            disk::private_file(&path)?;
            let file =
                OpenOptions::new().write(true).open(&path).map_err(StoreError::io("cannot open", &path))?;
            file.lock().map_err(StoreError::io("cannot lock", &path))?;
            *lock = Some(file);
        }
        Ok(self.id.clone())
    }

    /// Marks what dead processes were streaming.
    pub(crate) fn mark_interrupted(&self, database: &Database) -> Result<(), StoreError> {
        let owners: Vec<Option<String>> = database.read(|connection| {
            let sql = "SELECT DISTINCT owner FROM messages WHERE state = 'streaming'";
            let mut statement = connection.prepare(sql)?;
            Ok(statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?)
        })?;
        let dead: Vec<Option<String>> =
            owners.into_iter().filter(|owner| owner.as_deref().is_none_or(|id| !self.is_alive(id))).collect();
        if !dead.is_empty() {
            let gone = dead.clone();
            let marked = database.write(move |connection| {
                let sql = "UPDATE messages SET state = 'interrupted', owner = NULL, updated = ?2
                     WHERE state = 'streaming' AND owner IS ?1";
                for owner in &gone {
                    connection.execute(sql, params![owner, Time::now()])?;
                }
                Ok(())
            });
            match marked {
                // They stay as they are, and can be read; the next start marks them.
                Err(StoreError::Full(why)) => tracing::warn!("unfinished answers are not marked: {why}"),
                other => other?,
            }
        }
        for owner in dead.into_iter().flatten().filter(|owner| owner.parse::<Id>().is_ok()) {
            let _ = std::fs::remove_file(self.folder.join(owner)); // only litter
        }
        Ok(())
    }

    /// Whether the process still holds its lock.
    fn is_alive(&self, owner: &str) -> bool {
        // The name comes from a file that may be anybody's.
        let Ok(id) = owner.parse::<Id>() else { return false };
        let Ok(file) = File::open(self.folder.join(id.to_string())) else { return false };
        matches!(file.try_lock_shared(), Err(std::fs::TryLockError::WouldBlock))
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let held = self.lock.get_mut().unwrap_or_else(std::sync::PoisonError::into_inner).take();
        if held.is_some() {
            let _ = std::fs::remove_file(self.folder.join(&self.id));
        }
    }
}
