//! What models are there?

use crate::error::{ApiError, GateErrors};
use crate::state::{AppState, Phase, Shared};
use axum::Json;
use axum::extract::{Path, State};
use serde::Serialize;
use std::sync::Arc;
use utoipa::ToSchema;

/// All models of this server.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ModelList {
    /// `list`.
    #[schema(example = "list")]
    object: &'static str,
    /// The models; empty while the model is being loaded.
    data: Vec<ModelObject>,
}

/// One model.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ModelObject {
    /// Its id: `name`, or `name@base` for the model without any adapter.
    #[schema(example = "smollm2-135m")]
    id: String,
    /// `model`.
    #[schema(example = "model")]
    object: &'static str,
    /// When it was loaded, in seconds since 1970.
    created: u64,
    /// `hone`.
    #[schema(example = "hone")]
    owned_by: &'static str,
}

/// The models that can be asked
#[utoipa::path(get, operation_id = "list_models", path = "/v1/models", tag = "Models",
    responses((status = 200, description = "The models.", body = ModelList), GateErrors))]
pub(crate) async fn list(State(shared): State<Arc<Shared>>) -> Json<ModelList> {
    let data = match shared.served.phase() {
        Phase::Ready { since, .. } => ids(&shared.served).map(|id| object(id, since)).into(),
        _ => Vec::new(),
    };
    Json(ModelList { object: "list", data })
}

/// One model
#[utoipa::path(get, operation_id = "get_model", path = "/v1/models/{model}", tag = "Models",
    params(("model" = String, Path, description = "Its id.")),
    responses(
        (status = 200, description = "The model.", body = ModelObject),
        (status = 404, description = "There is no such model (`model_not_found`).", body = crate::error::ErrorResponse),
        (status = 503, description = "The model is still being loaded, or could not be.", body = crate::error::ErrorResponse),
        GateErrors
    ))]
pub(crate) async fn show(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
) -> Result<Json<ModelObject>, ApiError> {
    check_known(&shared.served, Some(&id))?;
    shared.engine()?;
    let Phase::Ready { since, .. } = shared.served.phase() else { return Err(ApiError::loading()) };
    Ok(Json(object(id, since)))
}

/// Refuses a model that is not there. No model asked for is the one that is.
pub(crate) fn check_known(served: &AppState, asked: Option<&str>) -> Result<(), ApiError> {
    match asked {
        Some(asked) if !ids(served).iter().any(|id| id == asked) => {
            Err(ApiError::unknown_model(asked, served.name()))
        }
        _ => Ok(()),
    }
}

fn ids(served: &AppState) -> [String; 2] {
    [served.name().to_owned(), format!("{}@base", served.name())]
}

fn object(id: String, created: u64) -> ModelObject {
    ModelObject { id, object: "model", created, owned_by: "hone" }
}
