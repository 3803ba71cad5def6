//! Which conversations each adapter was trained on, so that deleting one can say what has learned from it.

use crate::chats::{json, object};
use crate::{Id, Store, StoreError, Time};
use rusqlite::{Row, params};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// An adapter and what it has learned from. Its files are in `adapters/<id>/`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Taught {
    /// The name of its folder.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// SHA-256 of the model's file.
    pub base: String,
    /// When it was made.
    pub created: Time,
    /// Anything else, an object.
    pub detail: Value,
    /// Conversations that it was trained on.
    pub chats: u64,
    /// How many of them the user has deleted since. Above zero it should be trained anew, or removed.
    pub deleted: u64,
}

/// The adapters of a [`Store`].
pub struct Adapters<'a>(pub(crate) &'a Store);

const COLUMNS: &str = "id, name, base, created, detail,
    (SELECT count(*) FROM adapter_chats WHERE adapter = id),
    (SELECT count(*) FROM adapter_chats WHERE adapter = id AND deleted IS NOT NULL)";

impl Adapters<'_> {
    /// Notes a new adapter and the conversations that it was trained on. Writing it again changes nothing.
    pub fn add(
        &self,
        id: &str,
        name: &str,
        base: &str,
        detail: Value,
        chats: &[Id],
    ) -> Result<(), StoreError> {
        let (id, name, base, chats) = (id.to_owned(), name.to_owned(), base.to_owned(), chats.to_vec());
        self.0.write(move |connection| {
            let sql = "INSERT OR IGNORE INTO adapters (id, name, base, created, detail) VALUES (?1, ?2, ?3, ?4, ?5)";
            connection.execute(sql, params![id, name, base, Time::now(), object(detail)?])?;
            // A conversation that was deleted while the training went on counts as deleted.
            let mut statement = connection.prepare(
                "INSERT OR IGNORE INTO adapter_chats (adapter, chat, deleted)
                 VALUES (?1, ?2, CASE WHEN EXISTS (SELECT 1 FROM chats WHERE id = ?2) THEN NULL ELSE ?3 END)",
            )?;
            for chat in chats {
                statement.execute(params![id, chat, Time::now()])?;
            }
            Ok(())
        })
    }

    /// All that are noted, the oldest first.
    pub fn list(&self) -> Result<Vec<Taught>, StoreError> {
        self.0.read(|connection| {
            let sql = format!("SELECT {COLUMNS} FROM adapters ORDER BY created, id");
            Ok(connection.prepare_cached(&sql)?.query_map([], taught)?.collect::<Result<_, _>>()?)
        })
    }

    /// Those that were trained on this conversation, also when it is gone.
    pub fn of_chat(&self, chat: Id) -> Result<Vec<Taught>, StoreError> {
        self.0.read(|connection| {
            let sql = format!(
                "SELECT {COLUMNS} FROM adapters
                 WHERE id IN (SELECT adapter FROM adapter_chats WHERE chat = ?1) ORDER BY created, id"
            );
            Ok(connection.prepare_cached(&sql)?.query_map([chat], taught)?.collect::<Result<_, _>>()?)
        })
    }

    /// Forgets one, when its folder is removed.
    pub fn remove(&self, id: &str) -> Result<(), StoreError> {
        let (id, adapter) = (id.to_owned(), id);
        self.0.remove(move |connection| {
            connection.execute("DELETE FROM adapters WHERE id = ?1", [&id])?;
            Ok(())
        })?;
        self.0.audit().note("adapter deleted", json!({ "adapter": adapter }));
        Ok(())
    }
}

fn taught(row: &Row<'_>) -> rusqlite::Result<Taught> {
    Ok(Taught {
        id: row.get(0)?,
        name: row.get(1)?,
        base: row.get(2)?,
        created: row.get(3)?,
        detail: json(row, 4)?,
        chats: row.get(5)?,
        deleted: row.get(6)?,
    })
}
