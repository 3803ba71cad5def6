//! What the user thought of answers and completions.

use crate::chats::{json, object};
use crate::{Id, NewMessage, Place, Role, Store, StoreError, Time, messages};
use rusqlite::{Connection, Row, params};
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
    /// The user has edited the answer; the text is what it should have been, and `branch` in the metadata the message
    /// that stands beside it with this text.
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
    /// Adds one. A thumb replaces the thumb that was there. An edited answer becomes a branch beside the old one, with
    /// `edit_of` in its metadata; it is shown where the old one was the end of what is shown.
    pub fn add(&self, new: NewFeedback) -> Result<FeedbackRow, StoreError> {
        self.0.write(move |connection| insert(connection, new))
    }

    /// Takes the thumbs off a message: how many there were.
    pub fn clear_thumbs(&self, message: Id) -> Result<usize, StoreError> {
        self.0.write(move |connection| {
            messages::get(connection, message)?;
            clear_thumbs(connection, message)
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

/// Adds one inside of a transaction.
pub(crate) fn insert(connection: &Connection, mut new: NewFeedback) -> Result<FeedbackRow, StoreError> {
    if let Some(message) = new.message {
        let message = messages::get(connection, message)?;
        match (new.kind, new.text.clone()) {
            (FeedbackKind::Up | FeedbackKind::Down, _) => drop(clear_thumbs(connection, message.id)?),
            (FeedbackKind::Edited, Some(text)) if new.meta["branch"].is_null() => {
                new.meta["branch"] = edit(connection, message, &text)?.to_string().into();
            }
            _ => {}
        }
    }
    let sql = format!("INSERT INTO feedback ({COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6) RETURNING {COLUMNS}");
    let values = params![Id::new(), new.message, new.kind, new.text, object(new.meta)?, Time::now()];
    Ok(connection.prepare_cached(&sql)?.query_row(values, row)?)
}

/// Puts the user's version beside an answer: its id.
fn edit(connection: &Connection, answer: messages::Message, text: &str) -> Result<Id, StoreError> {
    if answer.role != Role::Assistant {
        return Err(StoreError::Invalid(format!("only answers can be edited, and {} is none", answer.id)));
    }
    let shown = crate::chats::get(connection, answer.chat)?.leaf;
    let version = NewMessage::new(Role::Assistant, crate::spans::edited(&answer.spans, text))
        .at(Place::Beside(answer.id))
        .with_meta(serde_json::json!({ "edit_of": answer.id }));
    let version = messages::insert(connection, answer.chat, version, None)?.id;
    if shown != Some(answer.id) {
        // The conversation has gone on from the old one.
        connection.execute("UPDATE chats SET leaf = ?2 WHERE id = ?1", params![answer.chat, shown])?;
    }
    Ok(version)
}

fn clear_thumbs(connection: &Connection, message: Id) -> Result<usize, StoreError> {
    let sql = "DELETE FROM feedback WHERE message = ?1 AND kind IN ('up', 'down')";
    Ok(connection.prepare_cached(sql)?.execute([message])?)
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
