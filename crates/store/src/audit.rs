//! A log that only grows: downloads, indexed folders, keys, training, promotions, tools. Each entry's hash covers the
//! one before it, so that nobody can change or leave out an entry without a trace.

use crate::chats::{json, object};
use crate::{Store, StoreError, Time};
use rusqlite::{OptionalExtension, params};
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

/// The audit log of a [`Store`].
pub struct Audit<'a>(pub(crate) &'a Store);

impl Audit<'_> {
    /// Adds an entry.
    pub fn add(&self, kind: &str, detail: Value) -> Result<(), StoreError> {
        let kind = kind.to_owned();
        self.0.write(move |connection| {
            let sql = "SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1";
            let last =
                connection.query_row(sql, [], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?)));
            let (seq, before) = last.optional()?.unwrap_or_default();
            let (seq, time, detail) = (seq + 1, Time::now(), object(detail)?);
            let hash = chained(&before, seq, time, &kind, &detail);
            let sql = "INSERT INTO audit (seq, time, kind, detail, hash) VALUES (?1, ?2, ?3, ?4, ?5)";
            connection.execute(sql, params![seq, time, kind, detail, hash])?;
            Ok(())
        })
    }

    /// The last entries, the newest first.
    pub fn list(&self, limit: usize) -> Result<Vec<Entry>, StoreError> {
        self.0.read(|connection| {
            let sql = "SELECT seq, time, kind, detail, hash FROM audit ORDER BY seq DESC LIMIT ?1";
            let mut statement = connection.prepare(sql)?;
            let rows = statement.query_map([limit as i64], |row| {
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

fn chained(before: &str, seq: i64, time: Time, kind: &str, detail: &str) -> String {
    let mut hasher = Sha256::new();
    for part in [before, &seq.to_string(), &time.0.to_string(), kind, detail] {
        hasher.update((part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}
