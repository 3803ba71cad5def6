//! Conversations: what stands around the messages.

use crate::{Id, Store, StoreError, Time};
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// A conversation without its messages.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Chat {
    /// Its name in the store.
    pub id: Id,
    /// What it is about; the beginning of the first question where nobody has said it.
    pub title: String,
    /// When it was begun.
    pub created: Time,
    /// When the last message came.
    pub updated: Time,
    /// The model that answers.
    pub model: Option<String>,
    /// Id of the adapter that it answers with.
    pub adapter: Option<String>,
    /// Folder of the project that it is about, absolute.
    pub project: Option<String>,
    /// Where the user has filed it.
    pub folder: Option<String>,
    /// Stays at the top of lists.
    pub pinned: bool,
    /// May be trained on; `None` is as the settings say.
    pub learn: Option<bool>,
    /// Where it was imported from: `chatgpt:…`.
    pub origin: Option<String>,
    /// The message that the next one follows: the end of the branch that is shown.
    pub leaf: Option<Id>,
    /// Anything else, an object.
    pub meta: Value,
}

/// A conversation that begins. `NewChat::default()` is fine.
#[derive(Clone, Debug, Default)]
pub struct NewChat {
    /// Empty: the first question gives it.
    pub title: String,
    /// The present, where it is left out.
    pub created: Option<Time>,
    /// See [`Chat::model`].
    pub model: Option<String>,
    /// See [`Chat::adapter`].
    pub adapter: Option<String>,
    /// See [`Chat::project`].
    pub project: Option<String>,
    /// See [`Chat::folder`].
    pub folder: Option<String>,
    /// See [`Chat::learn`].
    pub learn: Option<bool>,
    /// See [`Chat::origin`]. There is at most one conversation of an origin.
    pub origin: Option<String>,
    /// An object; null is the empty one.
    pub meta: Value,
}

/// What is to be changed; `None` leaves it as it is, `Some(None)` empties it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ChatChange {
    /// See [`Chat::title`].
    pub title: Option<String>,
    /// See [`Chat::model`].
    pub model: Option<Option<String>>,
    /// See [`Chat::adapter`].
    pub adapter: Option<Option<String>>,
    /// See [`Chat::project`].
    pub project: Option<Option<String>>,
    /// See [`Chat::folder`].
    pub folder: Option<Option<String>>,
    /// See [`Chat::pinned`].
    pub pinned: Option<bool>,
    /// See [`Chat::learn`].
    pub learn: Option<Option<bool>>,
    /// Shows the branch that ends in this message.
    pub leaf: Option<Id>,
    /// See [`Chat::meta`].
    pub meta: Option<Value>,
}

/// Which conversations to list.
#[derive(Clone, Debug, Default)]
pub struct ChatFilter {
    /// About this project only.
    pub project: Option<String>,
    /// Filed here only.
    pub folder: Option<String>,
    /// Older than this, by the last message: for the next page.
    pub before: Option<Time>,
    /// At most so many; 0 is all.
    pub limit: usize,
}

/// What went with a conversation.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Removed {
    /// Its messages.
    pub messages: u64,
    /// Ids of the adapters that were trained on it. They stay, and are marked.
    pub adapters: Vec<String>,
}

/// The conversations of a [`Store`].
pub struct Chats<'a>(pub(crate) &'a Store);

const COLUMNS: &str =
    "id, title, created, updated, model, adapter, project, folder, pinned, learn, origin, leaf, meta";

impl Chats<'_> {
    /// Begins one.
    pub fn create(&self, new: NewChat) -> Result<Chat, StoreError> {
        self.0.write(move |connection| insert(connection, new))
    }

    /// One of them.
    pub fn get(&self, id: Id) -> Result<Chat, StoreError> {
        self.0.read(|connection| get(connection, id))
    }

    /// The one with this id, or whose id ends so (4 characters at least).
    pub fn find(&self, text: &str) -> Result<Chat, StoreError> {
        if let Ok(id) = text.parse() {
            return self.get(id);
        }
        if text.len() < 4 || !text.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-') {
            return Err(StoreError::not_found("conversation", text));
        }
        self.0.read(|connection| {
            let sql = "SELECT id FROM chats WHERE id LIKE '%' || ?1 LIMIT 2";
            let mut statement = connection.prepare(sql)?;
            let ids: Vec<Id> = statement.query_map([text], |row| row.get(0))?.collect::<Result<_, _>>()?;
            match ids[..] {
                [id] => get(connection, id),
                [] => Err(StoreError::not_found("conversation", text)),
                _ => Err(StoreError::Invalid(format!(
                    "several conversations end in `{text}`: give more of the id"
                ))),
            }
        })
    }

    /// The one that was imported from there.
    pub fn of_origin(&self, origin: &str) -> Result<Option<Chat>, StoreError> {
        self.0.read(|connection| {
            let sql = format!("SELECT {COLUMNS} FROM chats WHERE origin = ?1");
            Ok(connection.prepare_cached(&sql)?.query_row([origin], chat).optional()?)
        })
    }

    /// The pinned ones, then the others, those with the newest message first.
    pub fn list(&self, filter: &ChatFilter) -> Result<Vec<Chat>, StoreError> {
        self.0.read(|connection| {
            let sql = format!(
                "SELECT {COLUMNS} FROM chats
                 WHERE (?1 IS NULL OR project = ?1) AND (?2 IS NULL OR folder = ?2) AND (?3 IS NULL OR updated < ?3)
                 ORDER BY pinned DESC, updated DESC, id DESC LIMIT ?4"
            );
            let limit = if filter.limit == 0 { -1 } else { filter.limit as i64 };
            let mut statement = connection.prepare_cached(&sql)?;
            let rows = statement.query_map(params![filter.project, filter.folder, filter.before, limit], chat)?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// How many there are, and how many messages in them.
    pub fn count(&self) -> Result<(u64, u64), StoreError> {
        let sql = "SELECT (SELECT count(*) FROM chats), (SELECT count(*) FROM messages)";
        self.0.read(|connection| Ok(connection.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?)))?))
    }

    /// Changes what stands around the messages.
    pub fn change(&self, id: Id, change: ChatChange) -> Result<Chat, StoreError> {
        self.0.write(move |connection| {
            let old = get(connection, id)?;
            if let Some(leaf) = change.leaf {
                crate::messages::belongs(connection, id, leaf)?;
            }
            let meta = change.meta.unwrap_or(old.meta);
            connection.execute(
                "UPDATE chats SET title = ?2, model = ?3, adapter = ?4, project = ?5, folder = ?6, pinned = ?7,
                   learn = ?8, leaf = ?9, meta = ?10 WHERE id = ?1",
                params![
                    id,
                    change.title.unwrap_or(old.title),
                    change.model.unwrap_or(old.model),
                    change.adapter.unwrap_or(old.adapter),
                    change.project.unwrap_or(old.project),
                    change.folder.unwrap_or(old.folder),
                    change.pinned.unwrap_or(old.pinned),
                    change.learn.unwrap_or(old.learn),
                    change.leaf.or(old.leaf),
                    object(meta)?
                ],
            )?;
            get(connection, id)
        })
    }

    /// Deletes a conversation with its messages, their words in the full-text index, their feedback and corrections.
    /// Works on a full disk too. Copies in `backups` still hold it until they are old enough to go.
    pub fn remove(&self, id: Id) -> Result<Removed, StoreError> {
        let removed = self.0.remove(move |connection| {
            get(connection, id)?;
            let sql = "UPDATE adapter_chats SET deleted = ?2 WHERE chat = ?1 RETURNING adapter";
            let mut statement = connection.prepare(sql)?;
            let rows = statement.query_map(params![id, Time::now()], |row| row.get(0))?;
            let adapters = rows.collect::<Result<_, _>>()?;
            let messages = connection.execute("DELETE FROM messages WHERE chat = ?1", [id])? as u64;
            connection.execute("DELETE FROM chats WHERE id = ?1", [id])?;
            Ok(Removed { messages, adapters })
        })?;
        let entry = json!({ "conversation": id, "adapters": removed.adapters });
        self.0.audit().note("conversation deleted", entry);
        Ok(removed)
    }
}

pub(crate) fn insert(connection: &Connection, new: NewChat) -> Result<Chat, StoreError> {
    if let Some(origin) = &new.origin {
        let sql = "SELECT 1 FROM chats WHERE origin = ?1";
        if connection.prepare_cached(sql)?.exists([origin])? {
            return Err(StoreError::Invalid(format!("`{origin}` is here already")));
        }
    }
    let id = Id::new();
    let created = new.created.unwrap_or_else(Time::now);
    connection
        .prepare_cached(
            "INSERT INTO chats (id, title, created, updated, model, adapter, project, folder, learn, origin, meta)
             VALUES (?1, ?2, ?3, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        )?
        .execute(params![
            id, new.title, created, new.model, new.adapter, new.project, new.folder, new.learn, new.origin,
            object(new.meta)?
        ])?;
    get(connection, id)
}

pub(crate) fn get(connection: &Connection, id: Id) -> Result<Chat, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM chats WHERE id = ?1");
    let found = connection.prepare_cached(&sql)?.query_row([id], chat).optional()?;
    found.ok_or_else(|| StoreError::not_found("conversation", id))
}

fn chat(row: &Row<'_>) -> rusqlite::Result<Chat> {
    Ok(Chat {
        id: row.get(0)?,
        title: row.get(1)?,
        created: row.get(2)?,
        updated: row.get(3)?,
        model: row.get(4)?,
        adapter: row.get(5)?,
        project: row.get(6)?,
        folder: row.get(7)?,
        pinned: row.get(8)?,
        learn: row.get(9)?,
        origin: row.get(10)?,
        leaf: row.get(11)?,
        meta: json(row, 12)?,
    })
}

/// JSON of a column.
pub(crate) fn json(row: &Row<'_>, column: usize) -> rusqlite::Result<Value> {
    let text = row.get_ref(column)?.as_str()?;
    serde_json::from_str(text).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, Box::new(error))
    })
}

/// The text of a column that holds an object; null is the empty one.
pub(crate) fn object(value: Value) -> Result<String, StoreError> {
    match value {
        Value::Null => Ok("{}".into()),
        Value::Object(_) => Ok(value.to_string()),
        _ => Err(StoreError::Invalid("what is kept beside a row must be a JSON object".into())),
    }
}
