//! Fetches a page: public addresses only, redirects by hand, bounded in every way.

use crate::guard::{self, Allowed, Network};
use crate::html;
use crate::out::{self, Bounds, Out, OutError, Reply};
use agent::seam::{Page, WebError};
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderValue, LOCATION};
use reqwest::{Method, Request};
use std::sync::Arc;
use std::time::{Duration, Instant};
use url::{Origin, Url};

/// Redirects that are followed.
const REDIRECTS: usize = 3;
/// Bytes of a page.
const MOST_BYTES: usize = 5 << 20;
/// From the first request to the last byte, over all redirects.
const TIME: Duration = Duration::from_secs(10);
/// Bytes of text that are kept.
const MOST_TEXT: usize = 200 << 10;
/// Longest address.
const MOST_URL: usize = 2048;

/// Fetches pages.
#[derive(Clone)]
pub struct Pages {
    out: Out,
    network: Arc<dyn Network>,
    trusted: Vec<Origin>,
}

impl Pages {
    /// Pages of the public internet, and of the origins in `trusted`, which only the user's own settings may name
    /// (`http://wiki.local:8080`).
    pub fn new(out: Out, network: Arc<dyn Network>, trusted: &[String]) -> Pages {
        let origins = trusted.iter().filter_map(|text| Url::parse(text).ok()).map(|url| url.origin());
        Pages { out, network, trusted: origins.filter(Origin::is_tuple).collect() }
    }

    /// The text of a page. Blocks for at most ten seconds.
    pub fn fetch(&self, address: &str) -> Result<Page, WebError> {
        let refused = |why: String| WebError::Refused { url: address.chars().take(300).collect(), why };
        if address.len() > MOST_URL {
            return Err(refused(format!("it is longer than {MOST_URL} bytes")));
        }
        let end = Instant::now() + TIME;
        let mut url = Url::parse(address).map_err(|error| refused(error.to_string()))?;
        for _ in 0..=REDIRECTS {
            let reply = self.get(&url, end).map_err(|error| match error {
                Failure::Offline => WebError::Offline,
                Failure::Why(why) => refused(why),
            })?;
            match reply.status {
                200..=299 => return page(&url, &reply).map_err(refused),
                301 | 302 | 303 | 307 | 308 => url = target(&url, &reply).map_err(refused)?,
                status => return Err(refused(format!("the server answered with status {status}"))),
            }
        }
        Err(refused(format!("there were more than {REDIRECTS} redirects")))
    }

    /// One request; the guard stands before each.
    fn get(&self, url: &Url, end: Instant) -> Result<Reply, Failure> {
        if self.out.is_offline() {
            return Err(Failure::Offline);
        }
        let allowed = if self.trusted.contains(&url.origin()) {
            Allowed::trusted(url, &*self.network)
        } else {
            guard::check(url, &*self.network)
        };
        let allowed = allowed.map_err(Failure::Why)?;
        // A proxy would look names up by itself.
        let client = out::client().no_proxy().dns_resolver(allowed.resolver()).build();
        let client = client.map_err(|error| Failure::Why(error.to_string()))?;
        let mut request = Request::new(Method::GET, url.clone());
        let accept = HeaderValue::from_static("text/html, text/plain, text/markdown, application/json;q=0.8");
        request.headers_mut().insert(ACCEPT, accept);
        let left = end.saturating_duration_since(Instant::now());
        let bounds = Bounds { time: left, bytes: MOST_BYTES };
        self.out.send(&client, request, "page", url.as_str(), bounds).map_err(|error| match error {
            OutError::Offline => Failure::Offline,
            OutError::Slow(_) => Failure::Why(format!("it took longer than {} s", TIME.as_secs())),
            other => Failure::Why(other.to_string()),
        })
    }
}

enum Failure {
    Offline,
    Why(String),
}

fn target(url: &Url, reply: &Reply) -> Result<Url, String> {
    let location = reply.headers.get(LOCATION).and_then(|value| value.to_str().ok());
    location.and_then(|text| url.join(text).ok()).ok_or_else(|| "it redirects to nowhere".to_owned())
}

fn page(url: &Url, reply: &Reply) -> Result<Page, String> {
    let kind = reply.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("text/plain");
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let body = String::from_utf8_lossy(&reply.body);
    let (title, mut text) = match kind.as_str() {
        "text/html" | "application/xhtml+xml" => html::text(&body).ok_or("its HTML cannot be read")?,
        "application/json" | "application/xml" => (None, body.into_owned()),
        _ if kind.starts_with("text/") => (None, body.into_owned()),
        _ => return Err(format!("it is {kind}, not text")),
    };
    if text.len() > MOST_TEXT {
        let end = (0..=MOST_TEXT).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0);
        text.truncate(end);
    }
    let title = title.unwrap_or_else(|| url.to_string());
    Ok(Page { url: url.to_string(), title, text })
}

impl std::fmt::Debug for Pages {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Pages({} trusted)", self.trusted.len())
    }
}
