//! What has left the machine: a log of requests, answers that need not be asked for again, and credits.

use crate::{Store, StoreError, Time};
use rusqlite::{OptionalExtension, params};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::time::Duration;

/// One request that has left the machine. Holds no key and nothing of what was sent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Request {
    /// When it was sent.
    pub time: Time,
    /// What for: `web search`, `page`, `model`, `index`.
    pub purpose: String,
    /// `GET`, `POST`.
    pub method: String,
    /// Scheme, host, port and path; no query and no key.
    pub address: String,
    /// Bytes of the body that was sent.
    pub sent: u64,
    /// Bytes of the body that came back.
    pub received: u64,
    /// The HTTP status, where there was an answer.
    pub status: Option<u16>,
    /// What went wrong, where there was none.
    pub error: Option<String>,
    /// How long it took, in milliseconds.
    pub millis: u64,
    /// What the provider has charged.
    pub credits: f64,
}

/// The log, the cache and the meter of a [`Store`].
pub struct Outgoing<'a>(pub(crate) &'a Store);

impl Outgoing<'_> {
    /// Writes down a request. Gives the number of its row.
    pub fn log(&self, request: Request) -> Result<i64, StoreError> {
        self.0.write(move |connection| {
            let r = request;
            connection
                .prepare_cached(
                    "INSERT INTO outgoing (time, purpose, method, address, sent, received, status, error, millis, credits)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
                )?
                .execute(params![
                    r.time, r.purpose, r.method, r.address, r.sent as i64, r.received as i64, r.status, r.error,
                    r.millis as i64, r.credits
                ])?;
            Ok(connection.last_insert_rowid())
        })
    }

    /// Writes down how the request with this number ended. Where there is none, nothing happens.
    pub fn answered(
        &self,
        number: i64,
        status: Option<u16>,
        received: u64,
        error: Option<String>,
        millis: u64,
    ) -> Result<(), StoreError> {
        self.0.write(move |connection| {
            let sql =
                "UPDATE outgoing SET status = ?2, received = ?3, error = ?4, millis = ?5 WHERE seq = ?1";
            let row = params![number, status, received as i64, error, millis as i64];
            connection.prepare_cached(sql)?.execute(row)?;
            Ok(())
        })
    }

    /// The last requests, the newest first.
    pub fn list(&self, limit: usize) -> Result<Vec<Request>, StoreError> {
        self.0.read(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT time, purpose, method, address, sent, received, status, error, millis, credits
                 FROM outgoing ORDER BY seq DESC LIMIT ?1",
            )?;
            let rows = statement.query_map([limit as i64], |row| {
                Ok(Request {
                    time: row.get(0)?,
                    purpose: row.get(1)?,
                    method: row.get(2)?,
                    address: row.get(3)?,
                    sent: row.get::<_, i64>(4)? as u64,
                    received: row.get::<_, i64>(5)? as u64,
                    status: row.get(6)?,
                    error: row.get(7)?,
                    millis: row.get::<_, i64>(8)? as u64,
                    credits: row.get(9)?,
                })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// An answer that was kept and is still fresh, and when it was stored. `space` keeps kinds apart: `tavily`.
    pub fn cached(&self, space: &str, key: &str) -> Result<Option<(Value, Time)>, StoreError> {
        self.0.read(|connection| {
            let sql = "SELECT value, stored FROM cache WHERE space = ?1 AND key = ?2 AND expires > ?3";
            let found = connection.prepare_cached(sql)?.query_row(params![space, key, Time::now()], |row| {
                Ok((crate::chats::json(row, 0)?, row.get(1)?))
            });
            Ok(found.optional()?)
        })
    }

    /// Keeps an answer for so long. What is stale already goes.
    pub fn cache(&self, space: &str, key: &str, value: &Value, fresh: Duration) -> Result<(), StoreError> {
        let (space, key, value) = (space.to_owned(), key.to_owned(), value.to_string());
        self.0.write(move |connection| {
            let now = Time::now();
            connection.execute("DELETE FROM cache WHERE expires <= ?1", [now])?;
            let expires = Time(now.0.saturating_add(i64::try_from(fresh.as_millis()).unwrap_or(i64::MAX)));
            let sql = "INSERT OR REPLACE INTO cache (space, key, value, stored, expires) VALUES (?1, ?2, ?3, ?4, ?5)";
            connection.execute(sql, params![space, key, value, now, expires])?;
            Ok(())
        })
    }

    /// Forgets all answers of a space.
    pub fn forget(&self, space: &str) -> Result<(), StoreError> {
        let space = space.to_owned();
        self.0.remove(move |connection| {
            connection.execute("DELETE FROM cache WHERE space = ?1", [&space])?;
            Ok(())
        })
    }

    /// Adds to what a provider has charged this month (in UTC) and gives the sum.
    pub fn charge(&self, provider: &str, credits: f64) -> Result<f64, StoreError> {
        let provider = provider.to_owned();
        self.0.write(move |connection| {
            let sql = "INSERT INTO credits (provider, month, used) VALUES (?1, ?2, ?3)
                 ON CONFLICT DO UPDATE SET used = used + excluded.used RETURNING used";
            Ok(connection.query_row(sql, params![provider, month(), credits], |row| row.get(0))?)
        })
    }

    /// What a provider has charged this month (in UTC).
    pub fn charged(&self, provider: &str) -> Result<f64, StoreError> {
        self.0.read(|connection| {
            let sql = "SELECT used FROM credits WHERE provider = ?1 AND month = ?2";
            let used = connection.query_row(sql, params![provider, month()], |row| row.get(0)).optional()?;
            Ok(used.unwrap_or(0.0))
        })
    }
}

/// `2026-11`.
fn month() -> String {
    Time::now().day().chars().take(7).collect()
}
