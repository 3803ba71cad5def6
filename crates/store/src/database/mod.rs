//! One SQLite file: opened safely, brought to the newest layout, written by one thread and read beside it.

mod connection;
mod migrate;
mod writer;
pub(crate) mod backup;
#[cfg(test)]
mod tests;

use crate::{StoreError, disk};
use rusqlite::Connection;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use writer::Writer;

/// What kind of file it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kind {
    /// Marks the file as ours (`PRAGMA application_id`).
    pub(crate) application: i32,
    /// SQL that leads from each layout to the next one. Only ever appended to.
    pub(crate) migrations: &'static [&'static str],
    /// Cannot be made again: a copy is made before a migration.
    pub(crate) precious: bool,
    /// `FULL`: a commit is on the disk itself before it returns. `NORMAL`: after a while; the file stays sound.
    pub(crate) synchronous: &'static str,
    /// Set up after opening, on every connection: functions, virtual tables.
    pub(crate) prepare: fn(&Connection) -> rusqlite::Result<()>,
}

/// An open file. Closed when it is dropped.
pub(crate) struct Database {
    path: PathBuf,
    kind: Kind,
    writer: Writer,
    readers: Mutex<Vec<Connection>>,
}

/// Readers that are kept open for the next call.
const IDLE_READERS: usize = 8;

impl Database {
    /// Opens or makes the file, for its owner only, and brings it to the newest layout.
    pub(crate) fn open(path: &Path, kind: Kind) -> Result<Database, StoreError> {
        disk::private_file(path)?;
        let (connection, layout) = Database::prepared(path, kind).map_err(at(path))?;
        if layout == 0 && kind.precious {
            // The name of a new file must be on the disk too, and that of its folder, as far as we may.
            let folder = path.parent().unwrap_or(path);
            disk::sync(folder)?;
            let _ = folder.parent().map(disk::sync);
        }
        for file in ["-wal", "-shm"] {
            disk::restrict(&beside(path, file), 0o600)?;
        }
        let writer = Writer::start(connection, path)?;
        Ok(Database { path: path.to_path_buf(), kind, writer, readers: Mutex::default() })
    }

    /// The connection that writes, and the layout that the file had before.
    fn prepared(path: &Path, kind: Kind) -> Result<(Connection, u32), StoreError> {
        let mut connection = connection::open(path)?;
        let layout = migrate::check(&connection, path, kind)?;
        connection::make_writing(&connection, kind)?;
        migrate::run(&mut connection, path, kind, layout)?;
        Ok((connection, layout))
    }

    /// Runs `change` in a transaction, together with others that wait. Returns when it is committed; where `change`
    /// fails or panics, nothing of it stays.
    pub(crate) fn write<T: Send + 'static>(
        &self,
        change: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.writer.write(change).map_err(at(&self.path))
    }

    /// Runs `query` on one state of the file, beside the writer.
    pub(crate) fn read<T>(
        &self,
        query: impl FnOnce(&Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let idle = self.idle().pop();
        let connection = match idle {
            Some(connection) => connection,
            None => connection::reading(&self.path, self.kind).map_err(at(&self.path))?,
        };
        let result = connection
            .unchecked_transaction()
            .map_err(StoreError::from)
            .and_then(|snapshot| query(&snapshot))
            .map_err(at(&self.path));
        let mut idle = self.idle();
        if idle.len() < IDLE_READERS && connection.is_autocommit() {
            idle.push(connection);
        }
        result
    }

    /// The file.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Gives pages of deleted rows back to the disk, and empties the log.
    pub(crate) fn shrink(&self) -> Result<(), StoreError> {
        self.writer.maintain(|connection| {
            // Each row that it gives is one page.
            let mut vacuum = connection.prepare("PRAGMA incremental_vacuum")?;
            let mut pages = vacuum.query([])?;
            while pages.next()?.is_some() {}
            connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
            Ok(())
        })
    }

    /// SQLite's own check of the whole file; the findings, empty when it is sound.
    pub(crate) fn check(&self) -> Result<Vec<String>, StoreError> {
        // A connection of its own: SQLite's check of the full-text index believes what a connection remembers of it,
        // and one that has searched before would find damage in a sound file.
        let fresh = connection::reading(&self.path, self.kind).and_then(|connection| {
            let snapshot = connection.unchecked_transaction()?;
            let mut statement = snapshot.prepare("PRAGMA integrity_check")?;
            let rows = statement.query_map([], |row| row.get::<_, String>(0))?;
            let mut findings: Vec<String> = rows.collect::<Result<_, _>>()?;
            findings.retain(|line| line != "ok");
            let broken = snapshot.prepare("PRAGMA foreign_key_check")?.query_map([], |_| Ok(()))?.count();
            if broken > 0 {
                findings.push(format!("{broken} rows belong to none"));
            }
            Ok(findings)
        });
        fresh.map_err(at(&self.path))
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Connection>> {
        self.readers.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// `hone.db` and `-wal` make `hone.db-wal`.
pub(crate) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// Names the file in errors that only SQLite has seen; an I/O error on a disk without room is a full disk.
fn at(path: &Path) -> impl Fn(StoreError) -> StoreError {
    move |error| match error {
        StoreError::Corrupt { why, .. } => StoreError::Corrupt { path: path.to_path_buf(), why },
        StoreError::Io(why) if writer::no_room(path) => StoreError::Full(why),
        other => other,
    }
}
