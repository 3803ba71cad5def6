//! The API document, made from the handlers and the types that they read and write.

use crate::{api, error::GateErrors, health, metrics, openai};
use axum::Json;
use utoipa::openapi::OpenApi as Document;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "hone",
        description = "A private coding assistant behind the OpenAI API. Point any OpenAI client at `http://127.0.0.1:4663/v1`.\n\n\
                       Requests of other web pages are refused. A server that other machines reach needs its API key with every request but `GET /health`."
    ),
    paths(
        openai::chat::create,
        openai::completions::create,
        openai::embeddings::create,
        openai::models::list,
        openai::models::show,
        api::adapters::list,
        api::adapters::use_,
        api::adapters::rollback,
        api::adapters::report,
        api::train::show,
        api::train::start,
        api::train::events,
        api::train::stop,
        api::train::resume,
        api::learn::standing,
        api::learn::start,
        api::learn::list,
        api::learn::show,
        api::chats::list,
        api::chats::create,
        api::chats::search,
        api::chats::show,
        api::chats::change,
        api::chats::delete,
        api::messages::say,
        api::messages::feedback,
        api::export::accept,
        api::export::take_back,
        api::export::list,
        api::export::choose,
        api::turns::events,
        api::turns::stop,
        api::turns::consent,
        api::rules::list,
        api::rules::teach,
        api::rules::change,
        api::rules::delete,
        api::rules::uses,
        api::index::roots,
        api::index::add,
        api::index::remove,
        api::index::file,
        api::index::events,
        api::index::stop,
        api::knowledge::search,
        api::knowledge::correct,
        api::outgoing::list,
        api::audit::list,
        api::exchange::import,
        api::exchange::export,
        api::exchange::edit,
        api::server::show,
        api::program::models,
        api::program::pull,
        api::program::stop_pull,
        api::program::use_model,
        api::program::delete_model,
        api::program::settings,
        api::program::change_settings,
        api::program::try_search,
        health::show,
        metrics::show,
        show,
    ),
    tags(
        (name = "Completions", description = "Text from the model."),
        (name = "Embeddings", description = "Texts as vectors."),
        (name = "Models", description = "What can be asked."),
        (name = "Adapters", description = "What a model has learned, and which of it is in use."),
        (name = "Training", description = "In the gaps between answers."),
        (name = "Learning", description = "From conversations to a better adapter, or none."),
        (name = "Conversations", description = "Kept, answered, judged."),
        (name = "Rules", description = "What hone was taught."),
        (name = "Knowledge", description = "The user's own files, indexed."),
        (name = "Privacy", description = "What has left this machine."),
        (name = "Server", description = "How it is doing."),
    ),
    security((), ("key" = [])),
    modifiers(&Key),
)]
struct Api;

/// `Authorization: Bearer <key>`.
struct Key;

impl Modify for Key {
    fn modify(&self, document: &mut Document) {
        let scheme = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some("Only where the server was started with a key."))
            .build();
        document.components.get_or_insert_default().add_security_scheme("key", SecurityScheme::Http(scheme));
    }
}

/// The API as an OpenAPI document.
pub fn document() -> Document {
    Api::openapi()
}

/// This document
#[utoipa::path(get, operation_id = "get_document", path = "/openapi.json", tag = "Server",
    responses((status = 200, description = "OpenAPI 3.1.", body = Object), GateErrors))]
pub(crate) async fn show() -> Json<Document> {
    Json(document())
}
