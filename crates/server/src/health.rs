//! Is there a model that answers?

use crate::state::{Phase, Shared};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;

/// The state of the server.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct Health {
    /// `ok`, `loading` or `failed`.
    #[schema(example = "ok")]
    status: String,
    /// The model that answers, when there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<String>,
}

/// Is the server ready?
///
/// Needs no key. Programs that start hone wait here until the model is loaded.
#[utoipa::path(get, operation_id = "get_health", path = "/health", tag = "Server", responses(
    (status = 200, description = "The model answers.", body = Health),
    (status = 503, description = "The model is still being loaded, or could not be.", body = Health),
), security(()))]
pub(crate) async fn show(State(shared): State<Arc<Shared>>) -> (StatusCode, Json<Health>) {
    let (code, status, model) = match shared.served.phase() {
        Phase::Ready { .. } => (StatusCode::OK, "ok", Some(shared.served.name().to_owned())),
        Phase::Loading => (StatusCode::SERVICE_UNAVAILABLE, "loading", None),
        Phase::Failed(_) => (StatusCode::SERVICE_UNAVAILABLE, "failed", None), // the reason is for key holders
    };
    (code, Json(Health { status: status.to_owned(), model }))
}
