//! The tables of the index.

use rusqlite::Connection;
use rusqlite::config::DbConfig;
use std::path::Path;
use std::time::Duration;

/// Changes whenever the tables or what is written into them do.
const VERSION: i64 = 1;

/// Ids of passages are never used twice, so that whoever holds an id (a buffer of vectors, a server) never gets
/// another passage for it. `word` holds no text of its own: its rows are passages, by id.
const TABLES: &str = "
CREATE TABLE root (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    path TEXT NOT NULL UNIQUE,
    added INTEGER NOT NULL,
    finished INTEGER
);
CREATE TABLE file (
    id INTEGER PRIMARY KEY,
    root_id INTEGER NOT NULL REFERENCES root ON DELETE CASCADE,
    path TEXT NOT NULL,
    hash BLOB NOT NULL,
    mtime INTEGER NOT NULL,
    size INTEGER NOT NULL,
    language TEXT NOT NULL,
    UNIQUE (root_id, path)
);
CREATE TABLE passage (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    file_id INTEGER NOT NULL REFERENCES file ON DELETE CASCADE,
    first INTEGER NOT NULL,
    last INTEGER NOT NULL,
    kind TEXT NOT NULL,
    name TEXT,
    signature TEXT,
    text TEXT NOT NULL,
    digest BLOB NOT NULL
);
CREATE INDEX passage_file ON passage (file_id);
CREATE VIRTUAL TABLE word USING fts5 (
    name, path, text, content = '', contentless_delete = 1, tokenize = 'porter unicode61'
);
CREATE TABLE vector (
    passage_id INTEGER PRIMARY KEY REFERENCES passage ON DELETE CASCADE,
    data BLOB
);
CREATE TABLE gone (passage_id INTEGER PRIMARY KEY);
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TRIGGER passage_gone AFTER DELETE ON passage BEGIN
    DELETE FROM word WHERE rowid = old.id;
END;
CREATE TRIGGER vector_gone AFTER DELETE ON vector WHEN old.data IS NULL BEGIN
    INSERT OR IGNORE INTO gone VALUES (old.passage_id);
END;
";

/// A connection with the settings that every use needs.
pub(super) fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open(path)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    connection.busy_timeout(Duration::from_secs(10))?;
    connection.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON;
         PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON; PRAGMA mmap_size = 0; PRAGMA cache_size = -32768;",
    )?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(connection)
}

/// Makes the tables; those of another version are dropped first, and only the list of roots is kept.
pub(super) fn prepare(connection: &Connection) -> rusqlite::Result<()> {
    if version(connection)? == VERSION {
        return Ok(());
    }
    connection.execute_batch("PRAGMA foreign_keys = OFF; BEGIN IMMEDIATE")?;
    let made = if version(connection)? == VERSION { Ok(()) } else { make(connection) };
    let end = if made.is_ok() { "COMMIT" } else { "ROLLBACK" };
    connection.execute_batch(end)?;
    connection.execute_batch("PRAGMA foreign_keys = ON")?;
    made
}

fn make(connection: &Connection) -> rusqlite::Result<()> {
    let roots = roots(connection).unwrap_or_default();
    for (kind, name) in objects(connection)? {
        connection.execute_batch(&format!("DROP {kind} IF EXISTS \"{}\"", name.replace('"', "\"\"")))?;
    }
    connection.execute_batch(TABLES)?;
    for (path, added) in roots {
        connection.execute("INSERT INTO root (path, added) VALUES (?, ?)", (path, added))?;
    }
    connection.pragma_update(None, "user_version", VERSION)
}

fn version(connection: &Connection) -> rusqlite::Result<i64> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

fn roots(connection: &Connection) -> rusqlite::Result<Vec<(String, i64)>> {
    let mut statement = connection.prepare("SELECT path, added FROM root")?;
    statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
}

/// Tables, views and triggers, the virtual table before its shadows (which go with it).
fn objects(connection: &Connection) -> rusqlite::Result<Vec<(String, String)>> {
    let mut statement = connection.prepare(
        "SELECT type, name FROM sqlite_schema WHERE type IN ('trigger', 'view', 'table')
         AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND name NOT LIKE 'word\\_%' ESCAPE '\\'
         ORDER BY type = 'table', name = 'root'",
    )?;
    statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
}
