//! What runs here: the model, how far it is, and what it can hold.

use crate::error::{ApiError, GateErrors};
use crate::state::{Phase, Shared};
use axum::Json;
use axum::extract::State;
use serde::Serialize;
use std::sync::Arc;
use utoipa::ToSchema;

/// The server and its model.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ServerObject {
    /// Version of hone.
    version: &'static str,
    /// Name of the model.
    model: String,
    /// `loading`, `ready` or `failed`.
    state: &'static str,
    /// Why it failed.
    #[schema(required)]
    reason: Option<String>,
    /// What the model is, once it is loaded.
    #[schema(required)]
    loaded: Option<LoadedModel>,
    /// The model elsewhere that answers conversations instead.
    #[schema(required)]
    remote: Option<String>,
    /// Tokens that question and answer have together.
    #[schema(required)]
    context: Option<usize>,
}

/// A model in memory.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LoadedModel {
    /// `llama`, `qwen2`, `qwen3`.
    architecture: String,
    /// Number of weights.
    parameters: u64,
    /// The format that most of them are in.
    quantisation: String,
    /// Size of the file.
    file_bytes: u64,
    /// What computes.
    device: String,
}

/// What runs here
#[utoipa::path(get, operation_id = "get_server", path = "/api/server", tag = "Server", responses(
    (status = 200, description = "The model, and how far loading it is.", body = ServerObject), GateErrors,
))]
pub(crate) async fn show(State(shared): State<Arc<Shared>>) -> Result<Json<ServerObject>, ApiError> {
    let remote = shared.brain().ok().and_then(|brain| brain.remote);
    let mut server = ServerObject {
        version: env!("CARGO_PKG_VERSION"),
        model: shared.served.name().to_owned(),
        state: "loading",
        reason: None,
        loaded: None,
        context: remote.as_ref().map(|model| model.window()),
        remote: remote.map(|model| model.name().to_owned()),
    };
    match shared.served.phase() {
        Phase::Loading => {}
        Phase::Failed(reason) => (server.state, server.reason) = ("failed", Some(reason)),
        Phase::Ready { engine, .. } => {
            let info = &engine.model().info;
            server.state = "ready";
            server.context.get_or_insert(engine.context());
            server.loaded = Some(LoadedModel {
                architecture: info.architecture.clone(),
                parameters: info.parameters,
                quantisation: info.quantisation.to_string(),
                file_bytes: info.file_bytes,
                device: engine.device(),
            });
        }
    }
    Ok(Json(server))
}
