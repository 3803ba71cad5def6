//! What was changed here, and by whom.

use crate::error::{ApiError, GateErrors};
use crate::state::Shared;
use axum::Json;
use axum::extract::{Query, State};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::sync::Arc;
use store::Entry;
use utoipa::{IntoParams, ToSchema};

/// Entries of a page: as a rule, and at most.
const PAGE: (usize, usize) = (50, 500);

/// Which entries.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct AuditQuery {
    /// Only those that are older than this one.
    before: Option<i64>,
    /// At most so many; 50 as a rule, 500 at most.
    limit: Option<usize>,
}

/// What was changed here.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AuditLog {
    /// The newest first.
    entries: Vec<AuditEntry>,
    /// Give it as `before` to see older ones; null where there are none.
    #[schema(required)]
    next: Option<i64>,
}

/// One change.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AuditEntry {
    /// Counted from 1 without gaps.
    number: i64,
    /// When (RFC 3339, UTC).
    time: String,
    /// Who: `page`, `api`, `cli`, `chat` (said in a conversation), `learn`; null in entries of earlier versions.
    #[schema(required)]
    by: Option<String>,
    /// What has happened: `rule taught`, `adapter in use`.
    kind: String,
    /// What it was about: names and ids, no secrets and nothing that was said.
    #[schema(value_type = Object)]
    about: Value,
}

/// What was changed here
///
/// Rules, conversations, folders, models, settings, adapters: what was done with them, by whom. Each entry's hash covers the
/// one before; `hone doctor` checks the chain.
#[utoipa::path(get, operation_id = "list_audit", path = "/api/audit", tag = "Privacy", params(AuditQuery), responses(
    (status = 200, description = "The entries.", body = AuditLog),
    GateErrors,
))]
pub(crate) async fn list(
    State(shared): State<Arc<Shared>>,
    Query(query): Query<AuditQuery>,
) -> Result<Json<AuditLog>, ApiError> {
    let limit = query.limit.unwrap_or(PAGE.0).clamp(1, PAGE.1);
    let entries = shared.with_store(move |store| Ok(store.audit().page(query.before, limit)?)).await?;
    let next = entries.last().map(|entry| entry.seq).filter(|seq| *seq > 1 && entries.len() == limit);
    Ok(Json(AuditLog { entries: entries.into_iter().map(AuditEntry::from).collect(), next }))
}

impl From<Entry> for AuditEntry {
    fn from(Entry { seq, time, kind, mut detail, .. }: Entry) -> AuditEntry {
        let by = detail.as_object_mut().and_then(|about| about.remove("by"));
        let by = by.and_then(|by| by.as_str().map(str::to_owned));
        AuditEntry { number: seq, time: time.to_string(), by, kind, about: detail }
    }
}

/// Adds to the audit log what was done already: a log that cannot be written undoes nothing. Where conversations are not
/// kept, there is no log.
pub(super) async fn note(shared: &Shared, kind: &'static str, detail: Value) {
    if shared.brain().is_err() {
        return;
    }
    let noted = shared.with_store(move |store| {
        store.audit().note(kind, detail);
        Ok(())
    });
    if let Err(error) = noted.await {
        tracing::warn!(?error, "the audit log lacks `{kind}`");
    }
}
