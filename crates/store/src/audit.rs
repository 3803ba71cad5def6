//! A log that only grows: what was done with rules, conversations, folders, models, settings and adapters, and by whom.
//! Each entry's hash covers the one before it, so that nobody can change or leave out an entry without a trace.

use crate::chats::{json, object};
use crate::{Store, StoreError, Time};
use rusqlite::{Connection, OptionalExtension, params};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

/// One entry.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// Counted from 1 without gaps.
    pub seq: i64,
    /// When it was written.
    pub time: Time,
    /// What has happened: `download`, `adapter promoted`.
    pub kind: String,
    /// What it was about, an object. No secrets.
    pub detail: Value,
    /// SHA-256 of the hash before, the number, the time, the kind and the detail, in hexadecimal.
    pub hash: String,
}

/// Who changes something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// A command.
    Cli,
    /// The web UI.
    Page,
    /// Another client of the server.
    Api,
    /// Something said in a conversation.
    Chat,
    /// A cycle of learning.
    Learn,
}
text_enum!(By, Cli "cli", Page "page", Api "api", Chat "chat", Learn "learn");

/// The audit log of a [`Store`].
pub struct Audit<'a>(pub(crate) &'a Store);

impl Audit<'_> {
    /// Adds an entry, with who it is that uses this [`Store`].
    pub fn add(&self, kind: &str, detail: Value) -> Result<(), StoreError> {
        let (by, kind) = (self.0.by, kind.to_owned());
        self.0.write(move |connection| insert(connection, by, &kind, detail))
    }

    /// The same for what was done already and cannot be undone: where the log cannot be written, a warning says so. A
    /// full disk, for one, must not keep anybody from deleting.
    pub fn note(&self, kind: &str, detail: Value) {
        if let Err(error) = self.add(kind, detail) {
            tracing::warn!("the audit log lacks `{kind}`: {error}");
        }
    }

    /// The last entries, the newest first.
    pub fn list(&self, limit: usize) -> Result<Vec<Entry>, StoreError> {
        self.page(None, limit)
    }

    /// The last entries before the one of this number, the newest first.
    pub fn page(&self, before: Option<i64>, limit: usize) -> Result<Vec<Entry>, StoreError> {
        self.0.read(|connection| {
            let sql =
                "SELECT seq, time, kind, detail, hash FROM audit WHERE seq < ?1 ORDER BY seq DESC LIMIT ?2";
            let mut statement = connection.prepare(sql)?;
            let rows = statement.query_map(params![before.unwrap_or(i64::MAX), limit as i64], |row| {
                let (seq, time, kind, hash) = (row.get(0)?, row.get(1)?, row.get(2)?, row.get(4)?);
                Ok(Entry { seq, time, kind, detail: json(row, 3)?, hash })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// Follows the chain from the beginning; what is wrong with it: nothing, as a rule.
    pub fn check(&self) -> Result<Vec<String>, StoreError> {
        self.0.read(|connection| {
            let mut statement =
                connection.prepare("SELECT seq, time, kind, detail, hash FROM audit ORDER BY seq")?;
            let mut rows = statement.query([])?;
            let (mut number, mut before) = (0, String::new());
            while let Some(row) = rows.next()? {
                let (seq, time, hash): (i64, Time, String) = (row.get(0)?, row.get(1)?, row.get(4)?);
                let expected =
                    chained(&before, seq, time, &row.get::<_, String>(2)?, &row.get::<_, String>(3)?);
                number += 1;
                if seq != number || hash != expected {
                    return Ok(vec![format!("the audit log was changed at entry {number}")]);
                }
                before = hash;
            }
            Ok(Vec::new())
        })
    }
}

/// Adds an entry within the transaction of the change that it tells of: both are there, or neither.
pub(crate) fn insert(
    connection: &Connection,
    by: By,
    kind: &str,
    mut detail: Value,
) -> Result<(), StoreError> {
    if let Some(detail) = detail.as_object_mut() {
        detail.insert("by".into(), by.as_str().into());
    }
    let sql = "SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1";
    let last = connection.query_row(sql, [], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?)));
    let (seq, before) = last.optional()?.unwrap_or_default();
    let (seq, time, detail) = (seq + 1, Time::now(), object(detail)?);
    let hash = chained(&before, seq, time, kind, &detail);
    let sql = "INSERT INTO audit (seq, time, kind, detail, hash) VALUES (?1, ?2, ?3, ?4, ?5)";
    connection.execute(sql, params![seq, time, kind, detail, hash])?;
    Ok(())
}

fn chained(before: &str, seq: i64, time: Time, kind: &str, detail: &str) -> String {
    let mut hasher = Sha256::new();
    for part in [before, &seq.to_string(), &time.0.to_string(), kind, detail] {
        hasher.update((part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}
