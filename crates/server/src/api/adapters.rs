//! Adapters of the model that is served: which there are, and which one is in use.

use super::audit::note;
use super::gate_report::GateReport;
use crate::body::{Checked, JsonBody};
use crate::error::{ApiError, ErrorResponse, GateErrors};
use crate::state::{Ready, Shared};
use axum::Json;
use axum::extract::{Path, State};
use learn::adapters::{AdaptersError, Library, Manifest};
use learn::gate::Report;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::sync::Arc;
use utoipa::ToSchema;

/// The adapters of the model that is served.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AdapterList {
    /// The model.
    model: String,
    /// Id of the adapter that is in use; null is the model alone.
    #[schema(required)]
    in_use: Option<String>,
    /// Adapter that this server was started with: it answers whatever is in use.
    #[schema(required)]
    pinned: Option<String>,
    /// All of them, oldest first.
    adapters: Vec<AdapterObject>,
}

/// One adapter.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AdapterObject {
    /// Its id.
    #[schema(example = "20261124-031500-4f2a")]
    id: String,
    /// What people call it; several may have one name, the newest is meant.
    name: String,
    /// Whether it is in use.
    in_use: bool,
    /// When it was made (RFC 3339, UTC).
    created: String,
    /// Size of its file.
    bytes: u64,
    /// Hash of the examples it was trained on, where it is known.
    #[schema(required)]
    data: Option<String>,
    /// Id of the adapter that its training began with.
    #[schema(required)]
    parent: Option<String>,
    /// How it was trained, or where it was imported from.
    #[schema(value_type = Object)]
    recipe: Value,
    /// What was measured.
    #[schema(value_type = Object)]
    scores: Value,
}

/// Which adapter to use.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AdapterUse {
    /// Name or id; `base` is the model alone.
    adapter: String,
}

/// What a step back led to.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AdapterRollback {
    /// The adapter that was in use; null is the model alone.
    #[schema(required)]
    from: Option<String>,
    /// The adapter that is in use now.
    #[schema(required)]
    to: Option<String>,
    /// Adapters on the way that could not be used any more, with the reason.
    skipped: Vec<String>,
}

impl Checked for AdapterUse {}

/// The adapters
#[utoipa::path(get, operation_id = "list_adapters", path = "/api/adapters", tag = "Adapters", responses(
    (status = 200, description = "The adapters of the model.", body = AdapterList),
    (status = 503, description = "The model is still being loaded, or could not be.", body = ErrorResponse),
    GateErrors,
))]
pub(crate) async fn list(State(shared): State<Arc<Shared>>) -> Result<Json<AdapterList>, ApiError> {
    shared.with_model(|ready| Ok(Json(all(&ready)?))).await
}

/// Put an adapter in use
///
/// It answers from the next request on. Answers in progress keep theirs.
#[utoipa::path(post, operation_id = "use_adapter", path = "/api/adapters/use", tag = "Adapters", request_body = AdapterUse, responses(
    (status = 200, description = "The adapters, with the new one in use.", body = AdapterList),
    (status = 400, description = "The adapter belongs to another model (`wrong_base`), or the body is wrong.", body = ErrorResponse),
    (status = 404, description = "There is no such adapter (`adapter_not_found`).", body = ErrorResponse),
    (status = 503, description = "The model is still being loaded, or could not be.", body = ErrorResponse),
    GateErrors,
))]
pub(crate) async fn use_(
    State(shared): State<Arc<Shared>>,
    JsonBody(request): JsonBody<AdapterUse>,
) -> Result<Json<AdapterList>, ApiError> {
    let switch = move |ready: Ready| {
        let library = library(&ready)?;
        let base = ready.adapters.base(&ready.model)?;
        match request.adapter.as_str() {
            "base" => library.use_base(&base.sha256)?,
            text => {
                let manifest = ready.adapters.find(&ready.model, text)?;
                manifest.check_base(&base)?;
                library.use_(&manifest)?;
            }
        }
        Ok(all(&ready)?)
    };
    let adapters = shared.with_model(switch).await?;
    note(&shared, "adapter in use", json!({ "adapter": adapters.in_use, "model": adapters.model })).await;
    Ok(Json(adapters))
}

/// Take the last change back
///
/// What was in use before is in use again. Adapters that were removed since are passed over.
#[utoipa::path(post, operation_id = "roll_back_adapter", path = "/api/adapters/rollback", tag = "Adapters", responses(
    (status = 200, description = "What is in use now.", body = AdapterRollback),
    (status = 409, description = "Nothing was in use before (`nothing_before`).", body = ErrorResponse),
    (status = 503, description = "The model is still being loaded, or could not be.", body = ErrorResponse),
    GateErrors,
))]
pub(crate) async fn rollback(State(shared): State<Arc<Shared>>) -> Result<Json<AdapterRollback>, ApiError> {
    let step = |ready: Ready| {
        let back = library(&ready)?.rollback(&ready.adapters.base(&ready.model)?)?;
        let (from, to) = (back.from, back.to.map(|manifest| manifest.id));
        Ok(AdapterRollback { from, to, skipped: back.skipped })
    };
    let back = shared.with_model(step).await?;
    note(&shared, "adapter rolled back", json!({ "from": back.from, "to": back.to })).await;
    Ok(Json(back))
}

/// Longest report that is read, in bytes.
const REPORT: u64 = 4 << 20;

/// Why an adapter was taken
///
/// What the judging before its promotion has found; adapters that were not made by `hone learn` have no report.
#[utoipa::path(get, operation_id = "get_adapter_report", path = "/api/adapters/{adapter}/report", tag = "Adapters",
    params(("adapter" = String, Path, description = "Name or id of the adapter.")), responses(
    (status = 200, description = "The report that lies beside the adapter.", body = GateReport),
    (status = 404, description = "There is no such adapter (`adapter_not_found`), or it has no report (`no_report`).", body = ErrorResponse),
    (status = 503, description = "The model is still being loaded, or could not be.", body = ErrorResponse),
    GateErrors,
))]
pub(crate) async fn report(
    State(shared): State<Arc<Shared>>,
    Path(adapter): Path<String>,
) -> Result<Json<GateReport>, ApiError> {
    let read = move |ready: Ready| {
        let manifest = ready.adapters.find(&ready.model, &adapter)?;
        let path = library(&ready)?.path(&manifest).with_file_name("report.json");
        let small = path.metadata().is_ok_and(|file| file.is_file() && file.len() <= REPORT);
        let text = small.then(|| std::fs::read(&path).ok()).flatten();
        let none =
            || ApiError::not_found("no_report", format!("{} has no report of a judging", manifest.name));
        let report: Option<Report> = text.and_then(|text| serde_json::from_slice(&text).ok());
        report.map(|report| Json(report.into())).ok_or_else(none)
    };
    shared.with_model(read).await
}

fn library(ready: &Ready) -> Result<Library, AdaptersError> {
    Library::open(&ready.adapters.home.folder)
}

fn all(ready: &Ready) -> Result<AdapterList, AdaptersError> {
    let Ready { model, adapters } = ready;
    let list = adapters.list(model)?;
    // A damaged one may be in use; that is for those who load it.
    let in_use = match list.is_empty() {
        true => None,
        false => library(ready)?.active_id(&adapters.base(model)?.sha256)?,
    };
    let object = |manifest: Manifest| AdapterObject {
        in_use: in_use.as_ref() == Some(&manifest.id),
        id: manifest.id,
        name: manifest.name,
        created: manifest.created,
        bytes: manifest.bytes,
        data: manifest.data,
        parent: manifest.parent,
        recipe: manifest.recipe,
        scores: manifest.scores,
    };
    Ok(AdapterList {
        model: adapters.name.clone(),
        pinned: adapters.home.adapter.clone(),
        adapters: list.into_iter().map(object).collect(),
        in_use,
    })
}
