//! `search_code`: passages of the indexed folders.

use super::{Output, Tool, ToolError, View, arguments, schema};
use crate::model::ToolSpec;
use crate::seam::Knowledge;
use crate::source::Found;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;

/// Passages in one result.
const LIMIT: usize = 6;

/// Searches the user's code.
pub struct SearchCode(pub Arc<dyn Knowledge>);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {
    query: String,
}

impl Tool for SearchCode {
    fn spec(&self) -> ToolSpec {
        ToolSpec {
            name: "search_code".to_owned(),
            description: "Search the user's own code and documents. Returns passages with file and lines."
                .to_owned(),
            parameters: schema(
                json!({"query": {"type": "string", "description": "Words or a question"}}),
                &["query"],
            ),
        }
    }

    fn run(&self, value: &Value, view: &View<'_>) -> Result<Output, ToolError> {
        let Arguments { query } = arguments(value)?;
        if query.trim().is_empty() {
            return Err(ToolError("query is empty".to_owned()));
        }
        let hits = self.0.search(&query, view.project, LIMIT).map_err(ToolError::of)?;
        if hits.is_empty() {
            return Ok(Output::Text("Nothing was found.".to_owned()));
        }
        Ok(Output::Found(hits.into_iter().map(Found::from).collect()))
    }
}
