//! Every route, on one screen.

use crate::error::ApiError;
use crate::gate::{self, Gate};
use crate::options::ServerOptions;
use crate::state::{AppState, Shared};
use crate::{api, docs, health, home, metrics, openai, openapi, page, ui};
use axum::Router;
use axum::http::{Method, StatusCode};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post};
use std::any::Any;
use std::sync::Arc;
use tower_http::catch_panic::CatchPanicLayer;

/// One line of the table.
pub struct Route {
    /// `GET` or `POST`. `GET` also answers `HEAD`, and never changes anything.
    pub method: Method,
    /// The path, `{name}` standing for one segment.
    pub path: &'static str,
    /// Who may use it where a key is set.
    pub access: Access,
    handler: MethodRouter<Arc<Shared>>,
}

/// Who may use a route where a key is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Everyone whom the gate lets in.
    Open,
    /// Those who send the key.
    Key,
}

/// The table that the router and the test of the gate are both made from.
#[rustfmt::skip]
pub fn routes() -> Vec<Route> {
    use Access::{Key, Open};
    vec![
        read("/",                    Open, get(ui::page)),
        read("/c/{chat}",            Open, get(ui::page)),
        read("/knowledge",           Open, get(ui::page)),
        read("/rules",               Open, get(ui::page)),
        read("/learning",            Open, get(ui::page)),
        read("/models",              Open, get(ui::page)),
        read("/settings",            Open, get(ui::page)),
        read("/assets/{file}",       Open, get(ui::asset)),
        read("/about",               Key,  get(home::show)),
        read("/health",              Open, get(health::show)),
        read("/metrics",             Key,  get(metrics::show)),
        read("/openapi.json",        Key,  get(openapi::show)),
        read("/docs",                Key,  get(docs::show)),
        read("/style.css",           Key,  get(page::style)),
        read("/v1/models",           Key,  get(openai::models::list)),
        read("/v1/models/{model}",   Key,  get(openai::models::show)),
        write("/v1/chat/completions", Key, post(openai::chat::create)),
        write("/v1/completions",      Key, post(openai::completions::create)),
        write("/v1/embeddings",       Key, post(openai::embeddings::create)),
        read("/api/adapters",               Key,  get(api::adapters::list)),
        write("/api/adapters/use",          Key, post(api::adapters::use_)),
        write("/api/adapters/rollback",     Key, post(api::adapters::rollback)),
        read("/api/adapters/{adapter}/report", Key, get(api::adapters::report)),
        read("/api/train",                  Key,  get(api::train::show)),
        write("/api/train",                 Key, post(api::train::start)),
        read("/api/train/{run}/events",     Key,  get(api::train::events)),
        write("/api/train/{run}/stop",      Key, post(api::train::stop)),
        write("/api/train/{run}/resume",    Key, post(api::train::resume)),
        read("/api/learn",                  Key,  get(api::learn::standing)),
        write("/api/learn",                 Key, post(api::learn::start)),
        read("/api/learn/reports",          Key,  get(api::learn::list)),
        read("/api/learn/reports/{run}",    Key,  get(api::learn::show)),
        read("/api/chats",                  Key,  get(api::chats::list)),
        write("/api/chats",                 Key, post(api::chats::create)),
        read("/api/chats/search",           Key,  get(api::chats::search)),
        write("/api/chats/import",          Key, post(api::exchange::import)),
        read("/api/chats/{chat}/export",    Key,  get(api::exchange::export)),
        read("/api/chats/{chat}",           Key,  get(api::chats::show)),
        write("/api/chats/{chat}",          Key, post(api::chats::change)),
        write("/api/chats/{chat}/delete",   Key, post(api::chats::delete)),
        write("/api/chats/{chat}/messages", Key, post(api::messages::say)),
        write("/api/messages/{message}/edit",     Key, post(api::exchange::edit)),
        write("/api/messages/{message}/feedback", Key, post(api::messages::feedback)),
        write("/api/feedback",              Key, post(api::export::accept)),
        write("/api/feedback/{feedback}/delete", Key, post(api::export::take_back)),
        read("/api/export",                 Key,  get(api::export::list)),
        write("/api/export/{message}",      Key, post(api::export::choose)),
        read("/api/turns/{turn}/events",    Key,  get(api::turns::events)),
        write("/api/turns/{turn}/stop",     Key, post(api::turns::stop)),
        write("/api/turns/{turn}/consent",  Key, post(api::turns::consent)),
        read("/api/rules",                  Key,  get(api::rules::list)),
        write("/api/rules",                 Key, post(api::rules::teach)),
        write("/api/rules/{rule}",          Key, post(api::rules::change)),
        read("/api/rules/{rule}/uses",      Key,  get(api::rules::uses)),
        write("/api/rules/{rule}/delete",   Key, post(api::rules::delete)),
        read("/api/index",                  Key,  get(api::index::roots)),
        write("/api/index",                 Key, post(api::index::add)),
        write("/api/index/remove",          Key, post(api::index::remove)),
        read("/api/index/file",             Key,  get(api::index::file)),
        read("/api/index/jobs/{job}/events", Key, get(api::index::events)),
        write("/api/index/jobs/{job}/stop", Key, post(api::index::stop)),
        read("/api/index/search",           Key,  get(api::knowledge::search)),
        write("/api/intents",               Key, post(api::knowledge::correct)),
        read("/api/server",                 Key,  get(api::server::show)),
        read("/api/models",                 Key,  get(api::program::models)),
        write("/api/models/pull",           Key, post(api::program::pull)),
        write("/api/models/stop",           Key, post(api::program::stop_pull)),
        write("/api/models/use",            Key, post(api::program::use_model)),
        write("/api/models/delete",         Key, post(api::program::delete_model)),
        read("/api/settings",               Key,  get(api::program::settings)),
        write("/api/settings",              Key, post(api::program::change_settings)),
        write("/api/web/try",               Key, post(api::program::try_search)),
        read("/api/outgoing",               Key,  get(api::outgoing::list)),
        read("/api/audit",                  Key,  get(api::audit::list)),
    ]
}

fn read(path: &'static str, access: Access, handler: MethodRouter<Arc<Shared>>) -> Route {
    Route { method: Method::GET, path, access, handler }
}

fn write(path: &'static str, access: Access, handler: MethodRouter<Arc<Shared>>) -> Route {
    Route { method: Method::POST, path, access, handler }
}

/// The whole service behind one listening port: gate, then counters, then the table.
pub fn app(options: &ServerOptions, port: u16, served: AppState) -> Router {
    let shared = Arc::new(Shared::new(served, options.limits));
    let routes = routes();
    let gate = Arc::new(Gate::new(options, port, &routes));
    let router = routes.into_iter().fold(Router::new(), |router, r| router.route(r.path, r.handler));
    router
        .fallback(async || ApiError::unknown_path())
        .method_not_allowed_fallback(async || ApiError::wrong_method())
        .layer(CatchPanicLayer::custom(panicked))
        .layer(from_fn_with_state(Arc::clone(&shared), metrics::count))
        .layer(from_fn_with_state(gate, gate::guard))
        .with_state(shared)
}

/// A handler that panics fails one request, not the server.
fn panicked(_: Box<dyn Any + Send>) -> Response {
    tracing::error!(status = %StatusCode::INTERNAL_SERVER_ERROR, "a handler panicked");
    ApiError::internal().into_response()
}
