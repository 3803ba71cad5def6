//! Taught rules: list, teach, change, accept, forget.

use super::id;
use crate::body::{Checked, JsonBody};
use crate::error::{ApiError, ErrorResponse, GateErrors};
use crate::state::Shared;
use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use store::{NewRule, Resemblance, Rule, RuleSource, RuleState, RuleUse, Scope};
use utoipa::ToSchema;

/// Uses of a rule that are shown.
const SHOWN: usize = 20;

/// The rules.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RuleList {
    /// The oldest first; drafts and replaced ones too.
    rules: Vec<RuleObject>,
}

/// A rule.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RuleObject {
    /// Its id.
    id: String,
    /// The instruction.
    text: String,
    /// Holds in this folder only.
    #[schema(required)]
    project: Option<String>,
    /// Holds for these files only: a pattern such as `*.py`.
    #[schema(required)]
    files: Option<String>,
    /// `draft`, `active` or `replaced`.
    state: &'static str,
    /// How it came here: `typed`, `chat` or `file`.
    source: &'static str,
    /// The rule whose place it has taken.
    #[schema(required)]
    supersedes: Option<String>,
    /// When it was taught (RFC 3339, UTC).
    created: String,
}

/// A rule to teach.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RuleNew {
    /// The instruction.
    text: String,
    /// Holds in this folder only, absolute.
    project: Option<String>,
    /// Holds for these files only.
    files: Option<String>,
    /// The rule whose place it takes.
    replaces: Option<String>,
}

/// What to change; what is left out stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RuleEdit {
    /// The instruction.
    text: Option<String>,
    /// Makes a draft hold, or a replaced rule hold again.
    #[serde(default)]
    accept: bool,
    /// The rule whose place it takes when it is accepted.
    replaces: Option<String>,
}

/// A rule that was written, and what it resembles.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RuleWritten {
    /// The rule as it is now.
    rule: RuleObject,
    /// Other rules that say the same or the opposite. They hold too, until one is given as `replaces`.
    like: Vec<RuleLike>,
}

/// Another rule that resembles a rule.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RuleLike {
    /// The other rule.
    rule: RuleObject,
    /// How they are alike.
    #[schema(value_type = String)]
    likeness: store::Likeness,
}

/// Where a rule was used.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RuleUses {
    /// Answers that had it.
    count: usize,
    /// The last of them, the newest first.
    uses: Vec<RuleUseObject>,
}

/// An answer that had a rule.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RuleUseObject {
    /// The conversation.
    chat: String,
    /// Its title.
    title: String,
    /// The answer.
    message: String,
    /// When it was begun (RFC 3339, UTC).
    time: String,
}

impl Checked for RuleNew {}
impl Checked for RuleEdit {}

impl From<Rule> for RuleObject {
    fn from(rule: Rule) -> RuleObject {
        RuleObject {
            id: rule.id.to_string(),
            text: rule.text,
            project: rule.scope.project,
            files: rule.scope.files,
            state: rule.state.as_str(),
            source: rule.source.as_str(),
            supersedes: rule.supersedes.map(|id| id.to_string()),
            created: rule.created.to_string(),
        }
    }
}

/// The rules
#[utoipa::path(get, operation_id = "list_rules", path = "/api/rules", tag = "Rules", responses(
    (status = 200, description = "All of them.", body = RuleList),
    GateErrors,
))]
pub(crate) async fn list(State(shared): State<Arc<Shared>>) -> Result<Json<RuleList>, ApiError> {
    let rules = shared.with_store(|store| Ok(store.rules().list(&[])?)).await?;
    Ok(Json(RuleList { rules: rules.into_iter().map(RuleObject::from).collect() }))
}

/// Teach a rule
#[utoipa::path(post, operation_id = "teach_rule", path = "/api/rules", tag = "Rules", request_body = RuleNew, responses(
    (status = 201, description = "It holds from the next message on.", body = RuleWritten),
    (status = 400, description = "It is empty or too long (`invalid_value`).", body = ErrorResponse),
    (status = 507, description = "The disk is full (`disk_full`): nothing was saved.", body = ErrorResponse),
    GateErrors,
))]
pub(crate) async fn teach(
    State(shared): State<Arc<Shared>>,
    JsonBody(new): JsonBody<RuleNew>,
) -> Result<(StatusCode, Json<RuleWritten>), ApiError> {
    let scope = Scope { project: new.project, files: new.files };
    let replaces = new.replaces.map(|rule| id("rule", &rule)).transpose()?;
    let new = NewRule {
        text: new.text,
        scope,
        state: RuleState::Active,
        source: RuleSource::Typed,
        origin: None,
        replaces,
    };
    let written = shared.with_store(move |store| Ok(written(store, store.rules().add(new)?)?)).await?;
    Ok((StatusCode::CREATED, Json(written)))
}

/// Change or accept a rule
#[utoipa::path(post, operation_id = "change_rule", path = "/api/rules/{rule}", tag = "Rules",
    params(("rule" = String, Path, description = "Id of the rule.")), request_body = RuleEdit, responses(
    (status = 200, description = "The rule as it is now.", body = RuleWritten),
    (status = 404, description = "There is none (`not_found`).", body = ErrorResponse),
    (status = 507, description = "The disk is full (`disk_full`): nothing was saved.", body = ErrorResponse),
    GateErrors,
))]
pub(crate) async fn change(
    State(shared): State<Arc<Shared>>,
    Path(rule): Path<String>,
    JsonBody(edit): JsonBody<RuleEdit>,
) -> Result<Json<RuleWritten>, ApiError> {
    let rule = id("rule", &rule)?;
    let replaces = edit.replaces.map(|rule| id("rule", &rule)).transpose()?;
    let change = move |store: &store::Store| {
        let rules = store.rules();
        let mut now = rules.edit(rule, edit.text.as_deref(), None)?;
        if edit.accept {
            now = rules.accept(rule, replaces)?;
        }
        Ok(written(store, now)?)
    };
    Ok(Json(shared.with_store(change).await?))
}

/// Forget a rule
#[utoipa::path(post, operation_id = "forget_rule", path = "/api/rules/{rule}/delete", tag = "Rules",
    params(("rule" = String, Path, description = "Id of the rule.")), responses(
    (status = 204, description = "It is gone."),
    (status = 404, description = "There is none (`not_found`).", body = ErrorResponse),
    GateErrors,
))]
pub(crate) async fn delete(
    State(shared): State<Arc<Shared>>,
    Path(rule): Path<String>,
) -> Result<StatusCode, ApiError> {
    let rule = id("rule", &rule)?;
    shared.with_store(move |store| Ok(store.rules().remove(rule)?)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Where a rule was used
#[utoipa::path(get, operation_id = "get_rule_uses", path = "/api/rules/{rule}/uses", tag = "Rules",
    params(("rule" = String, Path, description = "Id of the rule.")), responses(
    (status = 200, description = "The answers that had it in their prompt; none for a rule that there is not.", body = RuleUses),
    GateErrors,
))]
pub(crate) async fn uses(
    State(shared): State<Arc<Shared>>,
    Path(rule): Path<String>,
) -> Result<Json<RuleUses>, ApiError> {
    let rule = id("rule", &rule)?;
    let (count, uses) = shared.with_store(move |store| Ok(store.rules().uses(rule, SHOWN)?)).await?;
    let object = |RuleUse { chat, title, message, time }| {
        let [chat, message] = [chat, message].map(|id: store::Id| id.to_string());
        RuleUseObject { chat, title, message, time: time.to_string() }
    };
    Ok(Json(RuleUses { count, uses: uses.into_iter().map(object).collect() }))
}

/// A rule, and the others that it resembles.
fn written(store: &store::Store, rule: Rule) -> Result<RuleWritten, store::StoreError> {
    let others = store.rules().like(&rule.text, &rule.scope)?;
    let like = others.into_iter().filter(|other| other.rule.id != rule.id);
    let like =
        like.map(|Resemblance { rule, likeness, .. }| RuleLike { rule: rule.into(), likeness }).collect();
    Ok(RuleWritten { rule: rule.into(), like })
}
