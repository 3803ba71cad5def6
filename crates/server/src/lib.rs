//! The only crate that knows HTTP and the OpenAI JSON.
//!
//! A request goes down this list: a connection is accepted (`accept`), the gate lets it in (`gate`), the
//! table finds its handler (`router`), the handler reads the body (`body`), asks the engine and answers
//! (`openai`, `api`). Which adapter answers is looked up in `adapters`; `training` runs in the gaps between answers;
//! `turns` are conversations being answered by the parts in `brain`. What the handlers share is in `state`; every refusal
//! is an [`error::ApiError`]. `program` is what only the program around the server can do, and `ui` the web UI in it.

mod accept;
mod adapters;
mod api;
mod body;
mod brain;
mod docs;
mod embedding;
pub mod error;
mod event_log;
mod gate;
mod health;
mod home;
mod indexing;
mod key;
mod learning;
mod listen;
mod metrics;
mod openai;
mod openapi;
mod options;
mod page;
mod program;
mod router;
mod schedule;
mod sse;
mod stall;
mod state;
mod train_log;
mod training;
mod turns;
mod ui;

pub use accept::{Address, Server, serve};
pub use brain::Brain;
pub use openapi::document as openapi_document;
pub use options::{Home, Limits, ServeError, ServerOptions};
pub use program::{
    CatalogModel, InstalledModel, ModelShelf, Program, ProgramError, PullObject, SettingsEdit, SettingsObject,
};
pub use router::{Access, Route, app, routes};
pub use schedule::{Schedule, When};
pub use state::AppState;
