//! SearXNG: a search engine that the user or a friend runs.

use crate::key::{Endpoint, EndpointError};
use crate::out::{self, Bounds, Out};
use crate::retry::Patience;
use crate::tavily::{is_web, parse};
use agent::seam::{WebResult, WebResults};
use reqwest::{Client, Method, Request};
use serde::Deserialize;
use serde_json::Value;

/// Bytes of an answer.
const MOST_BYTES: usize = 4 << 20;

/// A client of one instance.
#[derive(Debug)]
pub struct Searxng {
    endpoint: Endpoint,
    client: Client,
    out: Out,
    patience: Patience,
}

#[derive(Deserialize)]
struct Found {
    results: Vec<Row>,
    #[serde(default)]
    unresponsive_engines: Vec<Value>,
}

/// Only address and title can be relied on.
#[derive(Deserialize)]
struct Row {
    url: String,
    title: String,
    #[serde(default)]
    content: Option<String>,
}

impl Searxng {
    /// A client of the instance at `base`.
    pub fn new(base: &str, out: Out, patience: Patience) -> Result<Searxng, EndpointError> {
        let endpoint = Endpoint::new(base, None)?;
        let builder = if endpoint.is_loopback() { out::client().no_proxy() } else { out::client() };
        let client = builder.build().map_err(|_| EndpointError::Address(base.to_owned()))?;
        Ok(Searxng { endpoint, client, out, patience })
    }

    /// Results for a query, at most `limit`: the API itself has no count.
    pub fn search(&self, query: &str, limit: usize) -> Result<WebResults, String> {
        let mut url = self.endpoint.url("search");
        url.query_pairs_mut()
            .append_pair("q", query)
            .append_pair("format", "json")
            .append_pair("categories", "general")
            .append_pair("language", "")
            .append_pair("pageno", "1")
            .append_pair("time_range", "")
            .append_pair("safesearch", "");
        let request = Request::new(Method::GET, url);
        let bounds = Bounds { time: self.patience.request, bytes: MOST_BYTES };
        let send = || {
            let again = request.try_clone().expect("it has no body");
            self.out.send(&self.client, again, "web_search", query, bounds)
        };
        let reply = self.patience.run(send).map_err(|error| error.to_string())?;
        match reply.status {
            200 => {}
            403 => {
                return Err("it refuses JSON: its owner must add `json` to `search.formats` in settings.yml"
                    .to_owned());
            }
            429 => return Err("too many requests; try again later".to_owned()),
            status @ 300..=399 => {
                return Err(format!(
                    "it answered with a redirect ({status}), which is not followed; check SEARXNG_URL"
                ));
            }
            status => return Err(format!("it answered with status {status}")),
        }
        let found: Found = parse(&reply)?;
        if found.results.is_empty() && !found.unresponsive_engines.is_empty() {
            let engines: Vec<String> = found.unresponsive_engines.iter().take(10).map(engine).collect();
            return Err(format!("none of its search engines answered: {}", engines.join(", ")));
        }
        let result =
            |row: Row| WebResult { title: row.title, url: row.url, text: row.content.unwrap_or_default() };
        let results =
            found.results.into_iter().filter(|row| is_web(&row.url)).take(limit).map(result).collect();
        Ok(WebResults {
            provider: "SearXNG".into(),
            results,
            cached: false,
            credits: None,
            notices: Vec::new(),
        })
    }
}

/// `[name, reason]`.
fn engine(pair: &Value) -> String {
    let part = |at: usize| pair[at].as_str().unwrap_or("?").chars().take(60).collect::<String>();
    format!("{} ({})", part(0), part(1))
}
