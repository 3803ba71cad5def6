//! The outermost layer: who may talk to this server at all.
//!
//! A web page that the user has open can send requests to this port. It cannot forge `Host`, `Origin` and
//! `Sec-Fetch-Site`, so these are compared with exact lists, on every path, before anything else happens.
//! Programs (`curl`, the OpenAI clients, editors) send neither `Origin` nor `Sec-Fetch-Site`.

use crate::error::ApiError;
use crate::key;
use crate::options::ServerOptions;
use crate::router::{Access, Route};
use axum::extract::{Request, State};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::net::SocketAddr;
use std::sync::Arc;
use store::By;

/// How a request came in.
#[derive(Clone, Copy)]
pub(crate) enum Arrival {
    /// Through this address of ours.
    Address(SocketAddr),
    /// Through the Unix socket, which no web page reaches.
    #[cfg_attr(not(unix), allow(dead_code, reason = "there are none"))]
    Socket,
}

impl Arrival {
    /// The server as it is called there, in `Host`.
    fn host(&self) -> String {
        match self {
            Arrival::Address(local) => SocketAddr::new(local.ip().to_canonical(), local.port()).to_string(),
            Arrival::Socket => "localhost".to_owned(),
        }
    }
}

/// The lists that a request is held to.
pub(crate) struct Gate {
    hosts: Vec<String>,
    origins: Vec<String>,
    /// A server that listens everywhere is also called by the address that the client connected to. A page
    /// cannot make use of it: a rebound name stands in `Host` as that name.
    everywhere: bool,
    key: Option<String>,
    open: Vec<(Method, &'static str)>,
}

tokio::task_local! {
    /// Who has sent the request that is being answered, for the audit log.
    static BY: By;
}

/// Who has sent the request that this task answers. Work that no request has asked for is the program's own API's.
pub(crate) fn by() -> By {
    BY.try_with(|by| *by).unwrap_or(By::Api)
}

/// Browsers say where a request comes from; programs do not.
fn who(headers: &HeaderMap) -> By {
    if headers.contains_key(&SITE) { By::Page } else { By::Api }
}

/// Lets a request in or answers it here; gives every answer the security headers.
pub(crate) async fn guard(State(gate): State<Arc<Gate>>, request: Request, next: Next) -> Response {
    let mut response = match gate.check(&request) {
        Ok(()) => {
            let by = who(request.headers());
            BY.scope(by, next.run(request)).await
        }
        Err(refusal) => refusal.into_response(),
    };
    secure(response.headers_mut());
    response
}

impl Gate {
    /// `port` is the one that is really bound.
    pub(crate) fn new(options: &ServerOptions, port: u16, routes: &[Route]) -> Gate {
        let mut hosts: Vec<String> =
            ["127.0.0.1", "localhost", "[::1]"].map(|name| format!("{name}:{port}")).into();
        if port == 80 {
            hosts.extend(["127.0.0.1", "localhost", "[::1]"].map(str::to_owned));
        }
        if !options.host.is_unspecified() {
            hosts.push(SocketAddr::new(options.host, port).to_string());
        }
        let mut origins: Vec<String> = hosts.iter().map(|host| format!("http://{host}")).collect();
        let named = options.allowed_hosts.iter().map(|host| host.to_ascii_lowercase());
        let with_port = |host: &String| host.parse::<Authority>().is_ok_and(|host| host.port().is_some());
        let both = |host: String| {
            let full = (!with_port(&host)).then(|| format!("{host}:{port}"));
            std::iter::once(host).chain(full)
        };
        for host in named.flat_map(both) {
            origins.extend([format!("http://{host}"), format!("https://{host}")]);
            hosts.push(host);
        }
        let open = routes.iter().filter(|r| r.access == Access::Open).map(|r| (r.method.clone(), r.path));
        Gate {
            hosts,
            origins,
            everywhere: options.host.is_unspecified(),
            key: options.api_key.clone(),
            open: open.collect(),
        }
    }

    fn check(&self, request: &Request) -> Result<(), ApiError> {
        self.check_host(request)?;
        self.check_origin(request.headers())?;
        check_site(request.headers())?;
        self.check_key(request)?;
        check_content_type(request)
    }

    fn check_host(&self, request: &Request) -> Result<(), ApiError> {
        let arrival = request.extensions().get::<Arrival>();
        let local = arrival.filter(|arrival| self.everywhere || matches!(arrival, Arrival::Socket));
        let local = local.map(Arrival::host);
        let known = |host: &str| {
            let host = host.to_ascii_lowercase();
            self.hosts.contains(&host) || local.as_ref() == Some(&host)
        };
        let header = only(request.headers(), &header::HOST);
        // `GET http://other/path` names a host of its own; both have to be ours.
        let target = request.uri().authority().is_none_or(|authority| known(authority.as_str()));
        if target && header.is_some_and(known) {
            return Ok(());
        }
        Err(ApiError::forbidden(
            "host_not_allowed",
            "the Host header is not a name of this server; use http://127.0.0.1 and the port, \
             or start it with this host allowed",
        ))
    }

    fn check_origin(&self, headers: &HeaderMap) -> Result<(), ApiError> {
        if !headers.contains_key(header::ORIGIN) {
            return Ok(());
        }
        match only(headers, &header::ORIGIN) {
            Some(origin) if self.origins.iter().any(|own| own == origin) => Ok(()),
            _ => Err(ApiError::forbidden("origin_not_allowed", "other web pages may not use this server")),
        }
    }

    fn check_key(&self, request: &Request) -> Result<(), ApiError> {
        let Some(key) = &self.key else { return Ok(()) };
        let open = self
            .open
            .iter()
            .any(|(method, path)| method == request.method() && is_path(path, request.uri().path()));
        let mut sent = request.headers().get_all(header::AUTHORIZATION).iter();
        let right = match (sent.next(), sent.next()) {
            (Some(value), None) => key::matches(value.as_bytes(), key),
            _ => false,
        };
        if open || right { Ok(()) } else { Err(ApiError::unauthorized()) }
    }
}

/// Whether a path is one of the table's, in which `{name}` stands for one segment.
fn is_path(pattern: &str, path: &str) -> bool {
    let same = |(wanted, segment): (&str, &str)| {
        wanted == segment || (wanted.starts_with('{') && !segment.is_empty())
    };
    pattern.split('/').count() == path.split('/').count() && pattern.split('/').zip(path.split('/')).all(same)
}

const SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// What a browser says about where a request comes from.
fn check_site(headers: &HeaderMap) -> Result<(), ApiError> {
    if !headers.contains_key(&SITE) || matches!(only(headers, &SITE), Some("same-origin" | "none")) {
        return Ok(());
    }
    Err(ApiError::forbidden("cross_site", "other web pages may not use this server"))
}

/// A form or a plain `fetch` of another page cannot send this type without asking first.
fn check_content_type(request: &Request) -> Result<(), ApiError> {
    if matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS) {
        return Ok(());
    }
    let essence = only(request.headers(), &header::CONTENT_TYPE).and_then(|value| value.split(';').next());
    match essence {
        Some(essence) if essence.trim().eq_ignore_ascii_case("application/json") => Ok(()),
        _ => Err(ApiError::not_json()),
    }
}

/// The header's value, if it was sent exactly once and is text.
fn only<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().ok(),
        _ => None,
    }
}

/// Nothing from elsewhere, nothing inline, no frame; no cache either, but for the UI's scripts, which say otherwise.
const SECURITY_HEADERS: [(HeaderName, &str); 5] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; \
         connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'; object-src 'none'; \
         require-trusted-types-for 'script'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

fn secure(headers: &mut HeaderMap) {
    for (name, value) in SECURITY_HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
}
