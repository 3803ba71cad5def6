//! Settings that are made in the program itself, by name. Keys and addresses are not among them.

use crate::{Store, StoreError};
use rusqlite::OptionalExtension;
use serde_json::Value;
use std::collections::BTreeMap;

/// The settings of a [`Store`].
pub struct Settings<'a>(pub(crate) &'a Store);

impl Settings<'_> {
    /// The value of one.
    pub fn get(&self, name: &str) -> Result<Option<Value>, StoreError> {
        let sql = "SELECT value FROM settings WHERE name = ?1";
        let text: Option<String> = self
            .0
            .read(|connection| Ok(connection.query_row(sql, [name], |row| row.get(0)).optional()?))?;
        Ok(text.map(|text| serde_json::from_str(&text)).transpose()?)
    }

    /// All of them.
    pub fn list(&self) -> Result<BTreeMap<String, Value>, StoreError> {
        self.0.read(|connection| {
            let mut statement = connection.prepare("SELECT name, value FROM settings")?;
            let rows = statement.query_map([], |row| Ok((row.get(0)?, crate::chats::json(row, 1)?)))?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// Sets one; null takes it away.
    pub fn set(&self, name: &str, value: Value) -> Result<(), StoreError> {
        let name = name.to_owned();
        self.0.write(move |connection| {
            if value.is_null() {
                connection.execute("DELETE FROM settings WHERE name = ?1", [&name])?;
            } else {
                let sql = "INSERT OR REPLACE INTO settings (name, value) VALUES (?1, ?2)";
                connection.execute(sql, [&name, &value.to_string()])?;
            }
            Ok(())
        })
    }
}
