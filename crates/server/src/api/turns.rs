//! Turns: hear how one goes, stop it, allow what it asks for.

use super::id;
use crate::body::{Checked, JsonBody};
use crate::error::{ApiError, ErrorResponse, GateErrors};
use crate::event_log;
use crate::state::Shared;
use crate::turns::{Around, Turn};
use axum::Json;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;

/// Whether a call may run.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Consent {
    /// Id of the call, as its event says it; a web search before the answer is `search`.
    call: String,
    /// Whether it may.
    allow: bool,
}

impl Checked for Consent {}

/// A turn.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TurnState {
    /// Its id.
    turn: String,
    /// The conversation.
    chat: String,
    /// The message that it answers.
    question: String,
}

/// Hear a turn
///
/// Server-sent events, named as their `type`: `begun`, `intent`, `searching`, `offered` (preferences as drafts of rules),
/// `rules`, `sources`, `left_out`, `notice`, `reading`, `text`, `tool_call`, `tool_result`, `answered` (with tokens and
/// times), then `done` or `failed`, and `kept`. Where a rule was taught (`remember: ...`) there are `remembered`, `text`
/// and `done` in their place. A new listener hears all from the beginning, one that sends `Last-Event-ID` what came after.
#[utoipa::path(get, operation_id = "hear_turn", path = "/api/turns/{turn}/events", tag = "Conversations",
    params(("turn" = String, Path, description = "Id of the turn.")), responses(
    (status = 200, description = "The events; the stream ends with the turn.", content((Around = "text/event-stream"))),
    (status = 404, description = "This server does not know such a turn any more (`not_found`): what was said is in the conversation.", body = ErrorResponse),
    GateErrors,
))]
pub(crate) async fn events(
    State(shared): State<Arc<Shared>>,
    Path(turn): Path<String>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    Ok(event_log::respond(find(&shared, &turn)?, &headers))
}

/// Stop a turn
///
/// It ends within a token; what was said is kept.
#[utoipa::path(post, operation_id = "stop_turn", path = "/api/turns/{turn}/stop", tag = "Conversations",
    params(("turn" = String, Path, description = "Id of the turn.")), responses(
    (status = 200, description = "It stops, or has ended.", body = TurnState),
    (status = 404, description = "This server does not know such a turn any more (`not_found`).", body = ErrorResponse),
    GateErrors,
))]
pub(crate) async fn stop(
    State(shared): State<Arc<Shared>>,
    Path(turn): Path<String>,
) -> Result<Json<TurnState>, ApiError> {
    let turn = find(&shared, &turn)?;
    turn.stop();
    Ok(Json(TurnState::of(&turn)))
}

/// Allow a call
///
/// Answers a `tool_call` or `searching` event that asks. The first answer counts; without one for ten minutes, the call
/// does not run.
#[utoipa::path(post, operation_id = "allow_call", path = "/api/turns/{turn}/consent", tag = "Conversations",
    params(("turn" = String, Path, description = "Id of the turn.")), request_body = Consent, responses(
    (status = 200, description = "The turn goes on.", body = TurnState),
    (status = 404, description = "This server does not know such a turn any more (`not_found`).", body = ErrorResponse),
    GateErrors,
))]
pub(crate) async fn consent(
    State(shared): State<Arc<Shared>>,
    Path(turn): Path<String>,
    JsonBody(consent): JsonBody<Consent>,
) -> Result<Json<TurnState>, ApiError> {
    let turn = find(&shared, &turn)?;
    turn.consent(&consent.call, consent.allow);
    Ok(Json(TurnState::of(&turn)))
}

impl TurnState {
    fn of(turn: &Turn) -> TurnState {
        let [turn, chat, question] = [turn.id, turn.chat, turn.question].map(|id| id.to_string());
        TurnState { turn, chat, question }
    }
}

fn find(shared: &Shared, turn: &str) -> Result<Arc<Turn>, ApiError> {
    let unknown = || ApiError::not_found("not_found", "this server does not know such a turn any more");
    shared.turns.get(id("turn", turn)?).ok_or_else(unknown)
}
