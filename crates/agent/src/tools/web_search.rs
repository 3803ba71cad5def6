//! `web_search`: results of the configured providers.

use super::{Output, Tool, ToolError, View, arguments, schema};
use crate::agent::WebUse;
use crate::model::ToolSpec;
use crate::seam::Web;
use crate::source::Found;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;

/// Results in one answer.
const LIMIT: usize = 5;
/// Longest query that goes out.
const MOST_CHARS: usize = 400;

/// Searches the web.
pub struct WebSearch(pub Arc<dyn Web>);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {
    query: String,
}

impl Tool for WebSearch {
    fn spec(&self) -> ToolSpec {
        ToolSpec {
            name: "web_search".to_owned(),
            description:
                "Search the web. The query leaves this machine: put no private code or data into it."
                    .to_owned(),
            parameters: schema(
                json!({"query": {"type": "string", "description": "A few words", "maxLength": MOST_CHARS}}),
                &["query"],
            ),
        }
    }

    fn asks(&self, _: &Value, view: &View<'_>) -> bool {
        view.web != WebUse::On
    }

    fn reaches_out(&self) -> bool {
        true
    }

    fn run(&self, value: &Value, _: &View<'_>) -> Result<Output, ToolError> {
        let Arguments { query } = arguments(value)?;
        if query.trim().is_empty() || query.chars().count() > MOST_CHARS {
            return Err(ToolError(format!("a query has 1 to {MOST_CHARS} characters")));
        }
        let answer = self.0.search(query.trim(), LIMIT).map_err(ToolError::of)?;
        if answer.results.is_empty() {
            return Ok(Output::Text("Nothing was found.".to_owned()));
        }
        Ok(Output::Found(answer.results.into_iter().map(Found::from).collect()))
    }
}
