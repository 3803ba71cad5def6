//! Messages: say something, ask again, judge an answer.

use super::id;
use super::objects::{FeedbackObject, MessageObject};
use crate::adapters::Choice;
use crate::body::{Checked, JsonBody};
use crate::brain::Brain;
use crate::error::{ApiError, ErrorResponse, GateErrors, GenerationErrors};
use crate::state::Shared;
use crate::turns::{Place, Turns};
use agent::keep::{Keeper, history};
use agent::model::{LocalModel, Model, NoModel, Sampling};
use agent::seam::Intent;
use agent::taught::{Taught, taught};
use agent::{Ask, Settings, WebUse};
use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::sync::Arc;
use store::{FeedbackKind, Id, NewFeedback, NewMessage, Place as Where, Role, Store, StoreError};
use utoipa::ToSchema;

/// What the user says. With `again` and `continue` nothing new is said: another answer is asked for, or the rest of one.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Say {
    /// The text.
    text: Option<String>,
    /// The message that it follows; left out, the end of the branch that is shown.
    after: Option<String>,
    /// The question in whose place it stands, as a new branch.
    beside: Option<String>,
    /// The answer (or its question) to which another one is wanted, as a new branch.
    again: Option<String>,
    /// The answer that broke off and is to be gone on with. The whole becomes another version of it.
    #[serde(rename = "continue")]
    resume: Option<String>,
    /// What the message asks for, where the user says so: `code`, `search` or `chat`.
    #[schema(value_type = Option<String>)]
    intent: Option<Intent>,
    /// What may go out: `off`, `ask` (the default) or `on`.
    #[schema(value_type = Option<String>)]
    web: Option<WebUse>,
    /// Adapter of this answer, by name or id; `base` is none.
    adapter: Option<String>,
    /// Between 0 (the likeliest tokens) and 2.
    #[schema(minimum = 0, maximum = 2)]
    temperature: Option<f32>,
    /// Equal seeds give equal answers.
    seed: Option<u64>,
    /// Tokens of the answer at most; where it is left out, a quarter of the window and 2048.
    #[schema(minimum = 1)]
    max_tokens: Option<u32>,
    /// Whether the model is offered tools.
    tools: Option<bool>,
}

/// A turn that has begun.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TurnObject {
    /// Its id: `/api/turns/{turn}/events` tells how it goes.
    turn: String,
    /// The question; it is on the disk.
    question: MessageObject,
}

/// What the user thinks of a message.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct FeedbackNew {
    /// `up`, `down`, `edited`, `regenerated`, `kept`, `correction` or `accepted`.
    #[schema(value_type = String)]
    kind: FeedbackKind,
    /// What the answer should have been, for `edited`; the correction.
    #[serde(default)]
    text: Option<String>,
}

impl Checked for Say {
    fn check_values(&self) -> Result<(), ApiError> {
        let places = [&self.after, &self.beside, &self.again, &self.resume];
        if places.iter().filter(|place| place.is_some()).count() > 1 {
            return Err(ApiError::invalid("after", "give one of after, beside, again and continue"));
        }
        let said = self.text.as_deref().is_some_and(|text| !text.trim().is_empty());
        match (self.again.is_some() || self.resume.is_some(), said) {
            (false, false) => Err(ApiError::invalid("text", "text is empty: say something")),
            (true, true) => {
                Err(ApiError::invalid("text", "with again and continue, nothing new is said: leave text out"))
            }
            _ if self.temperature.is_some_and(|t| !(0.0..=2.0).contains(&t)) => {
                Err(ApiError::invalid("temperature", "temperature is between 0 and 2"))
            }
            _ if self.max_tokens == Some(0) => {
                Err(ApiError::invalid("max_tokens", "max_tokens is at least 1"))
            }
            _ => Ok(()),
        }
    }
}

impl Checked for FeedbackNew {
    fn check_values(&self) -> Result<(), ApiError> {
        let needs =
            matches!(self.kind, FeedbackKind::Edited | FeedbackKind::Correction | FeedbackKind::Accepted);
        if needs && self.text.as_deref().is_none_or(str::is_empty) {
            return Err(ApiError::invalid("text", format!("{} needs a text", self.kind)));
        }
        Ok(())
    }
}

/// Say something
///
/// The message is on the disk when this returns; the answer is made on the server, whether somebody listens or not.
#[utoipa::path(post, operation_id = "say", path = "/api/chats/{chat}/messages", tag = "Conversations",
    params(("chat" = String, Path, description = "Id of the conversation.")), request_body = Say, responses(
    (status = 202, description = "It is being answered.", body = TurnObject),
    (status = 409, description = "The conversation is being answered already (`turn_in_progress`).", body = ErrorResponse),
    (status = 507, description = "The disk is full (`disk_full`): nothing was saved.", body = ErrorResponse),
    GenerationErrors, GateErrors,
))]
pub(crate) async fn say(
    State(shared): State<Arc<Shared>>,
    Path(chat): Path<String>,
    JsonBody(say): JsonBody<Say>,
) -> Result<(StatusCode, Json<TurnObject>), ApiError> {
    let chat = id("conversation", &chat)?;
    let brain = shared.brain()?;
    let own = shared.with_store(move |store| Ok(store.chats().get(chat)?)).await?;
    let adapter = say.adapter.clone().or(own.adapter);
    let model = match model(&shared, &brain, adapter.as_deref()).await {
        // A rule is taken without a model.
        Err(_) if say.text.as_deref().is_some_and(teaches) => Arc::new(NoModel),
        found => found?,
    };
    let settings = settings(&brain, &say);
    let place = shared.turns.reserve(chat)?;
    let project = own.project.map(PathBuf::from);
    let begin = move |_: &Store| begin(&brain, place, chat, say, project, model, settings);
    let (turn, question) = shared.with_store(begin).await?;
    Ok((StatusCode::ACCEPTED, Json(TurnObject { turn, question })))
}

/// Writes the question down and starts to answer it.
fn begin(
    brain: &Brain,
    place: Place,
    chat: Id,
    say: Say,
    project: Option<PathBuf>,
    model: Arc<dyn Model>,
    settings: Settings,
) -> Result<(String, MessageObject), ApiError> {
    let store = &brain.store;
    let begun = say.resume.as_deref().map(|answer| begun(store, chat, answer)).transpose()?;
    let question = match (&begun, &say.again) {
        (Some(begun), _) => begun.question.clone(),
        (None, Some(answer)) => asked(store, chat, id("message", answer)?)?,
        (None, None) => {
            let at = match (&say.after, &say.beside) {
                (Some(after), _) => Where::After(id("message", after)?),
                (_, Some(beside)) => Where::Beside(id("message", beside)?),
                _ => Where::Leaf,
            };
            let new = NewMessage::user(say.text.unwrap_or_default()).at(at);
            store.messages().append(chat, new)?
        }
    };
    let mut branch = store.messages().branch(chat, Some(question.id))?;
    branch.pop();
    let ask = Ask {
        text: question.text(),
        history: history(&branch),
        project,
        intent: say.intent,
        web: say.web.unwrap_or_default(),
        begun: begun.as_ref().map(|begun| history(&begun.said)).unwrap_or_default(),
    };
    let after = begun.map_or(question.id, |begun| begun.after);
    let keeper = Keeper::new(store.clone(), chat, after);
    let turn = Turns::start(place, brain.agent(model, settings), ask, question.id, keeper)?;
    Ok((turn.id.to_string(), question.into()))
}

/// An answer that broke off.
struct Unfinished {
    question: store::Message,
    /// What was said since the question; the broken-off answer last.
    said: Vec<store::Message>,
    /// What that answer follows.
    after: Id,
}

fn begun(store: &Store, chat: Id, answer: &str) -> Result<Unfinished, ApiError> {
    let mut branch = store.messages().branch(chat, Some(id("message", answer)?))?;
    let asked = branch.iter().rposition(|message| message.role == Role::User);
    let open = branch.last().filter(|last| {
        last.role == Role::Assistant && !last.text().is_empty() && last.meta["calls"].is_null()
    });
    match (asked, open.and_then(|open| open.parent)) {
        (Some(asked), Some(after)) => {
            let said = branch.split_off(asked + 1);
            let question = branch.pop().expect("it was found there");
            Ok(Unfinished { question, said, after })
        }
        _ => Err(ApiError::invalid("continue", "only an answer with a text can be gone on with")),
    }
}

/// The question that a message answers: the nearest one of the user at it or above it.
fn asked(store: &Store, chat: Id, message: Id) -> Result<store::Message, StoreError> {
    let branch = store.messages().branch(chat, Some(message))?;
    let question = branch.into_iter().rev().find(|message| message.role == Role::User);
    question.ok_or_else(|| StoreError::not_found("question above the message", message))
}

/// Whether a message is a rule, and asks for nothing else.
fn teaches(text: &str) -> bool {
    matches!(taught(text), Taught::Rule(_))
}

/// Who answers: a model elsewhere where one is set, or else the engine with an adapter.
async fn model(shared: &Shared, brain: &Brain, adapter: Option<&str>) -> Result<Arc<dyn Model>, ApiError> {
    if let Some(remote) = &brain.remote {
        return Ok(Arc::clone(remote));
    }
    let engine = shared.engine()?;
    let choice = adapter.map_or(Choice::InUse, Choice::after_at);
    let loaded = shared.adapter(&engine, choice).await?;
    Ok(Arc::new(LocalModel::new(engine, shared.served.name(), loaded)))
}

fn settings(brain: &Brain, say: &Say) -> Settings {
    let own = brain.settings.clone();
    Settings {
        sampling: Sampling {
            temperature: say.temperature.or(own.sampling.temperature),
            seed: say.seed.or(own.sampling.seed),
            ..own.sampling
        },
        max_tokens: say.max_tokens.map(|n| n as usize).or(own.max_tokens),
        tools: say.tools.unwrap_or(own.tools),
        ..own
    }
}

/// Judge a message
///
/// A thumb takes the place of the thumb that was there.
#[utoipa::path(post, operation_id = "give_feedback", path = "/api/messages/{message}/feedback", tag = "Conversations",
    params(("message" = String, Path, description = "Id of the message.")), request_body = FeedbackNew, responses(
    (status = 201, description = "It is on the disk.", body = FeedbackObject),
    (status = 404, description = "There is no such message (`not_found`).", body = ErrorResponse),
    (status = 507, description = "The disk is full (`disk_full`): nothing was saved.", body = ErrorResponse),
    GateErrors,
))]
pub(crate) async fn feedback(
    State(shared): State<Arc<Shared>>,
    Path(message): Path<String>,
    JsonBody(new): JsonBody<FeedbackNew>,
) -> Result<(StatusCode, Json<FeedbackObject>), ApiError> {
    let message = Some(id("message", &message)?);
    let FeedbackNew { kind, text } = new;
    let new = NewFeedback { message, kind, text, meta: serde_json::Value::Null };
    let row = shared.with_store(move |store| Ok(store.feedback().add(new)?)).await?;
    Ok((StatusCode::CREATED, Json(row.into())))
}
