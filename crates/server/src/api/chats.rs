//! Conversations: list, read, change, delete, search.

use super::objects::{ChatObject, FeedbackObject, MessageObject};
use super::{Text, id};
use crate::body::{Checked, JsonBody};
use crate::error::{ApiError, ErrorResponse, GateErrors};
use crate::state::Shared;
use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use store::{ChatChange, ChatFilter, Found, Id, NewChat, Store, Time};
use utoipa::{IntoParams, ToSchema};

/// Conversations in a page, where nothing else is asked for, and at most.
const PAGE: (usize, usize) = (50, 500);

/// Which conversations to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ChatQuery {
    /// About this project only.
    project: Option<String>,
    /// Filed here only.
    folder: Option<String>,
    /// Older than this time: `updated` of the last one of the page before.
    before: Option<String>,
    /// At most so many.
    #[param(maximum = 500)]
    limit: Option<usize>,
}

/// Conversations.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ChatList {
    /// Pinned ones first, then the newest.
    chats: Vec<ChatObject>,
}

/// A conversation to begin.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ChatNew {
    /// Empty: the first question gives it.
    title: String,
    /// Folder of the project that it is about, absolute.
    project: Option<String>,
    /// Where it is filed.
    folder: Option<String>,
    /// Adapter that it answers with, by name or id; `base` is none, and left out the one in use.
    adapter: Option<String>,
}

/// What to change; what is left out stays. An empty text empties a field.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ChatEdit {
    /// See `ChatObject`.
    title: Option<String>,
    /// See `ChatNew`.
    project: Option<String>,
    /// See `ChatNew`.
    folder: Option<String>,
    /// See `ChatNew`.
    adapter: Option<String>,
    /// Stays at the top of lists.
    pinned: Option<bool>,
    /// Whether it may be trained on.
    learn: Option<bool>,
    /// Shows the branch that ends in this message.
    leaf: Option<String>,
}

/// A conversation with everything in it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ChatWhole {
    /// What stands around the messages.
    #[serde(flatten)]
    chat: ChatObject,
    /// All branches: parents come before their children.
    messages: Vec<MessageObject>,
    /// What the user thought of them.
    feedback: Vec<FeedbackObject>,
    /// The turn that is going on; its events can be heard.
    #[schema(required)]
    turn: Option<String>,
}

/// What was deleted with a conversation.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ChatRemoved {
    /// Number of its messages.
    messages: u64,
    /// Ids of adapters that were trained on it. They stay, and are marked.
    adapters: Vec<String>,
    /// Rows of training sets that were made of it, and went too.
    training_rows: u64,
}

/// What to look for.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct SearchQuery {
    /// Words that all have to be there; the last may be a beginning, words between quotes stand together.
    q: String,
    /// At most so many.
    #[param(maximum = 500)]
    limit: Option<usize>,
}

/// Messages that were found.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct FoundList {
    /// The best first.
    found: Vec<FoundObject>,
}

/// A message that was found.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct FoundObject {
    /// The conversation.
    chat: String,
    /// Its title.
    title: String,
    /// The message.
    message: String,
    /// Who speaks.
    role: &'static str,
    /// When (RFC 3339, UTC).
    created: String,
    /// The place in the text.
    snippet: Vec<Text>,
}

impl Checked for ChatNew {}
impl Checked for ChatEdit {}

/// Conversations
#[utoipa::path(get, operation_id = "list_chats", path = "/api/chats", tag = "Conversations", params(ChatQuery), responses(
    (status = 200, description = "A page of conversations.", body = ChatList),
    (status = 400, description = "A parameter has no meaning (`invalid_value`).", body = ErrorResponse),
    GateErrors,
))]
pub(crate) async fn list(
    State(shared): State<Arc<Shared>>,
    Query(query): Query<ChatQuery>,
) -> Result<Json<ChatList>, ApiError> {
    let wrong = || ApiError::invalid("before", "before is a time such as 2026-11-27T10:00:00Z");
    let before = query.before.map(|text| Time::parse(&text).ok_or_else(wrong)).transpose()?;
    let limit = query.limit.unwrap_or(PAGE.0).clamp(1, PAGE.1);
    let filter = ChatFilter { project: query.project, folder: query.folder, before, limit };
    let chats = shared.with_store(move |store| Ok(store.chats().list(&filter)?)).await?;
    Ok(Json(ChatList { chats: chats.into_iter().map(ChatObject::from).collect() }))
}

/// Begin a conversation
#[utoipa::path(post, operation_id = "create_chat", path = "/api/chats", tag = "Conversations", request_body = ChatNew, responses(
    (status = 201, description = "It is on the disk.", body = ChatObject),
    (status = 507, description = "The disk is full (`disk_full`): nothing was saved.", body = ErrorResponse),
    GateErrors,
))]
pub(crate) async fn create(
    State(shared): State<Arc<Shared>>,
    JsonBody(new): JsonBody<ChatNew>,
) -> Result<(StatusCode, Json<ChatObject>), ApiError> {
    let ChatNew { title, project, folder, adapter } = new;
    let model = Some(shared.served.name().to_owned());
    let new = NewChat { title, project, folder, adapter, model, ..NewChat::default() };
    let chat = shared.with_store(move |store| Ok(store.chats().create(new)?)).await?;
    Ok((StatusCode::CREATED, Json(chat.into())))
}

/// A conversation
#[utoipa::path(get, operation_id = "get_chat", path = "/api/chats/{chat}", tag = "Conversations",
    params(("chat" = String, Path, description = "Id of the conversation.")), responses(
    (status = 200, description = "The conversation with all of its messages.", body = ChatWhole),
    (status = 404, description = "There is none (`not_found`).", body = ErrorResponse),
    GateErrors,
))]
pub(crate) async fn show(
    State(shared): State<Arc<Shared>>,
    Path(chat): Path<String>,
) -> Result<Json<ChatWhole>, ApiError> {
    let chat = id("conversation", &chat)?;
    let turn = shared.turns.of_chat(chat).map(|turn| turn.id.to_string());
    let read = move |store: &store::Store| {
        let messages = store.messages().tree(chat)?.into_iter().map(MessageObject::from).collect();
        let feedback = store.feedback().of_chat(chat)?.into_iter().map(FeedbackObject::from).collect();
        Ok(ChatWhole { chat: store.chats().get(chat)?.into(), messages, feedback, turn })
    };
    Ok(Json(shared.with_store(read).await?))
}

/// Change a conversation
#[utoipa::path(post, operation_id = "change_chat", path = "/api/chats/{chat}", tag = "Conversations",
    params(("chat" = String, Path, description = "Id of the conversation.")), request_body = ChatEdit, responses(
    (status = 200, description = "The conversation as it is now.", body = ChatObject),
    (status = 404, description = "There is none (`not_found`).", body = ErrorResponse),
    (status = 507, description = "The disk is full (`disk_full`): nothing was saved.", body = ErrorResponse),
    GateErrors,
))]
pub(crate) async fn change(
    State(shared): State<Arc<Shared>>,
    Path(chat): Path<String>,
    JsonBody(edit): JsonBody<ChatEdit>,
) -> Result<Json<ChatObject>, ApiError> {
    let chat = id("conversation", &chat)?;
    let or_empty = |text: Option<String>| text.map(|text| Some(text).filter(|text| !text.is_empty()));
    let change = ChatChange {
        title: edit.title,
        project: or_empty(edit.project),
        folder: or_empty(edit.folder),
        adapter: or_empty(edit.adapter),
        pinned: edit.pinned,
        learn: edit.learn.map(Some),
        leaf: edit.leaf.map(|leaf| id("message", &leaf)).transpose()?,
        ..ChatChange::default()
    };
    let chat = shared.with_store(move |store| Ok(store.chats().change(chat, change)?)).await?;
    Ok(Json(chat.into()))
}

/// Delete a conversation
#[utoipa::path(post, operation_id = "delete_chat", path = "/api/chats/{chat}/delete", tag = "Conversations",
    params(("chat" = String, Path, description = "Id of the conversation.")), responses(
    (status = 200, description = "It is gone, its words in the full-text index, its feedback and its rows in training sets too.", body = ChatRemoved),
    (status = 404, description = "There is none (`not_found`).", body = ErrorResponse),
    GateErrors,
))]
pub(crate) async fn delete(
    State(shared): State<Arc<Shared>>,
    Path(chat): Path<String>,
) -> Result<Json<ChatRemoved>, ApiError> {
    let chat = id("conversation", &chat)?;
    shared.turns.of_chat(chat).inspect(|turn| turn.stop());
    let removed = shared.with_store(move |store| remove(store, chat)).await?;
    Ok(Json(removed))
}

/// Deletes a conversation, and the rows of training sets that were made of it.
fn remove(store: &Store, chat: Id) -> Result<ChatRemoved, ApiError> {
    let removed = store.chats().remove(chat)?;
    let training_rows = forget(store, chat)?;
    Ok(ChatRemoved { messages: removed.messages, adapters: removed.adapters, training_rows })
}

/// Takes what was made of a conversation or a completion out of all training sets, and out of what the gate remembers.
pub(super) fn forget(store: &Store, id: Id) -> Result<u64, ApiError> {
    let rows = learn::forget(store.home(), &id.to_string());
    rows.map_err(|error| {
        tracing::error!("training sets still hold what was deleted: {error}");
        ApiError::internal()
    })
}

/// Search conversations
#[utoipa::path(get, operation_id = "search_chats", path = "/api/chats/search", tag = "Conversations", params(SearchQuery), responses(
    (status = 200, description = "Messages with these words.", body = FoundList),
    GateErrors,
))]
pub(crate) async fn search(
    State(shared): State<Arc<Shared>>,
    Query(query): Query<SearchQuery>,
) -> Result<Json<FoundList>, ApiError> {
    let limit = query.limit.unwrap_or(PAGE.0).clamp(1, PAGE.1);
    let found = shared.with_store(move |store| Ok(store.chats().search(&query.q, limit)?)).await?;
    let object = |found: Found| FoundObject {
        chat: found.chat.to_string(),
        title: found.title,
        message: found.message.to_string(),
        role: found.role.as_str(),
        created: found.created.to_string(),
        snippet: Text::marked(&found.snippet),
    };
    Ok(Json(FoundList { found: found.into_iter().map(object).collect() }))
}
