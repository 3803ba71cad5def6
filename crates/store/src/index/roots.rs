//! Indexed folders.

use super::{Index, IndexError};
use rusqlite::OptionalExtension;

/// An indexed folder and how much of it there is.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct RootRow {
    /// Its id.
    pub id: i64,
    /// The folder, absolute.
    pub path: String,
    /// When it was added, in seconds since 1970.
    pub added: i64,
    /// When a pass over all of its files last ended, in seconds since 1970; none where none did yet.
    pub finished: Option<i64>,
    /// Files in the index.
    pub files: u64,
    /// Passages in the index.
    pub passages: u64,
    /// Passages that have a vector.
    pub vectors: u64,
}

impl Index {
    /// The id of the root `path`, which is added where it is new.
    pub fn add_root(&self, path: &str, now: i64) -> Result<i64, IndexError> {
        let writer = self.writer();
        writer.execute("INSERT OR IGNORE INTO root (path, added) VALUES (?, ?)", (path, now))?;
        Ok(writer.query_row("SELECT id FROM root WHERE path = ?", [path], |row| row.get(0))?)
    }

    /// The id of the root `path`, if it is indexed.
    pub fn root(&self, path: &str) -> Result<Option<i64>, IndexError> {
        let reader = self.reader();
        Ok(reader.query_row("SELECT id FROM root WHERE path = ?", [path], |row| row.get(0)).optional()?)
    }

    /// Ids of all roots by path.
    pub fn root_ids(&self) -> Result<std::collections::HashMap<String, i64>, IndexError> {
        let reader = self.reader();
        let mut statement = reader.prepare_cached("SELECT path, id FROM root")?;
        Ok(statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?)
    }

    /// Notes that a pass over all files of a root has ended.
    pub fn finish_root(&self, root: i64, now: i64) -> Result<(), IndexError> {
        self.writer().execute("UPDATE root SET finished = ? WHERE id = ?", (now, root))?;
        Ok(())
    }

    /// Takes out a root with all that belongs to it.
    pub fn remove_root(&self, root: i64) -> Result<(), IndexError> {
        self.writer().execute("DELETE FROM root WHERE id = ?", [root])?;
        Ok(())
    }

    /// All roots with their counts, by path.
    pub fn roots(&self) -> Result<Vec<RootRow>, IndexError> {
        let reader = self.reader();
        let mut statement = reader.prepare_cached(
            "SELECT root.id, root.path, added, finished,
                 (SELECT count(*) FROM file WHERE root_id = root.id),
                 (SELECT count(*) FROM file JOIN passage ON file_id = file.id WHERE root_id = root.id),
                 (SELECT count(*) FROM file JOIN passage ON file_id = file.id
                      JOIN vector ON passage_id = passage.id WHERE root_id = root.id)
             FROM root ORDER BY root.path",
        )?;
        let rows = statement.query_map([], |row| {
            Ok(RootRow {
                id: row.get(0)?,
                path: row.get(1)?,
                added: row.get(2)?,
                finished: row.get(3)?,
                files: row.get(4)?,
                passages: row.get(5)?,
                vectors: row.get(6)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}
