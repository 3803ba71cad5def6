//! Every refusal of the server, in OpenAI's form.
//!
//! Handlers return [`ApiError`]. What comes from the engine becomes one here, so that the choice of status
//! and code is in one place.

use crate::turns::NotStarted;
use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use engine::SubmitError;
use engine::text::TextError;
use learn::adapters::AdaptersError;
use learn::dataset::DatasetError;
use learn::train::TrainError;
use serde::Serialize;
use store::StoreError;
use utoipa::{IntoResponses, ToSchema};

/// A refusal: what was wrong, with which field, and what to do.
#[derive(Debug)]
pub struct ApiError {
    status: StatusCode,
    detail: ErrorDetail,
    retry_after_seconds: Option<u32>,
}

/// The body of every answer that is not a success.
#[derive(Debug, Serialize, ToSchema)]
pub struct ErrorResponse {
    /// What went wrong.
    pub error: ErrorDetail,
}

/// What went wrong.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ErrorDetail {
    /// For people: what is wrong and what to do about it.
    pub message: String,
    /// The kind of error.
    #[serde(rename = "type")]
    #[schema(example = "invalid_request_error")]
    pub kind: &'static str,
    /// The request field that is wrong.
    #[schema(required)]
    pub param: Option<String>,
    /// For programs.
    #[schema(required, example = "context_length_exceeded")]
    pub code: Option<&'static str>,
}

const INVALID: &str = "invalid_request_error";
const SERVER: &str = "server_error";

impl ApiError {
    fn new(status: StatusCode, kind: &'static str, code: &'static str, message: impl Into<String>) -> Self {
        let detail = ErrorDetail { message: message.into(), kind, param: None, code: Some(code) };
        ApiError { status, detail, retry_after_seconds: None }
    }

    /// Names the field that is wrong.
    pub(crate) fn param(mut self, param: impl Into<String>) -> Self {
        self.detail.param = Some(param.into());
        self
    }

    fn retry_after(mut self, seconds: u32) -> Self {
        self.retry_after_seconds = Some(seconds);
        self
    }

    /// The error as it is sent inside a stream that has begun.
    pub(crate) fn body(&self) -> ErrorResponse {
        ErrorResponse { error: self.detail.clone() }
    }

    /// A field has a value that it cannot have.
    pub(crate) fn invalid(param: impl Into<String>, message: impl Into<String>) -> Self {
        ApiError::new(StatusCode::BAD_REQUEST, INVALID, "invalid_value", message).param(param)
    }

    /// A field asks for something that this server does not do.
    pub(crate) fn unsupported(param: impl Into<String>, message: impl Into<String>) -> Self {
        ApiError::new(StatusCode::BAD_REQUEST, INVALID, "unsupported_parameter", message).param(param)
    }

    pub(crate) fn invalid_json(message: impl Into<String>) -> Self {
        ApiError::new(StatusCode::BAD_REQUEST, INVALID, "invalid_json", message)
    }

    pub(crate) fn unknown_model(asked: &str, name: &str) -> Self {
        let message = format!("the model '{asked}' does not exist here; this server has '{name}'");
        ApiError::new(StatusCode::NOT_FOUND, INVALID, "model_not_found", message).param("model")
    }

    pub(crate) fn no_embedding() -> Self {
        let message = "this server was started without an embedding model";
        ApiError::new(StatusCode::NOT_FOUND, INVALID, "model_not_found", message).param("model")
    }

    pub(crate) fn input_too_long(count: usize, window: usize) -> Self {
        let message = format!(
            "a text of input has {count} tokens and the model reads {window}: send shorter texts, or \
             \"truncate\": true to embed the beginnings"
        );
        let code = "context_length_exceeded";
        ApiError::new(StatusCode::BAD_REQUEST, INVALID, code, message).param("input")
    }

    pub(crate) fn unknown_adapter(asked: &str) -> Self {
        let asked: String = asked.chars().take(80).collect();
        let message = format!("there is no adapter '{asked}' for this model; /v1/models lists what there is");
        ApiError::new(StatusCode::NOT_FOUND, INVALID, "model_not_found", message).param("model")
    }

    pub(crate) fn no_home() -> Self {
        let message = "this server has no data folder, so it has no adapters and does not train";
        ApiError::new(StatusCode::NOT_FOUND, INVALID, "no_data_folder", message)
    }

    pub(crate) fn no_store() -> Self {
        let message = "this server keeps no conversations";
        ApiError::new(StatusCode::NOT_FOUND, INVALID, "no_store", message)
    }

    pub(crate) fn no_program() -> Self {
        let message = "this server runs in a program that has no models and settings of its own";
        ApiError::new(StatusCode::NOT_FOUND, INVALID, "no_program", message)
    }

    /// The system said no, and the message says to what.
    pub(crate) fn failed(message: impl Into<String>) -> Self {
        ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, SERVER, "failed", message)
    }

    pub(crate) fn not_found(code: &'static str, message: impl Into<String>) -> Self {
        ApiError::new(StatusCode::NOT_FOUND, INVALID, code, message)
    }

    pub(crate) fn conflict(code: &'static str, message: impl Into<String>) -> Self {
        ApiError::new(StatusCode::CONFLICT, INVALID, code, message)
    }

    pub(crate) fn vector_store(message: impl Into<String>) -> Self {
        ApiError::new(StatusCode::BAD_GATEWAY, SERVER, "vector_store_failed", message)
    }

    pub(crate) fn unknown_path() -> Self {
        ApiError::new(StatusCode::NOT_FOUND, INVALID, "unknown_url", "there is nothing here; see /docs")
    }

    pub(crate) fn wrong_method() -> Self {
        let message = "this path does not take that method; see /docs";
        ApiError::new(StatusCode::METHOD_NOT_ALLOWED, INVALID, "method_not_allowed", message)
    }

    pub(crate) fn forbidden(code: &'static str, message: impl Into<String>) -> Self {
        ApiError::new(StatusCode::FORBIDDEN, "permission_error", code, message)
    }

    pub(crate) fn unauthorized() -> Self {
        let message = "send the API key of this server as 'Authorization: Bearer <key>'";
        ApiError::new(StatusCode::UNAUTHORIZED, "authentication_error", "invalid_api_key", message)
    }

    pub(crate) fn not_json() -> Self {
        let message = "send JSON, with 'Content-Type: application/json'";
        ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, INVALID, "unsupported_media_type", message)
    }

    pub(crate) fn body_too_large(limit: usize) -> Self {
        let message = format!("the body is larger than {limit} bytes");
        ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, INVALID, "body_too_large", message)
    }

    pub(crate) fn body_too_slow() -> Self {
        let message = "the body did not arrive in time";
        ApiError::new(StatusCode::REQUEST_TIMEOUT, INVALID, "body_timeout", message)
    }

    pub(crate) fn body_broken() -> Self {
        ApiError::new(StatusCode::BAD_REQUEST, INVALID, "body_incomplete", "the body ended early")
    }

    pub(crate) fn overloaded() -> Self {
        let message = "too many large requests at once; try again in a moment";
        ApiError::new(StatusCode::TOO_MANY_REQUESTS, "rate_limit_error", "server_busy", message)
            .retry_after(1)
    }

    pub(crate) fn loading() -> Self {
        let message = "the model is still being loaded; /health answers 200 when it is ready";
        ApiError::new(StatusCode::SERVICE_UNAVAILABLE, SERVER, "model_loading", message).retry_after(1)
    }

    /// A turn was asked for while this round of serving ends.
    pub(crate) fn restarting() -> Self {
        let message = "hone ends or starts again with other settings; nothing was saved of this message";
        ApiError::new(StatusCode::SERVICE_UNAVAILABLE, SERVER, "restarting", message).retry_after(1)
    }

    pub(crate) fn load_failed(reason: &str) -> Self {
        let message = format!("the model could not be loaded: {reason}");
        ApiError::new(StatusCode::SERVICE_UNAVAILABLE, SERVER, "model_load_failed", message)
    }

    pub(crate) fn engine(message: impl Into<String>) -> Self {
        ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, SERVER, "engine_error", message)
    }

    pub(crate) fn internal() -> Self {
        let message = "something broke inside the server; its log says what";
        ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, SERVER, "internal_error", message)
    }

    /// A refusal of the engine. `prompt` is the field that the prompt came from.
    pub(crate) fn from_submit(error: &SubmitError, prompt: &str) -> Self {
        let message = error.to_string();
        match error {
            SubmitError::ContextLengthExceeded { .. } => {
                ApiError::new(StatusCode::BAD_REQUEST, INVALID, "context_length_exceeded", message)
                    .param(prompt)
            }
            SubmitError::EmptyPrompt | SubmitError::UnknownToken { .. } => ApiError::invalid(prompt, message),
            SubmitError::Adapter(_) => ApiError::invalid("model", message),
            SubmitError::Sampling { field, .. } => ApiError::invalid(*field, message),
            SubmitError::Busy { .. } => {
                ApiError::new(StatusCode::TOO_MANY_REQUESTS, "rate_limit_error", "server_busy", message)
                    .retry_after(1)
            }
            SubmitError::Stopped => {
                ApiError::new(StatusCode::SERVICE_UNAVAILABLE, SERVER, "engine_stopped", message)
            }
        }
    }

    /// The prompt could not be made from the request's text.
    pub(crate) fn from_text(error: &TextError, prompt: &str) -> Self {
        match error {
            TextError::NoFim => ApiError::unsupported("suffix", error.to_string()),
            _ => ApiError::invalid(prompt, error.to_string()),
        }
    }
}

/// What is wrong with an adapter.
impl From<AdaptersError> for ApiError {
    fn from(error: AdaptersError) -> Self {
        let message = error.to_string();
        match error {
            AdaptersError::NotFound(_) => ApiError::not_found("adapter_not_found", message).param("adapter"),
            AdaptersError::WrongBase { .. } => {
                ApiError::new(StatusCode::BAD_REQUEST, INVALID, "wrong_base", message).param("adapter")
            }
            AdaptersError::Ambiguous { .. } => ApiError::invalid("adapter", message),
            AdaptersError::Name { .. } => ApiError::invalid("name", message),
            AdaptersError::NothingBefore(_) => ApiError::conflict("nothing_before", message),
            AdaptersError::InUse(_) => ApiError::conflict("adapter_in_use", message),
            _ => {
                tracing::error!("{message}");
                let status = StatusCode::INTERNAL_SERVER_ERROR;
                ApiError::new(status, SERVER, "adapter_unusable", message)
            }
        }
    }
}

/// Why a run cannot begin or go on.
impl From<TrainError> for ApiError {
    fn from(error: TrainError) -> Self {
        let message = error.to_string();
        match error {
            TrainError::Setting { name, .. } => ApiError::invalid(name.replace([' ', '-'], "_"), message),
            TrainError::Dataset(DatasetError::Io { .. }) | TrainError::Io { .. } => {
                tracing::error!("{message}");
                ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, SERVER, "training_failed", message)
            }
            TrainError::Dataset(_) => ApiError::invalid("data", message),
            TrainError::Changed { .. } => {
                ApiError::new(StatusCode::BAD_REQUEST, INVALID, "run_changed", message)
            }
            TrainError::Done(_) => ApiError::conflict("run_done", message),
            TrainError::Busy(_) => ApiError::conflict("training_in_progress", message),
            TrainError::NothingToResume => ApiError::not_found("run_not_found", message),
            TrainError::Adapters(error) => error.into(),
            _ => ApiError::new(StatusCode::BAD_REQUEST, INVALID, "training_failed", message),
        }
    }
}

/// Why a row could not be read or kept.
impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        let message = error.to_string();
        match error {
            StoreError::Full(_) => {
                ApiError::new(StatusCode::INSUFFICIENT_STORAGE, SERVER, "disk_full", message)
            }
            StoreError::NotFound { .. } => ApiError::not_found("not_found", message),
            StoreError::Invalid(_) => {
                ApiError::new(StatusCode::BAD_REQUEST, INVALID, "invalid_value", message)
            }
            StoreError::Busy => {
                ApiError::new(StatusCode::SERVICE_UNAVAILABLE, SERVER, "store_busy", message).retry_after(1)
            }
            _ => {
                tracing::error!("{message}");
                ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, SERVER, "store_failed", message)
            }
        }
    }
}

/// Why a turn does not begin.
impl From<NotStarted> for ApiError {
    fn from(why: NotStarted) -> Self {
        match why {
            NotStarted::Busy => ApiError::conflict(
                "turn_in_progress",
                "this conversation is being answered; wait for the end or stop it",
            ),
            NotStarted::Full => ApiError::overloaded(),
            NotStarted::Closed => ApiError::restarting(),
            NotStarted::Thread(error) => {
                tracing::error!(%error, "cannot start a thread");
                ApiError::internal()
            }
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(self.body())).into_response();
        if let Some(seconds) = self.retry_after_seconds {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

/// What every route may answer, for the API document.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "only its derived description is used")]
pub(crate) enum GateErrors {
    /// The API key is missing or wrong (`invalid_api_key`).
    #[response(status = 401)]
    Unauthorized(ErrorResponse),
    /// The request comes from a web page or for a host that is not allowed (`host_not_allowed`, `origin_not_allowed`, `cross_site`).
    #[response(status = 403)]
    Forbidden(ErrorResponse),
}

/// What a route that generates may answer, for the API document.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "only its derived description is used")]
pub(crate) enum GenerationErrors {
    /// The request is wrong (`invalid_json`, `invalid_value`, `wrong_base`), asks for what this server does not do
    /// (`unsupported_parameter`), or does not fit (`context_length_exceeded`).
    #[response(status = 400)]
    Invalid(ErrorResponse),
    /// There is no such model or adapter (`model_not_found`).
    #[response(status = 404)]
    UnknownModel(ErrorResponse),
    /// The body did not arrive in time (`body_timeout`).
    #[response(status = 408)]
    TooSlow(ErrorResponse),
    /// The body is too large (`body_too_large`).
    #[response(status = 413)]
    TooLarge(ErrorResponse),
    /// The body is not `application/json` (`unsupported_media_type`).
    #[response(status = 415)]
    NotJson(ErrorResponse),
    /// Too many requests wait (`server_busy`); `Retry-After` says how many seconds to wait.
    #[response(status = 429)]
    Busy(ErrorResponse),
    /// The engine failed (`engine_error`, `internal_error`), or the adapter in use is damaged (`adapter_unusable`).
    #[response(status = 500)]
    Failed(ErrorResponse),
    /// The model is still being loaded, or could not be (`model_loading`, `model_load_failed`, `engine_stopped`).
    #[response(status = 503)]
    Unavailable(ErrorResponse),
}
