//! Messages: a tree in each conversation. They are added and finished, never changed.

mod answer;

use crate::chats::{json, object};
use crate::{Id, Provenance, Span, Store, StoreError, Time, spans};
pub use answer::Answer;
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One message.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Message {
    /// Its name in the store.
    pub id: Id,
    /// The conversation.
    pub chat: Id,
    /// The message that it follows; several may follow one.
    pub parent: Option<Id>,
    /// Who speaks.
    pub role: Role,
    /// Whether it is whole.
    pub state: State,
    /// Its text in pieces, each with its origin.
    pub spans: Vec<Span>,
    /// Timings, rules used, sources, tool steps, intent: an object.
    pub meta: Value,
    /// When it was begun.
    pub created: Time,
    /// When it was last added to.
    pub updated: Time,
}

impl Message {
    /// The whole text.
    pub fn text(&self) -> String {
        spans::joined(&self.spans)
    }
}

/// Who speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// The instruction before the conversation.
    System,
    /// The person.
    User,
    /// The model.
    Assistant,
    /// What a tool gave.
    Tool,
}
text_enum!(Role, System "system", User "user", Assistant "assistant", Tool "tool");

/// Whether a message is whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Being generated at this moment.
    Streaming,
    /// Whole.
    Complete,
    /// Stopped by the user.
    Stopped,
    /// Ended by an error, which stands in the metadata.
    Failed,
    /// The process was killed while it was generated; what had been saved is there.
    Interrupted,
}
text_enum!(State, Streaming "streaming", Complete "complete", Stopped "stopped", Failed "failed", Interrupted "interrupted");

/// Where a message goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Place {
    /// After the last message of the branch that is shown.
    #[default]
    Leaf,
    /// Before all others, as the first message or a new branch from the beginning.
    Start,
    /// After this message.
    After(Id),
    /// Beside this message, as a new branch: an edited question, another answer.
    Beside(Id),
}

/// A message to come.
#[derive(Clone, Debug)]
pub struct NewMessage {
    /// Where it goes.
    pub place: Place,
    /// Who speaks.
    pub role: Role,
    /// Its text.
    pub spans: Vec<Span>,
    /// An object; null is the empty one.
    pub meta: Value,
    /// The present, where it is left out.
    pub created: Option<Time>,
    /// [`State::Complete`], as a rule.
    pub state: State,
}

impl NewMessage {
    /// A whole message at the end of the branch that is shown.
    pub fn new(role: Role, spans: Vec<Span>) -> NewMessage {
        let (place, meta, created, state) = (Place::Leaf, Value::Null, None, State::Complete);
        NewMessage { place, role, spans, meta, created, state }
    }

    /// What the user has typed.
    pub fn user(text: impl Into<String>) -> NewMessage {
        NewMessage::new(Role::User, vec![Span::new(text, Provenance::User)])
    }

    /// What a model on this machine has answered.
    pub fn assistant(text: impl Into<String>) -> NewMessage {
        NewMessage::new(Role::Assistant, vec![Span::new(text, Provenance::Model)])
    }

    /// The same at another place.
    pub fn at(mut self, place: Place) -> NewMessage {
        self.place = place;
        self
    }

    /// The same with metadata.
    pub fn with_meta(mut self, meta: Value) -> NewMessage {
        self.meta = meta;
        self
    }
}

/// The longest text of a message, in bytes.
pub const LONGEST: usize = 32 << 20;

/// The messages of a [`Store`].
pub struct Messages<'a>(pub(crate) &'a Store);

const COLUMNS: &str = "seq, id, chat, parent, role, state, text, meta, created, updated";

impl Messages<'_> {
    /// Adds a message; it is the end of the branch that is shown then. When this returns, it is on the disk.
    pub fn append(&self, chat: Id, new: NewMessage) -> Result<Message, StoreError> {
        if new.state == State::Streaming {
            return Err(StoreError::Invalid("a message that is being generated begins with `begin`".into()));
        }
        self.0.write(move |connection| insert(connection, chat, new, None))
    }

    /// Begins an answer that is saved while it is generated.
    pub fn begin(&self, chat: Id, new: NewMessage) -> Result<Answer, StoreError> {
        Answer::begin(self.0, chat, NewMessage { state: State::Streaming, ..new })
    }

    /// One of them.
    pub fn get(&self, id: Id) -> Result<Message, StoreError> {
        self.0.read(|connection| get(connection, id))
    }

    /// The branch that ends in `leaf`, or the one that is shown, from the first message on.
    pub fn branch(&self, chat: Id, leaf: Option<Id>) -> Result<Vec<Message>, StoreError> {
        self.0.read(|connection| {
            let shown = crate::chats::get(connection, chat)?.leaf;
            let Some(leaf) = leaf.or(shown) else { return Ok(Vec::new()) };
            belongs(connection, chat, leaf)?;
            // Children come after their parents, so the order of arrival is the order of the branch.
            let sql = format!(
                "WITH RECURSIVE up (at) AS (
                   SELECT ?1 UNION SELECT m.parent FROM up JOIN messages m ON m.id = up.at WHERE m.parent IS NOT NULL
                 ) SELECT {COLUMNS} FROM messages WHERE id IN (SELECT at FROM up) ORDER BY seq"
            );
            all(connection, &sql, leaf)
        })
    }

    /// All messages of a conversation, parents before children, siblings in the order of arrival.
    pub fn tree(&self, chat: Id) -> Result<Vec<Message>, StoreError> {
        self.0.read(|connection| {
            crate::chats::get(connection, chat)?;
            let sql = format!("SELECT {COLUMNS} FROM messages WHERE chat = ?1 ORDER BY seq");
            all(connection, &sql, chat)
        })
    }

    /// Replaces the metadata of a message.
    pub fn set_meta(&self, id: Id, meta: Value) -> Result<(), StoreError> {
        self.0.write(move |connection| {
            let sql = "UPDATE messages SET meta = ?2 WHERE id = ?1";
            match connection.execute(sql, params![id, object(meta)?])? {
                0 => Err(StoreError::not_found("message", id)),
                _ => Ok(()),
            }
        })
    }
}

/// Adds a message inside of a transaction. The conversation without a title gets one from the first question.
pub(crate) fn insert(
    connection: &Connection,
    chat: Id,
    new: NewMessage,
    owner: Option<&str>,
) -> Result<Message, StoreError> {
    let text = spans::joined(&new.spans);
    check_length(text.len())?;
    let shown = crate::chats::get(connection, chat)?;
    let parent = match new.place {
        Place::Leaf => shown.leaf,
        Place::Start => None,
        Place::After(id) => Some(belongs(connection, chat, id)?.id),
        Place::Beside(id) => belongs(connection, chat, id)?.parent,
    };
    let (id, created) = (Id::new(), new.created.unwrap_or_else(Time::now));
    let meta = object(new.meta)?;
    connection
        .prepare_cached(
            "INSERT INTO messages (id, chat, parent, role, state, owner, text, meta, created, updated)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?9)",
        )?
        .execute(params![id, chat, parent, new.role, new.state, owner, text, meta, created])?;
    spans::insert(connection, connection.last_insert_rowid(), 0, &new.spans)?;
    let title = match shown.title.is_empty() && new.role == Role::User {
        true => title_of(&text),
        false => shown.title,
    };
    connection
        .prepare_cached("UPDATE chats SET leaf = ?2, updated = max(updated, ?3), title = ?4 WHERE id = ?1")?
        .execute(params![chat, id, created, title])?;
    let (role, state) = (new.role, new.state);
    let meta = serde_json::from_str(&meta)?;
    Ok(Message { id, chat, parent, role, state, spans: new.spans, meta, created, updated: created })
}

pub(crate) fn check_length(bytes: usize) -> Result<(), StoreError> {
    if bytes > LONGEST {
        return Err(StoreError::Invalid(format!("a message has at most {} MiB", LONGEST >> 20)));
    }
    Ok(())
}

pub(crate) fn get(connection: &Connection, id: Id) -> Result<Message, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM messages WHERE id = ?1");
    all(connection, &sql, id)?.pop().ok_or_else(|| StoreError::not_found("message", id))
}

/// A message's place in the tree.
pub(crate) struct Node {
    id: Id,
    parent: Option<Id>,
}

/// The place of a message that must belong to this conversation.
pub(crate) fn belongs(connection: &Connection, chat: Id, id: Id) -> Result<Node, StoreError> {
    let sql = "SELECT parent FROM messages WHERE id = ?1 AND chat = ?2";
    let parent = connection.prepare_cached(sql)?.query_row([id, chat], |row| row.get(0)).optional()?;
    let parent = parent.ok_or_else(|| StoreError::not_found("message of this conversation", id))?;
    Ok(Node { id, parent })
}

fn all(connection: &Connection, sql: &str, key: Id) -> Result<Vec<Message>, StoreError> {
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query([key])?;
    let mut messages = Vec::new();
    while let Some(row) = rows.next()? {
        messages.push(message(connection, row)?);
    }
    Ok(messages)
}

fn message(connection: &Connection, row: &Row<'_>) -> Result<Message, StoreError> {
    let text: String = row.get(6)?;
    Ok(Message {
        id: row.get(1)?,
        chat: row.get(2)?,
        parent: row.get(3)?,
        role: row.get(4)?,
        state: row.get(5)?,
        spans: spans::of(connection, row.get(0)?, &text)?,
        meta: json(row, 7)?,
        created: row.get(8)?,
        updated: row.get(9)?,
    })
}

/// The first line of a question, shortened at a word.
pub(crate) fn title_of(text: &str) -> String {
    const LENGTH: usize = 60;
    let line = text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    let mut short: String = line.chars().filter(|c| !c.is_control()).take(LENGTH + 1).collect();
    if short.chars().count() > LENGTH {
        short.truncate(
            short
                .rfind(' ')
                .filter(|&at| at > LENGTH / 2)
                .unwrap_or_else(|| short.char_indices().nth(LENGTH).map_or(short.len(), |(at, _)| at)),
        );
        short.push('…');
    }
    short
}
