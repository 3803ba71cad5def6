//! `fetch_page`: the text of a public web page.
//!
//! An address can carry data away. So without asking, only addresses are fetched that the user wrote or that a search
//! brought, to the letter; one that the model made up needs the user's consent.

use super::{Output, Tool, ToolError, View, arguments, schema};
use crate::agent::WebUse;
use crate::model::ToolSpec;
use crate::seam::Web;
use crate::source::Found;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;
use store::Provenance;

/// Fetches pages.
pub struct FetchPage(pub Arc<dyn Web>);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {
    url: String,
}

impl Tool for FetchPage {
    fn spec(&self) -> ToolSpec {
        ToolSpec {
            name: "fetch_page".to_owned(),
            description: "Read a web page, as text. Use an address from the user or from web_search."
                .to_owned(),
            parameters: schema(json!({"url": {"type": "string"}}), &["url"]),
        }
    }

    fn asks(&self, value: &Value, view: &View<'_>) -> bool {
        let known = value["url"].as_str().is_some_and(|url| view.addresses.contains(url));
        view.web != WebUse::On || !known
    }

    fn reaches_out(&self) -> bool {
        true
    }

    fn run(&self, value: &Value, _: &View<'_>) -> Result<Output, ToolError> {
        let Arguments { url } = arguments(value)?;
        let page = self.0.fetch(&url).map_err(ToolError::of)?;
        Ok(Output::Found(vec![Found::new(Provenance::Web, page.url, page.title, page.text)]))
    }
}
