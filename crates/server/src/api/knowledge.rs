//! What is found in the indexed folders; corrections of intent.

use crate::body::{Checked, JsonBody};
use crate::error::{ApiError, ErrorResponse, GateErrors};
use crate::state::Shared;
use agent::intent::Intent;
use axum::Json;
use axum::extract::{Query, State};
use knowledge::KnowledgeError;
use knowledge::passage::{Hit, Passage};
use knowledge::search;
use knowledge::vectors::VectorError;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::sync::Arc;
use utoipa::{IntoParams, ToSchema};

/// Passages in an answer, where nothing else is asked for, and at most.
const COUNT: (usize, usize) = (10, 100);

/// What to look for in the code.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct PassageQuery {
    /// A question, or words.
    q: String,
    /// At most so many passages.
    #[param(maximum = 100)]
    limit: Option<usize>,
    /// In the indexed folder that holds this path only.
    project: Option<String>,
}

/// Passages that were found.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PassageList {
    /// The best first.
    hits: Vec<PassageObject>,
    /// Why the answer may be worse than it could be.
    #[schema(required)]
    note: Option<String>,
}

/// A passage of a file.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PassageObject {
    /// The indexed folder.
    root: String,
    /// The file in it.
    path: String,
    /// First line.
    first_line: u32,
    /// Last line.
    last_line: u32,
    /// Language or format: `rust`, `markdown`, `text`.
    language: String,
    /// `function`, `type`, `section`, `lines`.
    kind: String,
    /// Name of the function, type or heading.
    #[schema(required)]
    name: Option<String>,
    /// The passage itself.
    text: String,
    /// Both places in one number: higher is better, comparable within one answer only. None outside of a search, like
    /// the places.
    #[schema(required)]
    score: Option<f32>,
    /// Place among the results by words, from 1.
    #[schema(required)]
    words_rank: Option<u32>,
    /// Place among the results by meaning, from 1.
    #[schema(required)]
    meaning_rank: Option<u32>,
    /// How near question and passage are in meaning, up to 1.
    #[schema(required)]
    similarity: Option<f32>,
    /// Words of the question that stand in it.
    matched: Vec<String>,
}

/// What a message was meant to ask for.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct IntentCorrect {
    /// The message.
    text: String,
    /// What it was meant to ask for: `code`, `search` or `chat`.
    #[schema(value_type = String)]
    meant: Intent,
}

/// How a message is judged.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct IntentObject {
    /// `code`, `search` or `chat`.
    #[schema(value_type = String)]
    intent: Intent,
    /// Between 0 and 1.
    confidence: f32,
    /// Whether the user's own code bears on it.
    needs_code: bool,
}

impl Checked for IntentCorrect {}

impl From<Passage> for PassageObject {
    fn from(passage: Passage) -> PassageObject {
        PassageObject {
            root: passage.root,
            path: passage.path,
            first_line: passage.lines.0,
            last_line: passage.lines.1,
            language: passage.language,
            kind: passage.kind,
            name: passage.name,
            text: passage.text,
            score: None,
            words_rank: None,
            meaning_rank: None,
            similarity: None,
            matched: Vec::new(),
        }
    }
}

impl From<Hit> for PassageObject {
    fn from(Hit { passage, score, why }: Hit) -> PassageObject {
        PassageObject {
            score: Some(score),
            words_rank: why.words,
            meaning_rank: why.vectors,
            similarity: why.similarity,
            matched: why.matched,
            ..passage.into()
        }
    }
}

/// Search the code
#[utoipa::path(get, operation_id = "search_code", path = "/api/index/search", tag = "Knowledge", params(PassageQuery), responses(
    (status = 200, description = "Passages of the indexed folders.", body = PassageList),
    (status = 404, description = "The project is in no indexed folder (`not_indexed`).", body = ErrorResponse),
    GateErrors,
))]
pub(crate) async fn search(
    State(shared): State<Arc<Shared>>,
    Query(asked): Query<PassageQuery>,
) -> Result<Json<PassageList>, ApiError> {
    let index = shared.brain()?.index;
    let count = asked.limit.unwrap_or(COUNT.0).clamp(1, COUNT.1);
    let find = move |_: &store::Store| {
        let project = asked.project.map(PathBuf::from);
        let query = search::Query { project: project.as_deref(), ..search::Query::new(&asked.q, count) };
        Ok(index.search(&query)?)
    };
    let found = shared.with_store(find).await?;
    let hits = found.hits.into_iter().map(PassageObject::from).collect();
    Ok(Json(PassageList { hits, note: found.note.map(|note| note.to_string()) }))
}

/// Correct an intent
///
/// The correction is kept and counts from the next message on.
#[utoipa::path(post, operation_id = "correct_intent", path = "/api/intents", tag = "Conversations", request_body = IntentCorrect, responses(
    (status = 200, description = "How the message is judged now.", body = IntentObject),
    (status = 507, description = "The disk is full (`disk_full`): nothing was saved.", body = ErrorResponse),
    GateErrors,
))]
pub(crate) async fn correct(
    State(shared): State<Arc<Shared>>,
    JsonBody(new): JsonBody<IntentCorrect>,
) -> Result<Json<IntentObject>, ApiError> {
    let brain = shared.brain()?;
    let correct = move |store: &store::Store| {
        let judged = brain.judge.judge(&new.text).intent;
        store.intents().correct(&new.text, judged.name(), new.meant.name(), None)?;
        let rows = store.intents().list()?.into_iter();
        let all: Vec<_> = rows.filter_map(|row| Some((row.text, Intent::from_name(&row.meant)?))).collect();
        brain.judging.correct(&all).map_err(|error| {
            tracing::error!("{error}");
            ApiError::internal()
        })?;
        Ok(agent::seam::judge(&*brain.judge, &*brain.knowledge, &new.text, None))
    };
    let now = shared.with_store(correct).await?;
    Ok(Json(IntentObject { intent: now.intent, confidence: now.confidence, needs_code: now.needs_code }))
}

impl From<KnowledgeError> for ApiError {
    fn from(error: KnowledgeError) -> Self {
        let message = error.to_string();
        match error {
            KnowledgeError::NotIndexed(_) => ApiError::not_found("not_indexed", message),
            KnowledgeError::Vectors(VectorError::Remote { .. }) => ApiError::vector_store(message),
            _ => {
                tracing::error!("{message}");
                ApiError::internal()
            }
        }
    }
}
