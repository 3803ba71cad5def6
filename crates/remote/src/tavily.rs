//! Tavily: search, extraction and the state of the plan.

use crate::key::{Endpoint, EndpointError};
use crate::out::{self, Bounds, Out, Reply};
use crate::retry::Patience;
use agent::seam::{WebResult, WebResults};
use reqwest::{Client, Method, Request};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Where it is, unless the user set another address.
const BASE: &str = "https://api.tavily.com";
/// Bytes of an answer.
const MOST_BYTES: usize = 4 << 20;
/// Addresses in one extraction.
const MOST_URLS: usize = 20;

/// A client of Tavily, with a key or without.
#[derive(Debug)]
pub struct Tavily {
    endpoint: Endpoint,
    client: Client,
    out: Out,
    patience: Patience,
}

/// What a key has left.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Credits {
    /// Used by this key.
    pub key_used: Option<f64>,
    /// What this key may use; none is no limit.
    pub key_limit: Option<f64>,
    /// Name of the plan.
    pub plan: Option<String>,
    /// Used by the plan.
    pub plan_used: Option<f64>,
    /// What the plan holds.
    pub plan_limit: Option<f64>,
}

/// Pages as Tavily reads them. One that failed does not fail the others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Extracted {
    /// Addresses and texts.
    pub pages: Vec<(String, String)>,
    /// Addresses and reasons.
    pub failed: Vec<(String, String)>,
}

#[derive(Deserialize)]
struct Found {
    results: Vec<Row>,
    #[serde(default)]
    usage: Option<Value>,
}

#[derive(Deserialize)]
struct Row {
    url: String,
    #[serde(default)]
    title: Option<String>,
    #[serde(default)]
    content: Option<String>,
}

impl Tavily {
    /// A client of `base` (`None` is Tavily's own address). Without a key it asks as a guest.
    pub fn new(
        base: Option<&str>,
        key: Option<&str>,
        out: Out,
        patience: Patience,
    ) -> Result<Tavily, EndpointError> {
        let base = base.unwrap_or(BASE);
        let endpoint = Endpoint::new(base, key)?;
        let builder = if endpoint.is_loopback() { out::client().no_proxy() } else { out::client() };
        let client = builder.build().map_err(|_| EndpointError::Address(base.to_owned()))?;
        Ok(Tavily { endpoint, client, out, patience })
    }

    /// Results for a query, at most `limit` (20).
    pub fn search(&self, query: &str, limit: usize) -> Result<WebResults, String> {
        let mut body = json!({"query": query, "max_results": limit.min(20), "search_depth": "basic", "topic": "general"});
        if self.endpoint.has_key() {
            body["include_usage"] = true.into();
        }
        let reply = self.post("search", &body, query)?;
        let found: Found = parse(&reply)?;
        let credits = found.usage.as_ref().and_then(|usage| usage["credits"].as_f64());
        let credits = credits.map(|credits| credits.max(0.0).ceil() as u32);
        if let Some(credits) = credits {
            self.out.ledger().spent("tavily", credits);
        }
        let result = |row: Row| WebResult {
            title: row.title.filter(|title| !title.is_empty()).unwrap_or_else(|| row.url.clone()),
            url: row.url,
            text: row.content.unwrap_or_default(),
        };
        let results = found.results.into_iter().filter(|row| is_web(&row.url)).map(result).collect();
        Ok(WebResults { provider: "Tavily".into(), results, cached: false, credits, notices: Vec::new() })
    }

    /// The texts of up to 20 pages.
    pub fn extract(&self, urls: &[String]) -> Result<Extracted, String> {
        if urls.is_empty() || urls.len() > MOST_URLS {
            return Err(format!("an extraction takes 1 to {MOST_URLS} addresses"));
        }
        let body = json!({"urls": urls, "extract_depth": "basic", "format": "text"});
        let answer: Value = parse(&self.post("extract", &body, &urls.join(" "))?)?;
        let rows = |field: &str, text: &str| -> Vec<(String, String)> {
            let rows = answer[field].as_array().into_iter().flatten();
            let pair = |row: &Value| Some((row["url"].as_str()?.to_owned(), row[text].as_str()?.to_owned()));
            rows.filter_map(pair).collect()
        };
        Ok(Extracted { pages: rows("results", "raw_content"), failed: rows("failed_results", "error") })
    }

    /// Whether there is a key.
    pub fn has_key(&self) -> bool {
        self.endpoint.has_key()
    }

    /// Whether the key works and what it has left. Spends nothing.
    pub fn usage(&self) -> Result<Credits, String> {
        if !self.endpoint.has_key() {
            return Err(
                "there is no key; set TAVILY_API_KEY (without one, Tavily has no account to tell about)"
                    .to_owned(),
            );
        }
        let reply = self.send(Request::new(Method::GET, self.endpoint.url("usage")), "usage", "")?;
        let answer: Value = parse(&reply)?;
        let number = |path: &str| answer.pointer(path).and_then(Value::as_f64);
        Ok(Credits {
            key_used: number("/key/usage"),
            key_limit: number("/key/limit"),
            plan: answer.pointer("/account/current_plan").and_then(Value::as_str).map(str::to_owned),
            plan_used: number("/account/plan_usage"),
            plan_limit: number("/account/plan_limit"),
        })
    }

    fn post(&self, path: &str, body: &Value, about: &str) -> Result<Reply, String> {
        let mut request = Request::new(Method::POST, self.endpoint.url(path));
        request
            .headers_mut()
            .insert("content-type", reqwest::header::HeaderValue::from_static("application/json"));
        *request.body_mut() = Some(body.to_string().into());
        self.send(request, "web_search", about)
    }

    fn send(&self, mut request: Request, purpose: &str, about: &str) -> Result<Reply, String> {
        let key = self.endpoint.bearer(request.url());
        let (name, value) = match key {
            Some(key) => ("authorization", key),
            None => ("x-tavily-access-mode", reqwest::header::HeaderValue::from_static("keyless")),
        };
        request.headers_mut().insert(name, value);
        let bounds = Bounds { time: self.patience.request, bytes: MOST_BYTES };
        let send = || {
            let again = request.try_clone().expect("its body is bytes");
            self.out.send(&self.client, again, purpose, about, bounds)
        };
        let reply = self.patience.run(send).map_err(|error| error.to_string())?;
        match reply.status {
            200 => Ok(reply),
            status => Err(self.refusal(status, &reply)),
        }
    }

    fn refusal(&self, status: u16, reply: &Reply) -> String {
        let said = said(&reply.body);
        let said = if said.is_empty() { String::new() } else { format!(" ({said})") };
        match status {
            400 | 422 => format!("the request is wrong{said}"),
            401 | 403 if self.endpoint.has_key() => format!("the key is wrong; check TAVILY_API_KEY{said}"),
            401 | 403 => format!("it wants a key; set TAVILY_API_KEY{said}"),
            429 => format!("too many requests; try again later{said}"),
            432 => {
                format!("the plan's credits are used up; wait for the next month or change the plan{said}")
            }
            433 => format!("the pay-as-you-go limit is reached; raise it in the account{said}"),
            300..=399 => format!("it answered with a redirect ({status}), which is not followed"),
            500..=599 => format!("the server failed ({status}){said}"),
            _ => format!("it answered with status {status}{said}"),
        }
    }
}

/// Whether a result's address is one of the web.
pub(crate) fn is_web(url: &str) -> bool {
    url::Url::parse(url).is_ok_and(|url| matches!(url.scheme(), "http" | "https"))
}

pub(crate) fn parse<T: serde::de::DeserializeOwned>(reply: &Reply) -> Result<T, String> {
    serde_json::from_slice(&reply.body)
        .map_err(|error| format!("its answer is not what was agreed on: {error}"))
}

/// What an error body says, in any of its forms, on one line.
fn said(body: &[u8]) -> String {
    let Ok(body) = serde_json::from_slice::<Value>(body) else { return String::new() };
    let detail = &body["detail"];
    let mut parts: Vec<String> = Vec::new();
    let mut add = |value: &Value| parts.extend(value.as_str().map(str::to_owned));
    add(detail);
    add(&detail["error"]);
    add(&body["error"]);
    add(&body["error"]["message"]);
    for item in detail.as_array().into_iter().flatten() {
        let place = item["loc"].as_array().into_iter().flatten().filter_map(Value::as_str);
        let place = place.collect::<Vec<_>>().join(".");
        add(&Value::from(format!("{place}: {}", item["msg"].as_str().unwrap_or("wrong"))));
    }
    for action in body["error"]["next_actions"].as_array().into_iter().flatten() {
        add(action);
        add(&action["message"]);
    }
    let line = parts.join("; ");
    line.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(300).collect()
}
