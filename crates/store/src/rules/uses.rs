//! Where rules were used: the answers that had them in their prompt.

use super::Rules;
use crate::{Id, StoreError, Time};
use rusqlite::params;

/// An answer that had a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleUse {
    /// The conversation.
    pub chat: Id,
    /// Its title.
    pub title: String,
    /// The answer.
    pub message: Id,
    /// When it was begun.
    pub time: Time,
}

impl Rules<'_> {
    /// How many answers had the rule, and the last `limit` of them, the newest first.
    pub fn uses(&self, rule: Id, limit: usize) -> Result<(usize, Vec<RuleUse>), StoreError> {
        // A word of the metadata is looked for first: few answers are worth parsing.
        const USED: &str = "FROM messages m JOIN chats c ON c.id = m.chat
             WHERE m.role = 'assistant' AND instr(m.meta, ?1) > 0
               AND EXISTS (SELECT 1 FROM json_each(m.meta, '$.rules') r WHERE r.value ->> '$.id' = ?1)";
        self.0.read(|connection| {
            let id = rule.to_string();
            let count: i64 =
                connection.query_row(&format!("SELECT count(*) {USED}"), [&id], |row| row.get(0))?;
            let sql = format!("SELECT c.id, c.title, m.id, m.created {USED} ORDER BY m.seq DESC LIMIT ?2");
            let mut statement = connection.prepare(&sql)?;
            let rows = statement.query_map(params![id, limit as i64], |row| {
                let (chat, title, message, time) = (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?);
                Ok(RuleUse { chat, title, message, time })
            })?;
            Ok((count as usize, rows.collect::<Result<_, _>>()?))
        })
    }
}
