//! The routes under `/api`: what hone's own programs use besides OpenAI's routes.

pub(crate) mod adapters;
pub(crate) mod audit;
pub(crate) mod chats;
pub(crate) mod exchange;
pub(crate) mod export;
mod gate_report;
pub(crate) mod index;
pub(crate) mod knowledge;
pub(crate) mod learn;
pub(crate) mod messages;
mod objects;
pub(crate) mod outgoing;
pub(crate) mod program;
pub(crate) mod rules;
pub(crate) mod server;
pub(crate) mod train;
pub(crate) mod turns;

use crate::error::ApiError;
use serde::Serialize;
use store::Id;
use utoipa::ToSchema;

/// A piece of a text, plain or marked.
#[derive(Debug, PartialEq, Serialize, ToSchema)]
pub(crate) struct Text {
    /// The piece.
    text: String,
    /// Whether it is what was looked for.
    marked: bool,
}

impl Text {
    /// The pieces of a text with the store's marks around what was found.
    fn marked(text: &str) -> Vec<Text> {
        let pieces = text.split(store::Found::MARKS).zip([false, true].into_iter().cycle());
        let pieces = pieces.filter(|(text, _)| !text.is_empty());
        pieces.map(|(text, marked)| Text { text: text.to_owned(), marked }).collect()
    }
}

/// The id of a row; what is none names no row.
fn id(what: &'static str, text: &str) -> Result<Id, ApiError> {
    text.parse().map_err(|_| {
        let shown: String = text.chars().take(60).collect();
        ApiError::not_found("not_found", format!("there is no {what} `{shown}`"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_become_pieces() {
        let text = |text: &str, marked| Text { text: text.into(), marked };
        assert_eq!(Text::marked("a \u{2}b\u{3} c"), [text("a ", false), text("b", true), text(" c", false)]);
        assert_eq!(Text::marked("\u{2}b\u{3}"), [text("b", true)]);
        assert!(Text::marked("").is_empty());
    }
}
