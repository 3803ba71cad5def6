//! Runs of training and learning, as lists show them. What they wrote is in `runs/<id>/`.

use crate::chats::{json, object};
use crate::{Store, StoreError, Time};
use rusqlite::{OptionalExtension, Row, params};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// The name of its folder.
    pub id: String,
    /// `train`, `learn`.
    pub kind: String,
    /// How it stands.
    pub state: RunState,
    /// When it began.
    pub started: Time,
    /// When it ended.
    pub ended: Option<Time>,
    /// The model.
    pub model: Option<String>,
    /// Id of the adapter that came of it.
    pub adapter: Option<String>,
    /// Recipe, progress, the report of the gate: an object.
    pub detail: Value,
}

/// How a run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RunState {
    /// At work, or killed.
    Running,
    /// Came to its end.
    Done,
    /// Ended by an error.
    Failed,
    /// Stopped by the user; can go on.
    Stopped,
}
text_enum!(RunState, Running "running", Done "done", Failed "failed", Stopped "stopped");

/// The runs of a [`Store`].
pub struct Runs<'a>(pub(crate) &'a Store);

const COLUMNS: &str = "id, kind, state, started, ended, model, adapter, detail";

impl Runs<'_> {
    /// Writes a run as it stands now: a new one, or over what was there.
    pub fn put(&self, run: Run) -> Result<(), StoreError> {
        self.0.write(move |connection| {
            let sql =
                format!("INSERT OR REPLACE INTO runs ({COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)");
            let Run { id, kind, state, started, ended, model, adapter, detail } = run;
            let detail = object(detail)?;
            connection.execute(&sql, params![id, kind, state, started, ended, model, adapter, detail])?;
            Ok(())
        })
    }

    /// One of them.
    pub fn get(&self, id: &str) -> Result<Run, StoreError> {
        self.0.read(|connection| {
            let sql = format!("SELECT {COLUMNS} FROM runs WHERE id = ?1");
            let found = connection.prepare_cached(&sql)?.query_row([id], run).optional()?;
            found.ok_or_else(|| StoreError::not_found("run", id))
        })
    }

    /// All of them, the newest first.
    pub fn list(&self) -> Result<Vec<Run>, StoreError> {
        self.0.read(|connection| {
            let sql = format!("SELECT {COLUMNS} FROM runs ORDER BY started DESC, id DESC");
            Ok(connection.prepare_cached(&sql)?.query_map([], run)?.collect::<Result<_, _>>()?)
        })
    }
}

fn run(row: &Row<'_>) -> rusqlite::Result<Run> {
    Ok(Run {
        id: row.get(0)?,
        kind: row.get(1)?,
        state: row.get(2)?,
        started: row.get(3)?,
        ended: row.get(4)?,
        model: row.get(5)?,
        adapter: row.get(6)?,
        detail: json(row, 7)?,
    })
}
