//! What would be learned of the conversations: look, take in, take out; completions that were taken.

use super::id;
use super::objects::FeedbackObject;
use crate::body::{Checked, JsonBody};
use crate::error::{ApiError, ErrorResponse, GateErrors};
use crate::state::Shared;
use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use learn::export::{Counts, Line, Options, collect};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;
use store::{FeedbackKind, Id, NewFeedback, Store, StoreError, Time};
use utoipa::{IntoParams, ToSchema};

/// Examples in a page, where nothing else is asked for, and at most.
const PAGE: (usize, usize) = (200, 5000);

/// What to look at.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ExportQuery {
    /// Conversations about this project only.
    project: Option<String>,
    /// Answers since this time only.
    since: Option<String>,
    /// Only what would be learned (`true`), or only what would not (`false`).
    kept: Option<bool>,
    /// At most so many examples; counts are of all.
    #[param(maximum = 5000)]
    limit: Option<usize>,
}

/// What would be learned.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ExportList {
    /// The newest last, as they would be learned now.
    examples: Vec<ExampleObject>,
    /// How many there are.
    counts: ExportCounts,
}

/// An answer, and whether it would be learned.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ExampleObject {
    /// The conversation; empty for a completion.
    chat: String,
    /// The answer.
    message: String,
    /// The beginning of the question; empty where a secret is in it.
    question: String,
    /// `edited`, `rule`, `up`, `kept`, `accepted`, `silence`, `down`, `regenerated` or `correction`.
    signal: &'static str,
    /// How much it counts beside others.
    weight: f32,
    /// Whether it would be learned.
    kept: bool,
    /// A word for why, or why not.
    reason: &'static str,
    /// The same in a sentence.
    why: String,
    /// When it was made (RFC 3339, UTC).
    time: String,
    /// What the user has said of it: `true` is in, `false` is out, null leaves it to hone.
    #[schema(required)]
    chosen: Option<bool>,
}

/// Numbers of an export.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ExportCounts {
    /// Answers that were looked at.
    looked_at: usize,
    /// Examples to learn from.
    kept: usize,
    /// Those, by signal.
    signals: BTreeMap<String, usize>,
    /// The others, by reason.
    dropped: BTreeMap<String, usize>,
}

/// Whether an answer is learned from.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExampleChoice {
    /// `true` takes it in past what is a matter of taste, `false` takes it out, null leaves it to hone. Secrets and text of
    /// others never come in.
    #[schema(required)]
    learn: Option<bool>,
}

/// A completion that was taken in an editor.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AcceptedNew {
    /// The completion.
    text: String,
    /// What stood before it.
    prompt: String,
    /// What stood behind it.
    #[serde(default)]
    suffix: String,
    /// The language, as behind a fence: `rust`.
    #[serde(default)]
    language: String,
}

impl Checked for ExampleChoice {}
impl Checked for AcceptedNew {
    fn check_values(&self) -> Result<(), ApiError> {
        match self.text.trim().is_empty() {
            true => Err(ApiError::invalid("text", "text is empty: nothing was taken")),
            false => Ok(()),
        }
    }
}

/// What would be learned
///
/// Every answer with the reason why it would be learned from, or why not. Nothing is written.
#[utoipa::path(get, operation_id = "preview_export", path = "/api/export", tag = "Training", params(ExportQuery), responses(
    (status = 200, description = "The examples, the kept and the dropped.", body = ExportList),
    (status = 400, description = "A parameter has no meaning (`invalid_value`).", body = ErrorResponse),
    GateErrors,
))]
pub(crate) async fn list(
    State(shared): State<Arc<Shared>>,
    Query(query): Query<ExportQuery>,
) -> Result<Json<ExportList>, ApiError> {
    let wrong = || ApiError::invalid("since", "since is a time such as 2026-11-27T10:00:00Z");
    let since = query.since.map(|text| Time::parse(&text).ok_or_else(wrong)).transpose()?;
    let options = Options { since, project: query.project, ..options() };
    let limit = query.limit.unwrap_or(PAGE.0).min(PAGE.1);
    let look = move |store: &Store| {
        let export = collect(store, &options).map_err(failed)?;
        let wanted = |line: &Line| query.kept.is_none_or(|kept| kept == line.kept);
        let mut lines: Vec<Line> = export.lines().into_iter().filter(wanted).collect();
        lines.drain(..lines.len().saturating_sub(limit));
        let examples = lines.into_iter().map(|line| ExampleObject::of(store, line)).collect();
        Ok(ExportList { examples, counts: export.counts().into() })
    };
    Ok(Json(shared.with_store(look).await?))
}

/// Take an answer in or out
#[utoipa::path(post, operation_id = "choose_example", path = "/api/export/{message}", tag = "Training",
    params(("message" = String, Path, description = "Id of the answer.")), request_body = ExampleChoice, responses(
    (status = 200, description = "The example as it is now.", body = ExampleObject),
    (status = 404, description = "There is no such answer (`not_found`).", body = ErrorResponse),
    GateErrors,
))]
pub(crate) async fn choose(
    State(shared): State<Arc<Shared>>,
    Path(message): Path<String>,
    JsonBody(choice): JsonBody<ExampleChoice>,
) -> Result<Json<ExampleObject>, ApiError> {
    let message = id("message", &message)?;
    Ok(Json(shared.with_store(move |store| chosen(store, message, choice.learn)).await?))
}

fn chosen(store: &Store, message: Id, learn: Option<bool>) -> Result<ExampleObject, ApiError> {
    let mut meta = store.messages().get(message)?.meta;
    if let Some(fields) = meta.as_object_mut() {
        match learn {
            Some(learn) => drop(fields.insert("learn".to_owned(), learn.into())),
            None => drop(fields.shift_remove("learn")),
        }
    }
    store.messages().set_meta(message, meta)?;
    let export = collect(store, &options()).map_err(failed)?;
    let line = export.lines().into_iter().find(|line| line.message == message.to_string());
    Ok(ExampleObject::of(store, line.ok_or_else(|| StoreError::not_found("answer", message))?))
}

/// A completion was taken
#[utoipa::path(post, operation_id = "accept_completion", path = "/api/feedback", tag = "Training",
    request_body = AcceptedNew, responses(
    (status = 201, description = "It is on the disk.", body = FeedbackObject),
    (status = 507, description = "The disk is full (`disk_full`): nothing was saved.", body = ErrorResponse),
    GateErrors,
))]
pub(crate) async fn accept(
    State(shared): State<Arc<Shared>>,
    JsonBody(new): JsonBody<AcceptedNew>,
) -> Result<(StatusCode, Json<FeedbackObject>), ApiError> {
    let meta = json!({"prompt": new.prompt, "suffix": new.suffix, "language": new.language});
    let new = NewFeedback { message: None, kind: FeedbackKind::Accepted, text: Some(new.text), meta };
    let row = shared.with_store(move |store| Ok(store.feedback().add(new)?)).await?;
    Ok((StatusCode::CREATED, Json(row.into())))
}

/// Take a judgement back
///
/// Rows of training sets that were made of a completion go with it. An edited answer stays as a branch.
#[utoipa::path(post, operation_id = "delete_feedback", path = "/api/feedback/{feedback}/delete", tag = "Conversations",
    params(("feedback" = String, Path, description = "Id of the judgement.")), responses(
    (status = 204, description = "It is gone."),
    (status = 404, description = "There is none (`not_found`).", body = ErrorResponse),
    GateErrors,
))]
pub(crate) async fn take_back(
    State(shared): State<Arc<Shared>>,
    Path(feedback): Path<String>,
) -> Result<StatusCode, ApiError> {
    let feedback = id("feedback", &feedback)?;
    let remove = move |store: &Store| {
        store.feedback().remove(feedback)?;
        super::chats::forget(store, feedback)
    };
    shared.with_store(remove).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(crate) fn options() -> Options {
    Options { parses: Some(Arc::new(knowledge::chunk::parses)), ..Options::default() }
}

fn failed(error: learn::export::ExportError) -> ApiError {
    match error {
        learn::export::ExportError::Store(error) => error.into(),
        other => {
            tracing::error!("no export: {other}");
            ApiError::internal()
        }
    }
}

impl ExampleObject {
    fn of(store: &Store, line: Line) -> ExampleObject {
        let Line { chat, message, question, signal, weight, kept, reason, why, time, .. } = line;
        // Completions are no messages, and nobody chooses among them.
        let row = message.parse().ok().and_then(|id| store.messages().get(id).ok());
        let chosen = row.and_then(|row| row.meta["learn"].as_bool());
        let time = time.to_string();
        ExampleObject { chat, message, question, signal, weight, kept, reason, why, time, chosen }
    }
}

impl From<Counts> for ExportCounts {
    fn from(Counts { looked_at, kept, signals, dropped }: Counts) -> ExportCounts {
        let named = |counts: BTreeMap<&str, usize>| {
            counts.into_iter().map(|(name, n)| (name.to_owned(), n)).collect()
        };
        ExportCounts { looked_at, kept, signals: named(signals), dropped: named(dropped) }
    }
}
