//! Rows of the store as clients see them.

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

/// A conversation without its messages.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ChatObject {
    /// Its id.
    #[schema(example = "01939c1f-7d3a-7a10-b0f2-5e0c6a1d2b3c")]
    id: String,
    /// What it is about.
    title: String,
    /// When it was begun (RFC 3339, UTC).
    created: String,
    /// When the last message came.
    updated: String,
    /// The model that it was begun with.
    #[schema(required)]
    model: Option<String>,
    /// The adapter that it answers with; null is the one in use.
    #[schema(required)]
    adapter: Option<String>,
    /// Folder of the project that it is about.
    #[schema(required)]
    project: Option<String>,
    /// Where it is filed.
    #[schema(required)]
    folder: Option<String>,
    /// Stays at the top of lists.
    pinned: bool,
    /// Whether it may be trained on; null is as the settings say.
    #[schema(required)]
    learn: Option<bool>,
    /// Where it was imported from.
    #[schema(required)]
    origin: Option<String>,
    /// The end of the branch that is shown: the next message follows it.
    #[schema(required)]
    leaf: Option<String>,
}

/// A message.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MessageObject {
    /// Its id.
    pub(crate) id: String,
    /// The conversation.
    chat: String,
    /// The message that it follows; several may follow one.
    #[schema(required)]
    parent: Option<String>,
    /// `system`, `user`, `assistant` or `tool`.
    role: &'static str,
    /// `complete`, `streaming`, `stopped` by the user, `failed`, or `interrupted` by the end of the program.
    state: &'static str,
    /// Its text in pieces, each with its origin.
    spans: Vec<SpanObject>,
    /// What belongs to an answer: intent, rules, sources, tool calls, timings, what was left out, the error.
    #[schema(value_type = Object)]
    meta: Value,
    /// When it was begun (RFC 3339, UTC).
    created: String,
}

/// A piece of a message.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SpanObject {
    /// The piece.
    text: String,
    /// Who wrote it: `user`, `model`, `file`, `web`, `tool`, `rule` or `remote`.
    provenance: &'static str,
    /// Where it can be looked up.
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<String>,
}

/// What the user thought of a message.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct FeedbackObject {
    /// Its id.
    id: String,
    /// The message; null for a completion in an editor.
    #[schema(required)]
    message: Option<String>,
    /// `up`, `down`, `edited`, `regenerated`, `kept`, `correction` or `accepted`.
    kind: &'static str,
    /// The edited answer, the correction, the completion.
    #[schema(required)]
    text: Option<String>,
    /// When (RFC 3339, UTC).
    created: String,
}

impl From<store::Chat> for ChatObject {
    fn from(chat: store::Chat) -> ChatObject {
        ChatObject {
            id: chat.id.to_string(),
            title: chat.title,
            created: chat.created.to_string(),
            updated: chat.updated.to_string(),
            model: chat.model,
            adapter: chat.adapter,
            project: chat.project,
            folder: chat.folder,
            pinned: chat.pinned,
            learn: chat.learn,
            origin: chat.origin,
            leaf: chat.leaf.map(|id| id.to_string()),
        }
    }
}

impl From<store::Message> for MessageObject {
    fn from(message: store::Message) -> MessageObject {
        let span = |span: store::Span| SpanObject {
            text: span.text,
            provenance: span.provenance.as_str(),
            source: span.source,
        };
        MessageObject {
            id: message.id.to_string(),
            chat: message.chat.to_string(),
            parent: message.parent.map(|id| id.to_string()),
            role: message.role.as_str(),
            state: message.state.as_str(),
            spans: message.spans.into_iter().map(span).collect(),
            meta: message.meta,
            created: message.created.to_string(),
        }
    }
}

impl From<store::FeedbackRow> for FeedbackObject {
    fn from(row: store::FeedbackRow) -> FeedbackObject {
        FeedbackObject {
            id: row.id.to_string(),
            message: row.message.map(|id| id.to_string()),
            kind: row.kind.as_str(),
            text: row.text,
            created: row.created.to_string(),
        }
    }
}
