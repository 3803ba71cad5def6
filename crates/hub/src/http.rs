//! Requests to the hub: where they may go, what they carry, and what a bad answer means.
//!
//! Redirects are followed by hand, so that the token stays with the host that it belongs to.

use std::cell::Cell;
use std::error::Error as _;
use std::io::Read;
use std::time::Duration;

use reqwest::blocking::{Client, Response};
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue, LOCATION, RETRY_AFTER};
use reqwest::{Method, StatusCode, redirect};
use url::{Host, Url};

use crate::ids::malformed;
use crate::{HubError, Patience, PullOptions};

const DEFAULT_ENDPOINT: &str = "https://huggingface.co";

/// Where the hub itself sends its readers, together with all names below these.
const HUB_HOSTS: [&str; 2] = ["huggingface.co", "hf.co"];

const MAX_REDIRECTS: usize = 5;

/// Retries before any server has answered: then there is most likely no network.
const FIRST_CONTACT: u32 = 2;

/// A client of one hub.
pub(crate) struct Http {
    client: Client,
    endpoint: Url,
    token: Option<HeaderValue>,
    patience: Patience,
    /// Whether any server has answered yet.
    reached: Cell<bool>,
}

impl Http {
    pub(crate) fn new(options: &PullOptions) -> Result<Http, HubError> {
        let endpoint = parse_endpoint(options.endpoint.as_deref().unwrap_or(DEFAULT_ENDPOINT))?;
        let token = options.token.as_deref().map(authorization).transpose()?;
        // An error means that the program has chosen a provider already, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut builder = Client::builder()
            .user_agent(concat!("hone/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::none())
            .referer(false)
            .connect_timeout(options.patience.stall.min(Duration::from_secs(15)))
            // In the blocking client this holds for each read by itself.
            .timeout(options.patience.stall);
        if is_loopback(&endpoint) {
            builder = builder.no_proxy();
        }
        let client = builder.build().map_err(|error| network(&endpoint, &error))?;
        Ok(Http { client, endpoint, token, patience: options.patience.clone(), reached: Cell::new(false) })
    }

    /// The URL of `parts` below the endpoint, escaped as needed.
    pub(crate) fn url<'a>(&self, parts: impl IntoIterator<Item = &'a str>) -> Url {
        let mut url = self.endpoint.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(parts);
        }
        url
    }

    /// Sends a request and follows redirects until an answer satisfies `enough` or is none.
    ///
    /// The answer has a status that can be used: any other one is an error.
    pub(crate) fn send(
        &self,
        method: &Method,
        url: &Url,
        headers: &HeaderMap,
        enough: impl Fn(&Response) -> bool,
    ) -> Result<Response, HubError> {
        let mut url = url.clone();
        for _ in 0..=MAX_REDIRECTS {
            self.check_allowed(&url)?;
            let mut request = self.client.request(method.clone(), url.clone()).headers(headers.clone());
            if let Some(token) = self.token.as_ref().filter(|_| self.is_endpoint(&url)) {
                request = request.header(AUTHORIZATION, token.clone());
            }
            let response = request.send().map_err(|error| network(&url, &error))?;
            self.reached.set(true);
            if enough(&response) {
                return Ok(response);
            }
            if !response.status().is_redirection() {
                return self.check_status(&url, response);
            }
            url = target(&url, &response)?;
        }
        Err(HubError::Redirect { host: host(&url), reason: format!("more than {MAX_REDIRECTS} in a row") })
    }

    /// Reads the body of a small answer.
    pub(crate) fn small_body(&self, response: Response, limit: u64) -> Result<Vec<u8>, HubError> {
        let host = host(response.url());
        let mut bytes = Vec::new();
        match response.take(limit + 1).read_to_end(&mut bytes) {
            Ok(_) if bytes.len() as u64 > limit => {
                Err(HubError::Protocol { host, reason: format!("an answer of more than {limit} bytes") })
            }
            Ok(_) => Ok(bytes),
            Err(error) => Err(HubError::Network { host, reason: error.to_string() }),
        }
    }

    /// Runs `attempt` until it succeeds, fails for good, or has failed often enough.
    pub(crate) fn retry<T>(&self, mut attempt: impl FnMut() -> Result<T, HubError>) -> Result<T, HubError> {
        let mut failures = 0;
        loop {
            match attempt() {
                Err(error) if error.is_passing() => {
                    failures += 1;
                    self.wait(failures, error)?;
                }
                other => return other,
            }
        }
    }

    /// Waits before the next attempt; gives `error` back where there is to be none.
    pub(crate) fn wait(&self, failures: u32, error: HubError) -> Result<(), HubError> {
        let asked = match &error {
            HubError::RateLimited { seconds, .. } | HubError::Server { seconds, .. } => {
                Duration::from_secs(*seconds)
            }
            _ => Duration::ZERO,
        };
        let retries = if self.reached.get() { self.patience.retries } else { FIRST_CONTACT };
        if failures > retries || asked > self.patience.longest_wait {
            return Err(error);
        }
        tracing::debug!(failures, %error, "trying again");
        let doubled = self.patience.backoff.saturating_mul(1 << (failures - 1).min(16));
        std::thread::sleep(doubled.max(asked).min(self.patience.longest_wait));
        Ok(())
    }

    /// Whether `url` may be asked at all: https, and for the hub itself only hosts of its own. Plain HTTP
    /// is allowed on loopback when the endpoint is there too.
    fn check_allowed(&self, url: &Url) -> Result<(), HubError> {
        let refuse = |reason: &str| Err(HubError::Redirect { host: host(url), reason: reason.to_owned() });
        if !url.username().is_empty() || url.password().is_some() {
            return refuse("it carries a user name or a password");
        }
        let to_loopback = is_loopback(url);
        match url.scheme() {
            "http" | "https" if to_loopback && is_loopback(&self.endpoint) => Ok(()),
            _ if to_loopback => refuse("it leads to this machine"),
            "https" if !is_hub(&self.endpoint) || is_hub(url) => Ok(()),
            "https" => refuse("its host does not belong to the hub"),
            _ => refuse("it is not https"),
        }
    }

    fn is_endpoint(&self, url: &Url) -> bool {
        url.origin() == self.endpoint.origin()
    }

    fn check_status(&self, url: &Url, response: Response) -> Result<Response, HubError> {
        let status = response.status();
        let shown = || shown(url);
        let seconds = seconds(response.headers());
        let gated = response.headers().get("x-error-code").is_some_and(|code| code == "GatedRepo");
        match status {
            StatusCode::OK | StatusCode::PARTIAL_CONTENT | StatusCode::RANGE_NOT_SATISFIABLE => Ok(response),
            StatusCode::TOO_MANY_REQUESTS => {
                Err(HubError::RateLimited { host: host(url), seconds: seconds.unwrap_or(0) })
            }
            // A link to another host runs out after a while: the endpoint gives a new one.
            _ if !self.is_endpoint(url) || status.is_server_error() => Err(HubError::Server {
                host: host(url),
                status: status.as_u16(),
                seconds: seconds.unwrap_or(0),
            }),
            StatusCode::UNAUTHORIZED if !gated => Err(HubError::Unauthorized { url: shown() }),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Err(HubError::Forbidden { url: shown() }),
            StatusCode::NOT_FOUND | StatusCode::GONE => Err(HubError::NotFound { url: shown() }),
            _ => Err(HubError::Unexpected { host: host(url), status: status.as_u16() }),
        }
    }
}

fn parse_endpoint(text: &str) -> Result<Url, HubError> {
    let url = Url::parse(text).map_err(|_| malformed("HF_ENDPOINT", text, "it is not a URL"))?;
    let plain = url.username().is_empty() && url.password().is_none() && url.query().is_none();
    let safe = url.scheme() == "https" || (url.scheme() == "http" && is_loopback(&url));
    if !plain || url.host().is_none() {
        return Err(malformed(
            "HF_ENDPOINT",
            text,
            "it is written https://host, without user name and query",
        ));
    }
    if safe {
        Ok(url)
    } else {
        Err(malformed("HF_ENDPOINT", text, "it must be https, except on this machine"))
    }
}

fn authorization(token: &str) -> Result<HeaderValue, HubError> {
    let value = HeaderValue::try_from(format!("Bearer {token}"));
    let mut value =
        value.map_err(|_| malformed("HF_TOKEN", "...", "it contains characters that no token has"))?;
    value.set_sensitive(true);
    Ok(value)
}

fn target(url: &Url, response: &Response) -> Result<Url, HubError> {
    let location = response.headers().get(LOCATION).and_then(|value| value.to_str().ok());
    let next = location.and_then(|text| url.join(text).ok());
    next.ok_or_else(|| HubError::Redirect { host: host(url), reason: "it says not where to".to_owned() })
}

fn seconds(headers: &HeaderMap) -> Option<u64> {
    headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()
}

fn is_hub(url: &Url) -> bool {
    url.host_str().is_some_and(|host| {
        HUB_HOSTS
            .iter()
            .any(|hub| host == *hub || host.strip_suffix(hub).is_some_and(|rest| rest.ends_with('.')))
    })
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => {
            address.is_loopback() || address.to_ipv4_mapped().is_some_and(|address| address.is_loopback())
        }
        None => false,
    }
}

/// The host of `url`, for messages.
pub(crate) fn host(url: &Url) -> String {
    url.host_str().unwrap_or("?").to_owned()
}

/// `url` without its query: that may hold a signature.
pub(crate) fn shown(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    url.set_fragment(None);
    url.to_string()
}

fn network(url: &Url, error: &reqwest::Error) -> HubError {
    if error.is_timeout() && !error.is_connect() {
        return HubError::Stalled { host: host(url) };
    }
    // The innermost cause says most; the outer ones repeat the URL.
    let mut cause = error.source();
    let mut reason = "the connection failed".to_owned();
    while let Some(inner) = cause {
        reason = inner.to_string();
        cause = inner.source();
    }
    HubError::Network { host: host(url), reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn http(endpoint: &str) -> Result<Http, HubError> {
        Http::new(&PullOptions { endpoint: Some(endpoint.to_owned()), ..PullOptions::default() })
    }

    fn allowed(http: &Http, url: &str) -> bool {
        http.check_allowed(&url.parse().unwrap()).is_ok()
    }

    #[test]
    fn an_endpoint_is_https_or_on_this_machine() {
        for url in [
            "https://huggingface.co",
            "https://mirror.example/hf/",
            "http://127.0.0.1:8000",
            "http://[::1]:1",
        ] {
            assert!(http(url).is_ok(), "{url}");
        }
        for url in [
            "http://huggingface.co",
            "http://127.0.0.1.evil.example",
            "ftp://a",
            "a",
            "https://u:p@a",
            "https://a?b",
        ] {
            assert!(http(url).is_err(), "{url}");
        }
    }

    #[test]
    fn the_hub_redirects_to_its_own_hosts_only() {
        let hub = http("https://huggingface.co").unwrap();
        for url in [
            "https://huggingface.co/a",
            "https://cdn-lfs.huggingface.co/a",
            "https://cas-bridge.xethub.hf.co/a",
        ] {
            assert!(allowed(&hub, url), "{url}");
        }
        for url in [
            "http://huggingface.co/a",
            "https://evilhuggingface.co/",
            "https://hf.co.evil.example/",
            "https://127.0.0.1/",
            "http://127.0.0.1/",
            "https://localhost/",
            "https://[::ffff:127.0.0.1]/",
            "https://u@huggingface.co/",
            "file:///etc/passwd",
        ] {
            assert!(!allowed(&hub, url), "{url}");
        }
        let mirror = http("https://mirror.example").unwrap();
        assert!(
            allowed(&mirror, "https://storage.example/x") && !allowed(&mirror, "http://storage.example/x")
        );
        assert!(!allowed(&mirror, "http://127.0.0.1/"));
    }

    #[test]
    fn urls_are_built_from_parts() {
        let http = http("https://mirror.example/hf/").unwrap();
        let url = http.url(["a", "b", "resolve", "main", "x y?.gguf"]);
        assert_eq!(url.as_str(), "https://mirror.example/hf/a/b/resolve/main/x%20y%3F.gguf");
        assert_eq!(shown(&"https://a/b?Signature=c#d".parse().unwrap()), "https://a/b");
    }
}
