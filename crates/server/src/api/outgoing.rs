//! What has left this machine.

use crate::error::{ApiError, GateErrors};
use crate::state::Shared;
use axum::Json;
use axum::extract::State;
use serde::Serialize;
use std::sync::Arc;
use store::Request;
use utoipa::ToSchema;

/// Requests that are listed.
const LISTED: usize = 500;

/// What has left this machine.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct OutgoingList {
    /// The newest first.
    requests: Vec<OutgoingObject>,
}

/// One request.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct OutgoingObject {
    /// When it was sent (RFC 3339, UTC).
    time: String,
    /// What for: `web search`, `page`, `model`.
    purpose: String,
    /// `GET`, `POST`.
    method: String,
    /// Scheme, host, port and path; no query and no key.
    address: String,
    /// Bytes of the body that was sent.
    sent: u64,
    /// Bytes of the body that came back.
    received: u64,
    /// The HTTP status, where there was an answer.
    #[schema(required)]
    status: Option<u16>,
    /// What went wrong.
    #[schema(required)]
    error: Option<String>,
    /// Milliseconds.
    millis: u64,
    /// What the provider has charged.
    credits: f64,
}

/// What has left this machine
///
/// Every request that hone has sent while serving. Downloads of models are asked for by name and are not in it.
#[utoipa::path(get, operation_id = "list_outgoing", path = "/api/outgoing", tag = "Privacy", responses(
    (status = 200, description = "The requests.", body = OutgoingList),
    GateErrors,
))]
pub(crate) async fn list(State(shared): State<Arc<Shared>>) -> Result<Json<OutgoingList>, ApiError> {
    let requests = shared.with_store(|store| Ok(store.outgoing().list(LISTED)?)).await?;
    let object = |request: Request| OutgoingObject {
        time: request.time.to_string(),
        purpose: request.purpose,
        method: request.method,
        address: request.address,
        sent: request.sent,
        received: request.received,
        status: request.status,
        error: request.error,
        millis: request.millis,
        credits: request.credits,
    };
    Ok(Json(OutgoingList { requests: requests.into_iter().map(object).collect() }))
}
