//! Learning from conversations: start a cycle, read what came of the ones before. A cycle is watched and stopped as a
//! training run is.

use super::gate_report::GateReport;
use super::train::{TrainRun, begun};
use crate::body::{Checked, JsonBody};
use crate::error::{ApiError, ErrorResponse, GateErrors};
use crate::learning::{Learning, NotPrepared, divided};
use crate::state::{Ready, Shared};
use crate::training::Job;
use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use learn::adapters::Library;
use learn::gate::{Decision, FEWEST, Report};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;

/// What to learn.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct LearnRequest {
    /// Learns also where nothing is new since the last time.
    now: bool,
}

impl Checked for LearnRequest {}

/// What there is to learn.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LearnStanding {
    /// Examples that the adapter in use has not learned.
    new: usize,
    /// Examples to learn from.
    examples: usize,
    /// New examples that are held back to judge with.
    held: usize,
    /// Fewer held back, and nothing can be told about a candidate.
    needed: usize,
}

/// What came of cycles.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LearnReports {
    /// The newest first.
    reports: Vec<LearnReport>,
}

/// What came of one cycle.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LearnReport {
    /// Id of its run.
    #[schema(example = "20261127-031500-4f2a")]
    run: String,
    /// Id of its adapter, where one was promoted.
    #[schema(required)]
    adapter: Option<String>,
    /// `promote`, `hold` or `reject`.
    decision: String,
    /// Why, in one sentence.
    because: String,
    /// In plain words: what was learned, what got better and worse.
    text: String,
    /// What was measured.
    detail: GateReport,
}

/// What there is to learn
#[utoipa::path(get, operation_id = "get_learning", path = "/api/learn", tag = "Learning", responses(
    (status = 200, description = "How many examples there are, and how many of them are new.", body = LearnStanding),
    (status = 503, description = "The model is still being loaded, or could not be.", body = ErrorResponse),
    GateErrors,
))]
pub(crate) async fn standing(State(shared): State<Arc<Shared>>) -> Result<Json<LearnStanding>, ApiError> {
    let brain = shared.brain()?;
    let look = move |ready: Ready| {
        let (divided, _) = divided(&brain, &ready.adapters, &ready.model).map_err(refused)?;
        Ok(LearnStanding {
            new: divided.unlearned,
            examples: divided.train.len(),
            held: divided.fresh.len(),
            needed: FEWEST,
        })
    };
    Ok(Json(shared.with_model(look).await?))
}

/// Start learning
///
/// Trains an adapter on conversations in the gaps between answers, judges it, and puts it in use only if it is better.
/// Its events are those of a training run, and at the end `decided`.
#[utoipa::path(post, operation_id = "start_learning", path = "/api/learn", tag = "Learning", request_body = LearnRequest, responses(
    (status = 202, description = "The cycle has begun; its events are at `/api/train/{run}/events`.", body = TrainRun),
    (status = 409, description = "A run is going on (`training_in_progress`), or there is nothing to learn (`nothing_new`).", body = ErrorResponse),
    (status = 503, description = "The model is still being loaded, or could not be.", body = ErrorResponse),
    GateErrors,
))]
pub(crate) async fn start(
    State(shared): State<Arc<Shared>>,
    JsonBody(request): JsonBody<LearnRequest>,
) -> Result<(StatusCode, Json<TrainRun>), ApiError> {
    let (brain, engine) = (shared.brain()?, shared.engine()?);
    let prepare =
        move |ready: Ready| Learning::prepare(brain, &ready.adapters, &engine, request.now).map_err(refused);
    let learning = shared.with_model(prepare).await?;
    begun(&shared, Job::Learn(Box::new(learning)))
}

fn refused(why: NotPrepared) -> ApiError {
    match why {
        NotPrepared::Nothing => ApiError::conflict(
            "nothing_new",
            "there is nothing new to learn: edit answers or give thumbs up, or say `now`",
        ),
        NotPrepared::Failed(why) => {
            tracing::error!("learning cannot begin: {why}");
            ApiError::internal()
        }
    }
}

/// List reports
///
/// What came of the cycles so far.
#[utoipa::path(get, operation_id = "list_learn_reports", path = "/api/learn/reports", tag = "Learning", responses(
    (status = 200, description = "The newest first.", body = LearnReports),
    (status = 503, description = "The model is still being loaded, or could not be.", body = ErrorResponse),
    GateErrors,
))]
pub(crate) async fn list(State(shared): State<Arc<Shared>>) -> Result<Json<LearnReports>, ApiError> {
    let reports = shared.with_model(|ready| all(&ready)).await?;
    Ok(Json(LearnReports { reports }))
}

/// Show a report
///
/// What came of one cycle.
#[utoipa::path(get, operation_id = "get_learn_report", path = "/api/learn/reports/{run}", tag = "Learning",
    params(("run" = String, Path, description = "Id of the run.")), responses(
    (status = 200, description = "The report.", body = LearnReport),
    (status = 404, description = "There is no report of such a run (`run_not_found`).", body = ErrorResponse),
    (status = 503, description = "The model is still being loaded, or could not be.", body = ErrorResponse),
    GateErrors,
))]
pub(crate) async fn show(
    State(shared): State<Arc<Shared>>,
    Path(run): Path<String>,
) -> Result<Json<LearnReport>, ApiError> {
    let reports = shared.with_model(|ready| all(&ready)).await?;
    let found = reports.into_iter().find(|report| report.run == run);
    found.map(Json).ok_or_else(|| ApiError::not_found("run_not_found", "there is no report of such a run"))
}

/// Those beside adapters, and those of runs that gave none.
fn all(ready: &Ready) -> Result<Vec<LearnReport>, ApiError> {
    let home = &ready.adapters.home.folder;
    let library = Library::open(home)?;
    let promoted = library.list()?.into_iter().filter_map(|manifest| {
        let report = library.beside(&manifest, "report.json")?;
        LearnReport::read(manifest.run.clone()?, Some(manifest.id), &report)
    });
    let runs = std::fs::read_dir(home.join("runs")).into_iter().flatten().flatten();
    let others = runs.filter_map(|run| {
        let report = std::fs::read(run.path().join("report.json")).ok()?;
        LearnReport::read(run.file_name().into_string().ok()?, None, &report)
    });
    let mut reports: Vec<LearnReport> = promoted.chain(others).collect();
    reports.sort_by(|a, b| b.run.cmp(&a.run));
    Ok(reports)
}

impl LearnReport {
    /// `None` where it cannot be read.
    fn read(run: String, adapter: Option<String>, bytes: &[u8]) -> Option<LearnReport> {
        let report: Report = serde_json::from_slice(bytes).ok()?;
        let decision = match report.decision {
            Decision::Promote => "promote",
            Decision::Hold => "hold",
            Decision::Reject => "reject",
        };
        let (because, text) = (report.because.clone(), report.text());
        Some(LearnReport { run, adapter, decision: decision.into(), because, text, detail: report.into() })
    }
}
