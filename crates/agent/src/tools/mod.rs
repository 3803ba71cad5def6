//! What a model may do, one file a tool. Tools read; the one that writes makes drafts, and those that reach outside
//! ask the user where the user wants it.

mod fetch_page;
mod read_file;
mod remember;
mod search_code;
mod web_search;

pub use fetch_page::FetchPage;
pub use read_file::ReadFile;
pub use remember::Remember;
pub use search_code::SearchCode;
pub use web_search::WebSearch;

use crate::agent::WebUse;
use crate::event::TurnEvent;
use crate::model::{ToolCall, ToolSpec};
use crate::source::Found;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::collections::HashSet;
use std::path::Path;

/// Something that a model may call.
pub trait Tool: Send + Sync {
    /// How a model sees it.
    fn spec(&self) -> ToolSpec;

    /// Whether a call needs the user's consent.
    fn asks(&self, _arguments: &Value, _view: &View<'_>) -> bool {
        false
    }

    /// Whether it makes requests to other machines.
    fn reaches_out(&self) -> bool {
        false
    }

    /// Runs a call. `arguments` are what a model wrote.
    fn run(&self, arguments: &Value, view: &View<'_>) -> Result<Output, ToolError>;
}

/// What a tool knows of the turn.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    /// The user's project.
    pub project: Option<&'a Path>,
    /// Web addresses that the user wrote or a search brought.
    pub addresses: &'a HashSet<String>,
    /// What the user allows.
    pub web: WebUse,
}

/// What a tool returns.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// Texts that can be cited.
    Found(Vec<Found>),
    /// A text of the tool itself.
    Text(String),
}

/// Why a tool returned nothing; the model reads it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ToolError(pub String);

impl ToolError {
    /// Out of any error.
    pub(crate) fn of(error: impl std::fmt::Display) -> ToolError {
        ToolError(error.to_string())
    }
}

/// Runs a call with one of the tools, after the user was asked where that is needed.
pub(crate) fn run(
    tools: &[Box<dyn Tool>],
    call: &ToolCall,
    view: &View<'_>,
    listener: &mut dyn crate::agent::Listener,
) -> Result<Output, ToolError> {
    let tool = tools.iter().find(|tool| tool.spec().name == call.name);
    let asks = tool.is_some_and(|tool| tool.asks(&call.arguments, view));
    listener.hear(TurnEvent::ToolCall { call: call.clone(), asks });
    let Some(tool) = tool else {
        let names: Vec<String> = tools.iter().map(|tool| tool.spec().name).collect();
        return Err(ToolError(format!("there is no tool {}; there are: {}", call.name, names.join(", "))));
    };
    if asks && !listener.allows(call) {
        return Err(ToolError("the user did not allow this call".to_owned()));
    }
    tool.run(&call.arguments, view)
}

/// A tool's arguments as its own type.
fn arguments<T: DeserializeOwned>(arguments: &Value) -> Result<T, ToolError> {
    serde_json::from_value(arguments.clone()).map_err(|error| ToolError(format!("wrong arguments: {error}")))
}

/// The schema of an object with these fields; all that are named in `required` must be there.
fn schema(properties: Value, required: &[&str]) -> Value {
    serde_json::json!({
        "type": "object", "properties": properties, "required": required, "additionalProperties": false,
    })
}
