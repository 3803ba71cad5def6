//! Full-text search over messages.

use crate::{Chats, Id, Role, StoreError, Time};
use serde::Serialize;

/// A message with the words that were looked for.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Found {
    /// The conversation.
    pub chat: Id,
    /// Its title.
    pub title: String,
    /// The message.
    pub message: Id,
    /// Who speaks.
    pub role: Role,
    /// When.
    pub created: Time,
    /// The place in the text, the words between [`Found::MARKS`].
    pub snippet: String,
}

impl Found {
    /// Stand before and after each word that matches: control characters, which no terminal or page obeys.
    pub const MARKS: [char; 2] = ['\u{2}', '\u{3}'];
}

impl Chats<'_> {
    /// Finished messages that hold all these words, the best first. Case and accents do not matter; the last word may
    /// be the beginning of one. Words between quotes stand together.
    pub fn search(&self, text: &str, limit: usize) -> Result<Vec<Found>, StoreError> {
        let Some(query) = query(text) else { return Ok(Vec::new()) };
        self.0.read(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT m.chat, c.title, m.id, m.role, m.created, snippet(words, 0, ?3, ?4, '…', 16)
                 FROM words JOIN messages m ON m.seq = words.rowid JOIN chats c ON c.id = m.chat
                 WHERE words MATCH ?1 ORDER BY words.rank, m.seq DESC LIMIT ?2",
            )?;
            let [open, close] = Found::MARKS.map(String::from);
            let rows = statement.query_map((query, limit as i64, open, close), |row| {
                Ok(Found {
                    chat: row.get(0)?,
                    title: row.get(1)?,
                    message: row.get(2)?,
                    role: row.get(3)?,
                    created: row.get(4)?,
                    snippet: row.get(5)?,
                })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }
}

/// The words as FTS5 wants them: each is a string, so that nothing in it is an operator. `None` without any word.
fn query(text: &str) -> Option<String> {
    let text = text.replace('\0', " ");
    // What stands at odd places of a split by quotes was between two of them.
    let mut parts: Vec<&str> = Vec::new();
    for (n, piece) in text.split('"').enumerate() {
        match n % 2 {
            1 => parts.push(piece),
            _ => parts.extend(piece.split_whitespace()),
        }
    }
    parts.retain(|part| part.contains(|c: char| c.is_alphanumeric() || c == '_'));
    let last_is_begun = text.ends_with(|c: char| c.is_alphanumeric() || c == '_');
    let mut query = parts.iter().map(|part| format!("\"{part}\"")).collect::<Vec<_>>().join(" ");
    if last_is_begun {
        query.push('*');
    }
    (!parts.is_empty()).then_some(query)
}

#[cfg(test)]
mod tests {
    use super::query;

    #[test]
    fn operators_are_words() {
        let is = |text: &str, expected: &str| assert_eq!(query(text).as_deref(), Some(expected), "{text}");
        is("git bisect", r#""git" "bisect"*"#);
        is("a OR NOT b) -c", r#""a" "OR" "NOT" "b)" "-c"*"#);
        is("\"two words\" more", r#""two words" "more"*"#);
        is("\"open quote", r#""open quote"*"#);
        is("foo_bar.", r#""foo_bar.""#);
        for text in ["", "  ", "\"\"", "* ( ) -", "\0"] {
            assert_eq!(query(text), None, "{text}");
        }
    }
}
