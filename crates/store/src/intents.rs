//! Messages whose intent was judged wrong, as the user has corrected it.

use crate::{Id, Store, StoreError, Time};
use rusqlite::params;
use serde::{Deserialize, Serialize};

/// One correction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IntentCorrection {
    /// Its name in the store.
    pub id: Id,
    /// What was said.
    pub text: String,
    /// What it was taken for.
    pub judged: String,
    /// What was meant.
    pub meant: String,
    /// The message, where it was one.
    pub message: Option<Id>,
    /// When it was corrected.
    pub created: Time,
}

/// The corrections of a [`Store`].
pub struct Intents<'a>(pub(crate) &'a Store);

impl Intents<'_> {
    /// Adds one; it takes the place of an older one for the same text.
    pub fn correct(
        &self,
        text: &str,
        judged: &str,
        meant: &str,
        message: Option<Id>,
    ) -> Result<IntentCorrection, StoreError> {
        let (text, judged, meant) = (text.to_owned(), judged.to_owned(), meant.to_owned());
        self.0.write(move |connection| {
            connection.execute("DELETE FROM intents WHERE text = ?1", [&text])?;
            let (id, created) = (Id::new(), Time::now());
            let sql = "INSERT INTO intents (id, text, judged, meant, message, created) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
            connection.execute(sql, params![id, text, judged, meant, message, created])?;
            Ok(IntentCorrection { id, text, judged, meant, message, created })
        })
    }

    /// All of them, the oldest first.
    pub fn list(&self) -> Result<Vec<IntentCorrection>, StoreError> {
        self.0.read(|connection| {
            let sql = "SELECT id, text, judged, meant, message, created FROM intents ORDER BY id";
            let mut statement = connection.prepare_cached(sql)?;
            let rows = statement.query_map([], |row| {
                Ok(IntentCorrection {
                    id: row.get(0)?,
                    text: row.get(1)?,
                    judged: row.get(2)?,
                    meant: row.get(3)?,
                    message: row.get(4)?,
                    created: row.get(5)?,
                })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// Forgets one.
    pub fn remove(&self, id: Id) -> Result<(), StoreError> {
        self.0.remove(move |connection| {
            match connection.execute("DELETE FROM intents WHERE id = ?1", [id])? {
                0 => Err(StoreError::not_found("correction", id)),
                _ => Ok(()),
            }
        })
    }
}
