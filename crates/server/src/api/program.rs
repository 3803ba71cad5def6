//! Models and settings: what the program around the server does.

use super::audit::note;
use crate::body::{Checked, JsonBody};
use crate::error::{ApiError, ErrorResponse, GateErrors};
use crate::program::{ModelShelf, Program, SettingsEdit, SettingsObject};
use crate::state::Shared;
use agent::seam::WebError;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::sync::Arc;
use utoipa::ToSchema;

/// A model.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ModelNamed {
    /// Its name; to pull one also `hf:OWNER/REPO` and `hf:OWNER/REPO/FILE.gguf`.
    name: String,
}

/// A search to try.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct WebTry {
    /// Goes out, word for word.
    query: String,
}

/// What a search brought.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct WebTried {
    /// Who answered.
    provider: String,
    /// Titles of what was found.
    titles: Vec<String>,
    /// Whether the answer was known and nothing went out.
    cached: bool,
    /// What it cost.
    #[schema(required)]
    credits: Option<u32>,
    /// What else to know.
    notices: Vec<String>,
}

impl Checked for SettingsEdit {} // the program knows the ranges

impl Checked for ModelNamed {
    fn check_values(&self) -> Result<(), ApiError> {
        // A server reads no file that a client names.
        let plain = !self.name.is_empty() && self.name.len() <= 300 && !self.name.contains(['\\', '\0']);
        let path = self.name.starts_with(['/', '.', '~']) || self.name.ends_with(".gguf");
        match plain && (self.name.starts_with("hf:") || !path && !self.name.contains('/')) {
            true => Ok(()),
            false => {
                Err(ApiError::invalid("name", "name is one of the catalogue, or hf:OWNER/REPO/FILE.gguf"))
            }
        }
    }
}

impl Checked for WebTry {
    fn check_values(&self) -> Result<(), ApiError> {
        match self.query.trim().is_empty() || self.query.len() > 400 {
            true => Err(ApiError::invalid("query", "query has between 1 and 400 characters")),
            false => Ok(()),
        }
    }
}

/// Models to choose from
#[utoipa::path(get, operation_id = "list_shelf", path = "/api/models", tag = "Models", responses(
    (status = 200, description = "The models.", body = ModelShelf), GateErrors,
))]
pub(crate) async fn models(State(shared): State<Arc<Shared>>) -> Result<Json<ModelShelf>, ApiError> {
    Ok(Json(ask(&shared, |program| program.models()).await?))
}

/// Fetch a model
///
/// Begins, or goes on where it was cut off; `GET /api/models` tells how far it is.
#[utoipa::path(post, operation_id = "pull_model", path = "/api/models/pull", tag = "Models", request_body = ModelNamed, responses(
    (status = 202, description = "It is being fetched.", body = ModelShelf),
    (status = 400, description = "There is no such model to fetch (`invalid_value`).", body = ErrorResponse),
    (status = 409, description = "It is being fetched already (`not_now`).", body = ErrorResponse),
    GateErrors,
))]
pub(crate) async fn pull(
    State(shared): State<Arc<Shared>>,
    JsonBody(wanted): JsonBody<ModelNamed>,
) -> Result<(StatusCode, Json<ModelShelf>), ApiError> {
    let name = wanted.name.clone();
    let shelf = ask(&shared, move |program| program.pull(&name).and_then(|()| program.models())).await?;
    note(&shared, "model pull begun", json!({"model": wanted.name})).await;
    Ok((StatusCode::ACCEPTED, Json(shelf)))
}

/// Stop fetching a model
///
/// What has come is kept: the same pull goes on from there.
#[utoipa::path(post, operation_id = "stop_pull", path = "/api/models/stop", tag = "Models", request_body = ModelNamed, responses(
    (status = 202, description = "It ends.", body = ModelShelf),
    (status = 404, description = "It is not being fetched (`not_found`).", body = ErrorResponse),
    GateErrors,
))]
pub(crate) async fn stop_pull(
    State(shared): State<Arc<Shared>>,
    JsonBody(wanted): JsonBody<ModelNamed>,
) -> Result<(StatusCode, Json<ModelShelf>), ApiError> {
    let shelf = ask(&shared, move |program| program.stop_pull(&wanted.name).and_then(|()| program.models()));
    Ok((StatusCode::ACCEPTED, Json(shelf.await?)))
}

/// Choose the model that is served
///
/// The server starts again with it: answers in progress end, and what was said of them is kept.
#[utoipa::path(post, operation_id = "use_model", path = "/api/models/use", tag = "Models", request_body = ModelNamed, responses(
    (status = 202, description = "The server starts again.", body = ModelShelf),
    (status = 404, description = "There is no such model on disk (`not_found`).", body = ErrorResponse),
    GateErrors,
))]
pub(crate) async fn use_model(
    State(shared): State<Arc<Shared>>,
    JsonBody(wanted): JsonBody<ModelNamed>,
) -> Result<(StatusCode, Json<ModelShelf>), ApiError> {
    let name = wanted.name.clone();
    let shelf = ask(&shared, move |program| program.use_model(&name).and_then(|()| program.models())).await?;
    note(&shared, "model chosen", json!({"model": wanted.name})).await;
    Ok((StatusCode::ACCEPTED, Json(shelf)))
}

/// Delete a model from disk
#[utoipa::path(post, operation_id = "delete_model", path = "/api/models/delete", tag = "Models", request_body = ModelNamed, responses(
    (status = 200, description = "It is gone.", body = ModelShelf),
    (status = 404, description = "There is no such model on disk (`not_found`).", body = ErrorResponse),
    (status = 409, description = "It is the one that is served (`not_now`).", body = ErrorResponse),
    GateErrors,
))]
pub(crate) async fn delete_model(
    State(shared): State<Arc<Shared>>,
    JsonBody(wanted): JsonBody<ModelNamed>,
) -> Result<Json<ModelShelf>, ApiError> {
    let name = wanted.name.clone();
    let remove = move |program: &dyn Program| {
        program.remove_model(&name)?;
        program.models()
    };
    let shelf = ask(&shared, remove).await?;
    note(&shared, "model deleted", json!({"model": wanted.name})).await;
    Ok(Json(shelf))
}

/// The settings
#[utoipa::path(get, operation_id = "get_settings", path = "/api/settings", tag = "Server", responses(
    (status = 200, description = "The settings, without any key.", body = SettingsObject), GateErrors,
))]
pub(crate) async fn settings(State(shared): State<Arc<Shared>>) -> Result<Json<SettingsObject>, ApiError> {
    Ok(Json(ask(&shared, |program| program.settings()).await?))
}

/// Change settings
///
/// The server starts again with them.
#[utoipa::path(post, operation_id = "change_settings", path = "/api/settings", tag = "Server", request_body = SettingsEdit, responses(
    (status = 202, description = "The server starts again.", body = SettingsObject),
    (status = 400, description = "A setting has no meaning (`invalid_value`): nothing was changed.", body = ErrorResponse),
    GateErrors,
))]
pub(crate) async fn change_settings(
    State(shared): State<Arc<Shared>>,
    JsonBody(edit): JsonBody<SettingsEdit>,
) -> Result<(StatusCode, Json<SettingsObject>), ApiError> {
    let names = edit.names();
    let change = move |program: &dyn Program| {
        program.change_settings(edit)?;
        program.settings()
    };
    let settings = ask(&shared, change).await?;
    note(&shared, "settings changed", json!({"settings": names})).await;
    Ok((StatusCode::ACCEPTED, Json(settings)))
}

/// Try web search
///
/// Sends a query to the first provider that answers, as a conversation would.
#[utoipa::path(post, operation_id = "try_search", path = "/api/web/try", tag = "Privacy", request_body = WebTry, responses(
    (status = 200, description = "It works.", body = WebTried),
    (status = 409, description = "It does not (`search_failed`), or nobody is set up.", body = ErrorResponse),
    GateErrors,
))]
pub(crate) async fn try_search(
    State(shared): State<Arc<Shared>>,
    JsonBody(asked): JsonBody<WebTry>,
) -> Result<Json<WebTried>, ApiError> {
    let web = shared.brain()?.web;
    let failed = |error: WebError| ApiError::conflict("search_failed", error.to_string());
    let found = shared.with_store(move |_| web.search(&asked.query, 3).map_err(failed)).await?;
    Ok(Json(WebTried {
        provider: found.provider,
        titles: found.results.into_iter().map(|result| result.title).collect(),
        cached: found.cached,
        credits: found.credits,
        notices: found.notices,
    }))
}

/// Asks the program, on a thread that may wait for the disk.
async fn ask<T: Send + 'static>(
    shared: &Shared,
    work: impl FnOnce(&dyn Program) -> Result<T, crate::program::ProgramError> + Send + 'static,
) -> Result<T, ApiError> {
    let program = shared.served.program().ok_or_else(ApiError::no_program)?;
    let done = tokio::task::spawn_blocking(move || work(&*program)).await;
    let done = done.map_err(|error| {
        tracing::error!(%error, "work with models or settings panicked");
        ApiError::internal()
    })?;
    Ok(done?)
}
