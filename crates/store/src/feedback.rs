//! What the user thought of answers and completions.

use crate::chats::{json, object};
use crate::{Id, Store, StoreError, Time};
use rusqlite::{Row, params};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One reaction.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FeedbackRow {
    /// Its name in the store.
    pub id: Id,
    /// The message that it is about; `None` for a completion in an editor.
    pub message: Option<Id>,
    /// What it was.
    pub kind: FeedbackKind,
    /// The edited answer, the correction, the accepted completion.
    pub text: Option<String>,
    /// Anything else, an object: the prompt and suffix of a completion.
    pub meta: Value,
    /// When.
    pub created: Time,
}

/// How the user reacted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FeedbackKind {
    /// Thumb up.
    Up,
    /// Thumb down.
    Down,
    /// The user has edited the answer; the text is what it should have been.
    Edited,
    /// Another answer was asked for.
    Regenerated,
    /// The answer was copied or used.
    Kept,
    /// The next message has corrected it.
    Correction,
    /// A completion in an editor was taken.
    Accepted,
}
text_enum!(
    FeedbackKind,
    Up "up", Down "down", Edited "edited", Regenerated "regenerated", Kept "kept", Correction "correction",
    Accepted "accepted"
);

/// A reaction to come.
#[derive(Clone, Debug)]
pub struct NewFeedback {
    /// See [`FeedbackRow::message`].
    pub message: Option<Id>,
    /// See [`FeedbackRow::kind`].
    pub kind: FeedbackKind,
    /// See [`FeedbackRow::text`].
    pub text: Option<String>,
    /// An object; null is the empty one.
    pub meta: Value,
}

/// The reactions of a [`Store`].
pub struct Feedback<'a>(pub(crate) &'a Store);

const COLUMNS: &str = "id, message, kind, text, meta, created";

impl Feedback<'_> {
    /// Adds one. A thumb replaces the thumb that was there.
    pub fn add(&self, new: NewFeedback) -> Result<FeedbackRow, StoreError> {
        self.0.write(move |connection| {
            if let Some(message) = new.message {
                crate::messages::get(connection, message)?;
            }
            if matches!(new.kind, FeedbackKind::Up | FeedbackKind::Down) {
                let sql = "DELETE FROM feedback WHERE message = ?1 AND kind IN ('up', 'down')";
                connection.prepare_cached(sql)?.execute([new.message])?;
            }
            let sql = format!(
                "INSERT INTO feedback ({COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6) RETURNING {COLUMNS}"
            );
            let values = params![Id::new(), new.message, new.kind, new.text, object(new.meta)?, Time::now()];
            Ok(connection.prepare_cached(&sql)?.query_row(values, row)?)
        })
    }

    /// Takes one back.
    pub fn remove(&self, id: Id) -> Result<(), StoreError> {
        self.0.remove(move |connection| {
            match connection.execute("DELETE FROM feedback WHERE id = ?1", [id])? {
                0 => Err(StoreError::not_found("feedback", id)),
                _ => Ok(()),
            }
        })
    }

    /// What was said about the messages of a conversation, in order.
    pub fn of_chat(&self, chat: Id) -> Result<Vec<FeedbackRow>, StoreError> {
        self.0.read(|connection| {
            let sql = format!(
                "SELECT {COLUMNS} FROM feedback WHERE message IN (SELECT id FROM messages WHERE chat = ?1) ORDER BY id"
            );
            Ok(connection.prepare_cached(&sql)?.query_map([chat], row)?.collect::<Result<_, _>>()?)
        })
    }

    /// All of it since then, in order.
    pub fn since(&self, time: Time) -> Result<Vec<FeedbackRow>, StoreError> {
        self.0.read(|connection| {
            let sql = format!("SELECT {COLUMNS} FROM feedback WHERE created >= ?1 ORDER BY id");
            Ok(connection.prepare_cached(&sql)?.query_map([time], row)?.collect::<Result<_, _>>()?)
        })
    }
}

fn row(row: &Row<'_>) -> rusqlite::Result<FeedbackRow> {
    Ok(FeedbackRow {
        id: row.get(0)?,
        message: row.get(1)?,
        kind: row.get(2)?,
        text: row.get(3)?,
        meta: json(row, 4)?,
        created: row.get(5)?,
    })
}
