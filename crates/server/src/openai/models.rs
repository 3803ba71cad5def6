//! What models are there?

use crate::adapters::Choice;
use crate::error::{ApiError, GateErrors};
use crate::state::{AppState, Phase, Shared};
use axum::Json;
use axum::extract::{Path, State};
use learn::adapters::Manifest;
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
    /// Its id: `name`, `name@base` for the model without any adapter, or `name@adapter`.
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
///
/// `name` answers with the adapter in use, `name@base` without one, `name@adapter` with that one. Of several adapters
/// with one name the newest has it, and the others are listed by their ids; every id can be asked for.
#[utoipa::path(get, operation_id = "list_models", path = "/v1/models", tag = "Models",
    responses((status = 200, description = "The models.", body = ModelList), GateErrors))]
pub(crate) async fn list(State(shared): State<Arc<Shared>>) -> Result<Json<ModelList>, ApiError> {
    let Phase::Ready { since, .. } = shared.served.phase() else {
        return Ok(Json(ModelList { object: "list", data: Vec::new() }));
    };
    let name = shared.served.name();
    let mut ids = vec![name.to_owned(), format!("{name}@base")];
    if shared.adapters().is_ok() {
        let adapters = shared.with_model(|ready| Ok(ready.adapters.list(&ready.model)?)).await?;
        ids.extend(labels(&adapters).into_iter().map(|label| format!("{name}@{label}")));
    }
    Ok(Json(ModelList { object: "list", data: ids.into_iter().map(|id| object(id, since)).collect() }))
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
    let choice = choice(&shared.served, Some(&id))?;
    let engine = shared.engine()?;
    let Phase::Ready { since, .. } = shared.served.phase() else { return Err(ApiError::loading()) };
    if let Choice::Named(_) = choice {
        shared.adapter(&engine, choice).await?;
    }
    Ok(Json(object(id, since)))
}

/// What a model's id asks for; a name that is not ours is refused. No model asked for is the one that is here.
pub(crate) fn choice(served: &AppState, asked: Option<&str>) -> Result<Choice, ApiError> {
    let Some(asked) = asked else { return Ok(Choice::InUse) };
    match asked.strip_prefix(served.name()) {
        Some("") => Ok(Choice::InUse),
        Some(rest) if rest.len() > 1 && rest.starts_with('@') => Ok(Choice::after_at(&rest[1..])),
        _ => Err(ApiError::unknown_model(asked, served.name())),
    }
}

/// What stands behind the `@`: the name of an adapter where it is the newest one of that name, or else its id.
fn labels(adapters: &[Manifest]) -> Vec<&str> {
    let mut labels: Vec<&str> = Vec::new();
    for (at, manifest) in adapters.iter().enumerate() {
        let newest = !adapters[at + 1..].iter().any(|later| later.name == manifest.name);
        labels.push(if newest { &manifest.name } else { &manifest.id });
    }
    labels
}

fn object(id: String, created: u64) -> ModelObject {
    ModelObject { id, object: "model", created, owned_by: "hone" }
}
