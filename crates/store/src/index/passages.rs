//! Files and their passages.

use super::{Index, IndexError};
use rusqlite::{Connection, OptionalExtension, Row, params};
use std::collections::HashMap;

/// A file as it was when it was indexed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileRow {
    /// Relative to the root, with `/`.
    pub path: String,
    /// SHA-256 of the content.
    pub hash: [u8; 32],
    /// Time of the last change, in nanoseconds since 1970.
    pub mtime: i64,
    /// Bytes.
    pub size: u64,
    /// Language or format.
    pub language: String,
}

/// What the index knows of a file, to see whether it changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KnownFile {
    /// SHA-256 of the content.
    pub hash: [u8; 32],
    /// Time of the last change, in nanoseconds since 1970.
    pub mtime: i64,
    /// Bytes.
    pub size: u64,
}

/// A passage to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewPassage {
    /// First line, counted from 1.
    pub first: u32,
    /// Last line, counted from 1.
    pub last: u32,
    /// `function`, `type`, `section`, `lines` ...
    pub kind: String,
    /// Where it stands in the file.
    pub name: Option<String>,
    /// First line of a function or type.
    pub signature: Option<String>,
    /// The text itself.
    pub text: String,
    /// The words of the name, of the path and of the text, as they are searched.
    pub words: [String; 3],
    /// Equal for passages that need not be written again when only their lines moved.
    pub digest: [u8; 16],
}

/// A passage as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PassageRow {
    /// Its id, never used twice.
    pub id: i64,
    /// The indexed folder.
    pub root: String,
    /// The file, relative to the root.
    pub path: String,
    /// Language or format of the file.
    pub language: String,
    /// First and last line, counted from 1.
    pub lines: (u32, u32),
    /// `function`, `type`, `section`, `lines` ...
    pub kind: String,
    /// Where it stands in the file.
    pub name: Option<String>,
    /// First line of a function or type.
    pub signature: Option<String>,
    /// The text itself.
    pub text: String,
}

/// One step of bringing the index up to date.
#[derive(Clone, Debug)]
pub enum Change {
    /// A new or changed file with all of its passages.
    Put(FileRow, Vec<NewPassage>),
    /// The content is as before: path, time of change, size.
    Touch(String, i64, u64),
    /// The file is no longer there.
    Remove(String),
}

const COLUMNS: &str =
    "SELECT passage.id, root.path, file.path, language, first, last, kind, name, signature, text
     FROM passage JOIN file ON file.id = file_id JOIN root ON root.id = root_id";

impl Index {
    /// The files of a root by path.
    pub fn files(&self, root: i64) -> Result<HashMap<String, KnownFile>, IndexError> {
        let reader = self.reader();
        let mut statement =
            reader.prepare_cached("SELECT path, hash, mtime, size FROM file WHERE root_id = ?")?;
        let rows = statement.query_map([root], |row| {
            Ok((row.get(0)?, KnownFile { hash: row.get(1)?, mtime: row.get(2)?, size: row.get(3)? }))
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Makes the changes in one transaction: all of them are seen, or none.
    pub fn apply(&self, root: i64, changes: &[Change]) -> Result<(), IndexError> {
        let mut writer = self.writer();
        let transaction = writer.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        for change in changes {
            match change {
                Change::Put(file, passages) => put(&transaction, root, file, passages)?,
                Change::Touch(path, mtime, size) => {
                    transaction
                        .prepare_cached("UPDATE file SET mtime = ?, size = ? WHERE root_id = ? AND path = ?")?
                        .execute(params![mtime, size, root, path])?;
                }
                Change::Remove(path) => {
                    transaction
                        .prepare_cached("DELETE FROM file WHERE root_id = ? AND path = ?")?
                        .execute(params![root, path])?;
                }
            }
        }
        Ok(transaction.commit()?)
    }

    /// Passages by id, in the order asked for; those that are no longer there are left out.
    pub fn passages(&self, ids: &[i64]) -> Result<Vec<PassageRow>, IndexError> {
        let reader = self.reader();
        let mut statement = reader.prepare_cached(&format!("{COLUMNS} WHERE passage.id = ?"))?;
        let found = ids.iter().map(|id| statement.query_row([id], passage).optional());
        Ok(found.filter_map(Result::transpose).collect::<Result<_, _>>()?)
    }

    /// All passages of a root in the order of path and line; of one file if `path` is given.
    pub fn passages_of(&self, root: i64, path: Option<&str>) -> Result<Vec<PassageRow>, IndexError> {
        let reader = self.reader();
        let mut statement = reader.prepare_cached(&format!(
            "{COLUMNS} WHERE root_id = ?1 AND (?2 IS NULL OR file.path = ?2) ORDER BY file.path, first, passage.id"
        ))?;
        Ok(statement.query_map(params![root, path], passage)?.collect::<Result<_, _>>()?)
    }
}

pub(super) fn passage(row: &Row<'_>) -> rusqlite::Result<PassageRow> {
    Ok(PassageRow {
        id: row.get(0)?,
        root: row.get(1)?,
        path: row.get(2)?,
        language: row.get(3)?,
        lines: (row.get(4)?, row.get(5)?),
        kind: row.get(6)?,
        name: row.get(7)?,
        signature: row.get(8)?,
        text: row.get(9)?,
    })
}

/// Writes a file. Passages that only moved keep their id, their words and their vector.
fn put(on: &Connection, root: i64, file: &FileRow, passages: &[NewPassage]) -> rusqlite::Result<()> {
    let id: i64 = on
        .prepare_cached(
            "INSERT INTO file (root_id, path, hash, mtime, size, language) VALUES (?, ?, ?, ?, ?, ?)
             ON CONFLICT (root_id, path) DO UPDATE SET hash = excluded.hash, mtime = excluded.mtime,
                 size = excluded.size, language = excluded.language
             RETURNING id",
        )?
        .query_row(params![root, file.path, file.hash, file.mtime, file.size, file.language], |row| {
            row.get(0)
        })?;
    let mut kept = digests(on, id)?;
    for passage in passages {
        match kept.get_mut(&passage.digest).and_then(Vec::pop) {
            Some(old) => {
                on.prepare_cached("UPDATE passage SET first = ?, last = ? WHERE id = ?")?.execute((
                    passage.first,
                    passage.last,
                    old,
                ))?;
            }
            None => insert(on, id, passage)?,
        }
    }
    let mut delete = on.prepare_cached("DELETE FROM passage WHERE id = ?")?;
    kept.into_values().flatten().try_for_each(|old| delete.execute([old]).map(|_| ()))
}

fn digests(on: &Connection, file: i64) -> rusqlite::Result<HashMap<[u8; 16], Vec<i64>>> {
    let mut digests: HashMap<[u8; 16], Vec<i64>> = HashMap::new();
    let mut statement =
        on.prepare_cached("SELECT digest, id FROM passage WHERE file_id = ? ORDER BY id DESC")?;
    let mut rows = statement.query([file])?;
    while let Some(row) = rows.next()? {
        digests.entry(row.get(0)?).or_default().push(row.get(1)?);
    }
    Ok(digests)
}

fn insert(on: &Connection, file: i64, passage: &NewPassage) -> rusqlite::Result<()> {
    let NewPassage { first, last, kind, name, signature, text, words, digest } = passage;
    on.prepare_cached(
        "INSERT INTO passage (file_id, first, last, kind, name, signature, text, digest)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
    )?
    .execute(params![file, first, last, kind, name, signature, text, digest])?;
    on.prepare_cached("INSERT INTO word (rowid, name, path, text) VALUES (?, ?, ?, ?)")?.execute(params![
        on.last_insert_rowid(),
        words[0],
        words[1],
        words[2]
    ])?;
    Ok(())
}
