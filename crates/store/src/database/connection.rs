//! Connections with everything set that makes them safe.

use super::Kind;
use crate::StoreError;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};
use std::path::Path;
use std::time::Duration;

/// How long a call waits for another process. It writes for milliseconds.
const PATIENCE: Duration = Duration::from_secs(10);

/// Makes a connection the one that writes. This changes the file: it must be ours.
pub(super) fn make_writing(connection: &Connection, kind: Kind) -> Result<(), StoreError> {
    // Both only have an effect on an empty file.
    connection.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    connection.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(()))?;
    connection.pragma_update(None, "synchronous", kind.synchronous)?;
    // On macOS an fsync leaves data in the disk's own cache; elsewhere these change nothing.
    connection.pragma_update(None, "fullfsync", true)?;
    connection.pragma_update(None, "checkpoint_fullfsync", true)?;
    connection.pragma_update(None, "secure_delete", "ON")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.query_row("PRAGMA journal_size_limit = 67108864", [], |_| Ok(()))?;
    (kind.prepare)(connection)?;
    Ok(())
}

/// One that reads. It can change nothing.
pub(super) fn reading(path: &Path, kind: Kind) -> Result<Connection, StoreError> {
    let connection = open(path)?;
    (kind.prepare)(&connection)?;
    connection.pragma_update(None, "query_only", true)?;
    Ok(connection)
}

/// The file may come from anywhere: a copy, a backup, a hostile archive. What it holds is data; it runs nothing.
pub(super) fn open(path: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(PATIENCE)?;
    connection.set_prepared_statement_cache_capacity(64);
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    connection.pragma_update(None, "cell_size_check", true)?;
    // An error of the disk in a mapped file would be a signal, not an error code.
    connection.query_row("PRAGMA mmap_size = 0", [], |_| Ok(()))?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    Ok(connection)
}
