//! Conversations as files, in and out; and answers that the user has rewritten.

use super::id;
use super::objects::MessageObject;
use crate::body::{Checked, JsonBody};
use crate::error::{ApiError, ErrorResponse, GateErrors};
use crate::state::Shared;
use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::sync::Arc;
use store::exchange::{Conversation, Imported};
use store::{FeedbackKind, NewFeedback, Role};
use utoipa::ToSchema;

/// Conversations in one request.
const MOST: usize = 1000;

/// Conversations of a file.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChatsIn {
    /// As ChatGPT, Open WebUI, ShareGPT or hone has written them: the items of the file's list.
    #[schema(value_type = Vec<Object>)]
    conversations: Vec<Value>,
}

/// What became of them.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ChatsImported {
    /// New conversations.
    imported: usize,
    /// Those that were here already.
    known: usize,
    /// Those in which nothing is said.
    empty: usize,
    /// Why others could not be read.
    skipped: Vec<String>,
}

/// What an answer should have been.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AnswerEdit {
    /// The whole answer.
    text: String,
}

impl Checked for ChatsIn {
    fn check_values(&self) -> Result<(), ApiError> {
        match self.conversations.len() > MOST {
            true => Err(ApiError::invalid("conversations", format!("send at most {MOST} at once"))),
            false => Ok(()),
        }
    }
}

impl Checked for AnswerEdit {
    fn check_values(&self) -> Result<(), ApiError> {
        match self.text.trim().is_empty() {
            true => Err(ApiError::invalid("text", "text is empty: say what the answer should have been")),
            false => Ok(()),
        }
    }
}

/// Import conversations
///
/// They are there to be read and searched: their answers are never trained on, and their system messages instruct nobody.
#[utoipa::path(post, operation_id = "import_chats", path = "/api/chats/import", tag = "Conversations", request_body = ChatsIn, responses(
    (status = 200, description = "What became of them.", body = ChatsImported),
    (status = 507, description = "The disk is full (`disk_full`): nothing was saved.", body = ErrorResponse),
    GateErrors,
))]
pub(crate) async fn import(
    State(shared): State<Arc<Shared>>,
    JsonBody(file): JsonBody<ChatsIn>,
) -> Result<Json<ChatsImported>, ApiError> {
    let mut skipped = Vec::new();
    let mut read = Vec::new();
    for (at, row) in file.conversations.iter().enumerate() {
        match Conversation::read(row) {
            Ok(conversation) => read.push(conversation),
            Err(why) => skipped.push(format!("conversation {}: {why}", at + 1)),
        }
    }
    let done = shared.with_store(move |store| Ok(store.chats().import(read)?)).await?;
    let count = |wanted: fn(&Imported) -> bool| done.iter().filter(|one| wanted(one)).count();
    Ok(Json(ChatsImported {
        imported: count(|one| matches!(one, Imported::New(_))),
        known: count(|one| matches!(one, Imported::Known(_))),
        empty: count(|one| matches!(one, Imported::Empty)),
        skipped,
    }))
}

/// A conversation as a file
#[utoipa::path(get, operation_id = "export_chat", path = "/api/chats/{chat}/export", tag = "Conversations",
    params(("chat" = String, Path, description = "Id of the conversation.")), responses(
    (status = 200, description = "What `hone chats export` writes, and hone imports again.", body = Object),
    (status = 404, description = "There is none (`not_found`).", body = ErrorResponse),
    GateErrors,
))]
pub(crate) async fn export(
    State(shared): State<Arc<Shared>>,
    Path(chat): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let chat = id("conversation", &chat)?;
    Ok(Json(shared.with_store(move |store| Ok(store.chats().export(chat)?)).await?))
}

/// Rewrite an answer
///
/// The answer that was given stays, and the new one stands beside it as a branch, which is shown. It counts as feedback.
#[utoipa::path(post, operation_id = "edit_answer", path = "/api/messages/{message}/edit", tag = "Conversations",
    params(("message" = String, Path, description = "Id of the answer.")), request_body = AnswerEdit, responses(
    (status = 201, description = "The new answer.", body = MessageObject),
    (status = 400, description = "The message is no answer (`invalid_value`).", body = ErrorResponse),
    (status = 404, description = "There is no such message (`not_found`).", body = ErrorResponse),
    (status = 507, description = "The disk is full (`disk_full`): nothing was saved.", body = ErrorResponse),
    GateErrors,
))]
pub(crate) async fn edit(
    State(shared): State<Arc<Shared>>,
    Path(message): Path<String>,
    JsonBody(edit): JsonBody<AnswerEdit>,
) -> Result<(StatusCode, Json<MessageObject>), ApiError> {
    let message = id("message", &message)?;
    let write = move |store: &store::Store| {
        let before = store.messages().get(message)?;
        if before.role != Role::Assistant {
            return Err(ApiError::invalid(
                "message",
                "only answers are rewritten; ask another question instead",
            ));
        }
        let (kind, text) = (FeedbackKind::Edited, Some(edit.text));
        let feedback = NewFeedback { message: Some(message), kind, text, meta: Value::Null };
        // The store puts the version beside the answer.
        let branch = store.feedback().add(feedback)?.meta["branch"].as_str().and_then(|id| id.parse().ok());
        let branch =
            branch.ok_or_else(|| ApiError::invalid("text", "there is nothing to put beside the answer"))?;
        Ok(store.messages().get(branch)?)
    };
    let new = shared.with_store(write).await?;
    Ok((StatusCode::CREATED, Json(new.into())))
}
