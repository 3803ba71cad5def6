//! Training in the gaps between answers: start, watch, stop, resume.

use crate::body::{Checked, JsonBody};
use crate::error::{ApiError, ErrorResponse, GateErrors};
use crate::event_log;
use crate::state::{Ready, Shared};
use crate::train_log::{Standing, TrainEvent};
use crate::training::{Job, NotStarted, Session};
use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use learn::dataset::Chosen;
use learn::train::{Folder, Order, Recipe, RunInfo, TrainError, new_id};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;

/// What to train. What is left out is decided as `hone train` does.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TrainRequest {
    /// The set of examples, by its name: `hone data` makes one. Files are not read for clients.
    #[serde(skip_serializing)]
    data: String,
    /// What the adapter will be called.
    #[serde(skip_serializing)]
    #[schema(default = "adapters_final")]
    name: Option<String>,
    /// Rank of the updates.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 1024, default = 16)]
    rank: Option<u32>,
    /// What the updates are multiplied with, alpha / rank.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(default = 2.0)]
    scale: Option<f32>,
    /// Number of layers that get updates, counted from the last; all where it is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    layers: Option<u32>,
    /// Linear layers that get updates: `attn_q`, `attn_k`, `attn_v`, `attn_output`, `ffn_gate`, `ffn_up`, `ffn_down`.
    #[serde(skip_serializing_if = "Option::is_none")]
    targets: Option<Vec<String>>,
    /// Peak learning rate; 1e-3 below a billion parameters, 2e-4 above, where it is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    learning_rate: Option<f32>,
    /// Times that every example is seen; ignored where `steps` is given.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(default = 2.0)]
    epochs: Option<f64>,
    /// Updates of the adapter.
    #[serde(skip_serializing_if = "Option::is_none")]
    steps: Option<u64>,
    /// Examples in a micro-batch.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(default = 1)]
    batch: Option<u32>,
    /// Micro-batches in a step.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(default = 48)]
    accumulation: Option<u32>,
    /// Tokens of an example at most; more are cut off.
    #[serde(skip_serializing_if = "Option::is_none")]
    max_seq: Option<u32>,
    /// Share of the steps in which the learning rate rises.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(default = 0.1)]
    warmup: Option<f64>,
    /// Longest norm of a step's gradient.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(default = 1.0)]
    clip: Option<f32>,
    /// Share of an update's input that is left out at random.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(default = 0.0)]
    dropout: Option<f32>,
    /// Decoupled weight decay.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(default = 0.0)]
    weight_decay: Option<f32>,
    /// What is learned: what the `assistant` wrote, or `all` tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(default = "assistant")]
    loss_on: Option<String>,
    /// Computes layers again on the way back instead of keeping them; where memory asks for it, where it is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    recompute: Option<bool>,
    /// Trainings that share the steps and differ by their seed; the average of their updates is the adapter.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(default = 1)]
    members: Option<u32>,
    /// Of the first values, the order of the examples and the dropout.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(default = 0)]
    seed: Option<u64>,
}

/// Training on this server.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TrainState {
    /// The run that is going on, or the last one since the server started.
    #[schema(required)]
    run: Option<TrainRun>,
    /// Ids of all interrupted runs, the newest first.
    resumable: Vec<String>,
    /// Names of the sets of examples that there are.
    sets: Vec<String>,
}

/// A run.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TrainRun {
    /// Its id.
    #[schema(example = "20261124-031500-4f2a")]
    id: String,
    /// What the adapter will be called.
    name: String,
    /// The examples.
    data: String,
    /// Whether it is a cycle of learning from conversations, which ends in a decision.
    learning: bool,
    #[serde(flatten)]
    standing: Standing,
}

impl Checked for TrainRequest {} // the recipe knows its ranges, and the model's

impl TrainRequest {
    /// The settings, for a model that holds `context` tokens.
    fn recipe(&self, context: usize) -> Result<Recipe, ApiError> {
        // What is left out here is a default there.
        let settings = serde_json::to_value(self).expect("settings are JSON");
        let mut recipe: Recipe = crate::body::typed(&settings)?;
        if self.max_seq.is_none() {
            recipe.max_seq = recipe.max_seq.min(context);
        }
        Ok(recipe)
    }
}

impl TrainRun {
    fn of(session: &Session) -> TrainRun {
        let (id, name, data) = (session.id.clone(), session.name.clone(), session.data.clone());
        TrainRun { id, name, data, learning: session.learning, standing: session.log.standing() }
    }
}

/// Start training
///
/// Trains an adapter in the gaps between answers, on the copy of the weights that answers. One run at a time. The
/// adapter comes into the library and is not put in use.
#[utoipa::path(post, operation_id = "start_training", path = "/api/train", tag = "Training", request_body = TrainRequest, responses(
    (status = 202, description = "The run has begun; its events tell how it goes.", body = TrainRun),
    (status = 400, description = "A setting has no meaning, or there is no such set (`invalid_value`).", body = ErrorResponse),
    (status = 409, description = "A run is going on (`training_in_progress`).", body = ErrorResponse),
    (status = 503, description = "The model is still being loaded, or could not be.", body = ErrorResponse),
    GateErrors,
))]
pub(crate) async fn start(
    State(shared): State<Arc<Shared>>,
    JsonBody(request): JsonBody<TrainRequest>,
) -> Result<(StatusCode, Json<TrainRun>), ApiError> {
    let prepare = |ready: Ready| {
        let (model, home) = (&ready.model, &ready.adapters.home);
        let recipe = request.recipe(model.config().context_length)?;
        recipe.check(model.config())?;
        let chosen = Chosen::set(&home.folder, &request.data).map_err(TrainError::from)?;
        let name = request.name.unwrap_or_else(|| "adapters_final".to_owned());
        learn::adapters::check_name(&name)?;
        let order = Order {
            id: new_id(&home.folder),
            name,
            base: ready.adapters.base(model)?,
            model: std::path::absolute(&home.model).unwrap_or_else(|_| home.model.clone()),
            data: request.data.into(),
            recipe,
            learn: false,
        };
        Ok(Job::New(Box::new(order), chosen))
    };
    begin(&shared, prepare).await
}

/// Resume training
///
/// Goes on with a run that was stopped or interrupted, from its last checkpoint, to the same bits.
#[utoipa::path(post, operation_id = "resume_training", path = "/api/train/{run}/resume", tag = "Training",
    params(("run" = String, Path, description = "Id of the run.")), responses(
    (status = 202, description = "The run goes on.", body = TrainRun),
    (status = 400, description = "Model, data or settings are not those that it was begun with (`run_changed`).", body = ErrorResponse),
    (status = 404, description = "There is no such interrupted run (`run_not_found`).", body = ErrorResponse),
    (status = 409, description = "A run is going on (`training_in_progress`), or this one is done (`run_done`).", body = ErrorResponse),
    (status = 503, description = "The model is still being loaded, or could not be.", body = ErrorResponse),
    GateErrors,
))]
pub(crate) async fn resume(
    State(shared): State<Arc<Shared>>,
    Path(run): Path<String>,
) -> Result<(StatusCode, Json<TrainRun>), ApiError> {
    let prepare = move |ready: Ready| {
        let home = &ready.adapters.home.folder;
        let (folder, info) = Folder::find(home, Some(&run))?;
        let now = RunInfo { base: ready.adapters.base(&ready.model)?, ..info.clone() };
        info.check_same(&folder, &now)?;
        let data = info.data.display().to_string();
        let chosen = Chosen::find(home, &data).map_err(TrainError::from)?;
        Ok(Job::Again(folder, Box::new(info), chosen))
    };
    begin(&shared, prepare).await
}

async fn begin(
    shared: &Arc<Shared>,
    prepare: impl FnOnce(Ready) -> Result<Job, ApiError> + Send + 'static,
) -> Result<(StatusCode, Json<TrainRun>), ApiError> {
    let job = shared.with_model(prepare).await?;
    begun(shared, job)
}

/// Starts a job that was checked.
pub(super) fn begun(shared: &Shared, job: Job) -> Result<(StatusCode, Json<TrainRun>), ApiError> {
    let (engine, adapters) = (shared.engine()?, shared.adapters()?);
    let store = shared.brain().ok().map(|brain| brain.store);
    match shared.served.training().start(adapters, engine, job, store) {
        Ok(session) => Ok((StatusCode::ACCEPTED, Json(TrainRun::of(&session)))),
        Err(NotStarted::Running(id)) => Err(ApiError::conflict(
            "training_in_progress",
            format!("the run {id} is going on; stop it first, or wait for its end"),
        )),
        Err(NotStarted::Thread(error)) => {
            tracing::error!(%error, "cannot start a thread");
            Err(ApiError::internal())
        }
    }
}

/// How training goes
#[utoipa::path(get, operation_id = "get_training", path = "/api/train", tag = "Training", responses(
    (status = 200, description = "The run, and what can be resumed.", body = TrainState),
    (status = 503, description = "The model is still being loaded, or could not be.", body = ErrorResponse),
    GateErrors,
))]
pub(crate) async fn show(State(shared): State<Arc<Shared>>) -> Result<Json<TrainState>, ApiError> {
    let session = shared.served.training().session();
    let going_on = session.as_ref().filter(|s| !s.log.is_ended()).map(|s| s.id.clone());
    let unfinished = move |ready: Ready| {
        let home = &ready.adapters.home.folder;
        let runs =
            Folder::unfinished(home).into_iter().filter(|(_, info)| !info.learn).map(|(_, info)| info.id);
        let resumable = runs.filter(|id| Some(id) != going_on.as_ref()).collect();
        Ok((resumable, learn::dataset::names(home)))
    };
    let (resumable, sets) = shared.with_model(unfinished).await?;
    Ok(Json(TrainState { run: session.map(|session| TrainRun::of(&session)), resumable, sets }))
}

/// Stop training
///
/// Asks for a checkpoint and the end of the run. It takes about as long as one layer.
#[utoipa::path(post, operation_id = "stop_training", path = "/api/train/{run}/stop", tag = "Training",
    params(("run" = String, Path, description = "Id of the run.")), responses(
    (status = 200, description = "The run, which stops or has ended.", body = TrainRun),
    (status = 404, description = "This server does not train such a run (`run_not_found`).", body = ErrorResponse),
    GateErrors,
))]
pub(crate) async fn stop(
    State(shared): State<Arc<Shared>>,
    Path(run): Path<String>,
) -> Result<Json<TrainRun>, ApiError> {
    let session = session(&shared, &run)?;
    session.stop();
    Ok(Json(TrainRun::of(&session)))
}

/// Watch training
///
/// Server-sent events: `remark`, `doing`, `plan`, `step`, `saved`, and at the end `done`, `decided` (where it is learning),
/// `stopped` or `failed`. A new listener hears all from the beginning, one that sends `Last-Event-ID` what came after.
#[utoipa::path(get, operation_id = "watch_training", path = "/api/train/{run}/events", tag = "Training",
    params(("run" = String, Path, description = "Id of the run.")), responses(
    (status = 200, description = "The events; the stream ends with the run.", content((TrainEvent = "text/event-stream"))),
    (status = 404, description = "This server does not train such a run (`run_not_found`).", body = ErrorResponse),
    GateErrors,
))]
pub(crate) async fn events(
    State(shared): State<Arc<Shared>>,
    Path(run): Path<String>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    Ok(event_log::respond(session(&shared, &run)?, &headers))
}

fn session(shared: &Shared, run: &str) -> Result<Arc<Session>, ApiError> {
    let session = shared.served.training().session().filter(|session| session.id == run);
    session.ok_or_else(|| ApiError::not_found("run_not_found", "this server does not train such a run"))
}
