//! Reads a JSON body: bounded in size, time and depth, with an error that names the wrong field.

use crate::error::ApiError;
use crate::state::Shared;
use axum::body::Body;
use axum::extract::{FromRequest, Request};
use axum::http::header;
use http_body_util::BodyExt;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::sync::Arc;
use tokio::sync::SemaphorePermit;
use tokio::time::timeout;

/// A request that was read, has only fields that are supported, and values within their ranges.
pub(crate) struct JsonBody<T>(pub(crate) T);

/// What a body must pass before a handler sees it.
pub(crate) trait Checked: DeserializeOwned {
    /// Refuses fields that would be ignored although they change the answer.
    fn check_fields(_body: &Value) -> Result<(), ApiError> {
        Ok(())
    }

    /// Refuses values out of range.
    fn check_values(&self) -> Result<(), ApiError> {
        Ok(())
    }
}

impl<T: Checked> FromRequest<Arc<Shared>> for JsonBody<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, shared: &Arc<Shared>) -> Result<Self, ApiError> {
        let (bytes, _budget) = read(request, shared).await?;
        let value: Value = serde_json::from_slice(&bytes)
            .map_err(|error| ApiError::invalid_json(format!("the body is not JSON: {error}")))?;
        drop(bytes);
        if !value.is_object() {
            return Err(ApiError::invalid_json("the body must be a JSON object"));
        }
        T::check_fields(&value)?;
        let body: T = typed(&value)?;
        body.check_values()?;
        Ok(JsonBody(body))
    }
}

/// `value` as a `T`; the error names the field.
pub(crate) fn typed<T: DeserializeOwned>(value: &Value) -> Result<T, ApiError> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        let path = error.path().to_string();
        let message = error.into_inner().to_string();
        match path.as_str() {
            "." | "?" => ApiError::invalid(missing_field(&message), message.clone()),
            path => ApiError::invalid(path, format!("{path}: {message}")),
        }
    })
}

/// The name in "missing field `model`".
fn missing_field(message: &str) -> String {
    message.split('`').nth(1).unwrap_or_default().to_owned()
}

/// The whole body, and the share of the budget that it holds while it is in memory.
async fn read<'s>(
    request: Request,
    shared: &'s Shared,
) -> Result<(Vec<u8>, Option<SemaphorePermit<'s>>), ApiError> {
    let limit = shared.limits.body_bytes;
    let headers = request.headers();
    let announced: usize = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok()?.parse().ok())
        .unwrap_or(0);
    if announced > limit && headers.contains_key(header::EXPECT) {
        return Err(ApiError::body_too_large(limit)); // the client has not sent it yet
    }
    let body = request.into_body();
    match timeout(shared.limits.body_timeout, take(body, shared, announced > limit)).await {
        Ok(read) => read,
        Err(_) if announced > limit => Err(ApiError::body_too_large(limit)),
        Err(_) => Err(ApiError::body_too_slow()),
    }
}

/// Takes the frames of a body in. One that is too large is read on for a while and thrown away: a client
/// that is still sending would not see the answer of a closed connection.
async fn take<'s>(
    mut body: Body,
    shared: &'s Shared,
    mut too_large: bool,
) -> Result<(Vec<u8>, Option<SemaphorePermit<'s>>), ApiError> {
    let limit = shared.limits.body_bytes;
    let mut bytes = Vec::new();
    let mut budget: Option<SemaphorePermit<'s>> = None;
    let mut total = 0usize;
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| ApiError::body_broken())?.into_data() else { continue };
        total = total.saturating_add(data.len());
        too_large |= total > limit;
        if total > limit.saturating_mul(16) {
            break;
        }
        if too_large {
            bytes = Vec::new();
            budget = None;
            continue;
        }
        let more = u32::try_from(data.len())
            .ok()
            .and_then(|n| shared.body_budget.try_acquire_many(n).ok())
            .ok_or_else(ApiError::overloaded)?;
        match &mut budget {
            Some(held) => held.merge(more),
            None => budget = Some(more),
        }
        bytes.extend_from_slice(&data);
    }
    if too_large { Err(ApiError::body_too_large(limit)) } else { Ok((bytes, budget)) }
}
