//! Who is let in: every route × host × origin × site × method × type × key, as a table of its own says.
//! The routes come from the router, so that a route added later is tested too.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use common::{NAME, PORT, engine, loaded};
use engine::EngineOptions;
use server::{Access, ServerOptions, app, routes};
use tower::ServiceExt;

const KEY: &str = "5f1d0c3be2a94786b7c9d0e1f2a3b4c5";

/// A header's value and whether it is allowed. `None`: the header is not sent.
type Case = (Option<&'static str>, bool);

const HOSTS: [Case; 17] = [
    (Some("127.0.0.1:4663"), true),
    (Some("localhost:4663"), true),
    (Some("LocalHost:4663"), true),
    (Some("[::1]:4663"), true),
    (Some("hone.lan:4663"), true), // allowed by the options of this test
    (None, false),
    (Some(""), false),
    (Some("localhost"), false),
    (Some("localhost:80"), false),
    (Some("localhost:46630"), false),
    (Some("localhost.:4663"), false),
    (Some("127.0.0.1.evil.example:4663"), false),
    (Some("evil.example:4663"), false),
    (Some("0.0.0.0:4663"), false),
    (Some("192.168.1.5:4663"), false),
    (Some("127.1:4663"), false),
    (Some("user@127.0.0.1:4663"), false),
];

const ORIGINS: [Case; 12] = [
    (None, true),
    (Some("http://127.0.0.1:4663"), true),
    (Some("http://localhost:4663"), true),
    (Some("https://hone.lan:4663"), true),
    (Some("null"), false),
    (Some(""), false),
    (Some("http://evil.example"), false),
    (Some("http://localhost:3000"), false),
    (Some("http://localhost"), false),
    (Some("https://localhost:4663"), false),
    (Some("http://localhost:4663.evil.example"), false),
    (Some("file://"), false),
];

const SITES: [Case; 6] = [
    (None, true),
    (Some("same-origin"), true),
    (Some("none"), true),
    (Some("same-site"), false),
    (Some("cross-site"), false),
    (Some("anything"), false),
];

const TYPES: [Case; 8] = [
    (Some("application/json"), true),
    (Some("application/json; charset=utf-8"), true),
    (None, false),
    (Some("text/plain"), false),
    (Some("application/x-www-form-urlencoded"), false),
    (Some("multipart/form-data; boundary=x"), false),
    (Some("application/json, text/plain"), false),
    (Some("text/plain; application/json"), false),
];

const KEYS: [Case; 4] = [
    (Some("Bearer 5f1d0c3be2a94786b7c9d0e1f2a3b4c5"), true),
    (None, false),
    (Some("Bearer 5f1d0c3be2a94786b7c9d0e1f2a3b4c4"), false),
    (Some("Basic 5f1d0c3be2a94786b7c9d0e1f2a3b4c5"), false),
];

const METHODS: [&str; 9] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PURGE"];

/// One request of the matrix.
struct Ask<'a> {
    path: &'a str,
    method: &'a str,
    open: bool,
    host: Case,
    origin: Case,
    site: Case,
    kind: Case,
    key: Case,
}

impl Ask<'_> {
    /// What the gate must say; `None`: it lets the request through.
    fn expected(&self, has_key: bool) -> Option<StatusCode> {
        if !(self.host.1 && self.origin.1 && self.site.1) {
            return Some(StatusCode::FORBIDDEN);
        }
        if has_key && !self.key.1 && !self.open {
            return Some(StatusCode::UNAUTHORIZED);
        }
        let reads = ["GET", "HEAD", "OPTIONS"].contains(&self.method);
        (!reads && !self.kind.1).then_some(StatusCode::UNSUPPORTED_MEDIA_TYPE)
    }

    fn request(&self) -> Request<Body> {
        let headers = [
            ("host", self.host.0),
            ("origin", self.origin.0),
            ("sec-fetch-site", self.site.0),
            ("content-type", self.kind.0),
            ("authorization", self.key.0),
        ];
        let mut request = Request::builder().method(self.method).uri(self.path);
        for (name, value) in headers.into_iter().filter_map(|(name, value)| Some((name, value?))) {
            request = request.header(name, value);
        }
        request.body(Body::from("{}")).unwrap()
    }
}

fn guarded(api_key: Option<&str>) -> (ServerOptions, Router) {
    let options = ServerOptions {
        api_key: api_key.map(str::to_owned),
        allowed_hosts: vec!["Hone.lan:4663".to_owned()],
        ..ServerOptions::default()
    };
    let app = app(&options, PORT, loaded(&engine(EngineOptions::default())));
    (options, app)
}

/// An id that no row has.
const ROW: &str = "0193f000-0000-7000-8000-000000000000";

/// Every route of the table, one that is not in it, and who may use it.
fn paths() -> Vec<(String, String, bool)> {
    let routes = routes();
    let mut paths: Vec<_> = routes
        .iter()
        .map(|route| {
            let path = route.path.replace("{model}", NAME).replace("{run}", "20261124-031500-4f2a");
            let path = path.replace("{file}", "none.js").replace("{adapter}", "none");
            let rows = ["{chat}", "{turn}", "{message}", "{rule}", "{job}", "{feedback}"];
            let path = rows.iter().fold(path, |path, row| path.replace(row, ROW));
            assert!(!path.contains('{'), "the test does not know how to fill {path}");
            (path, route.method.to_string(), route.access == Access::Open)
        })
        .collect();
    paths.push(("/nothing/here".to_owned(), "GET".to_owned(), false));
    paths
}

/// Sends one request and holds the answer to the table.
async fn check(app: &Router, ask: &Ask<'_>, has_key: bool) {
    let what = format!(
        "{} {} host={:?} origin={:?} site={:?} type={:?} key={:?}",
        ask.method, ask.path, ask.host.0, ask.origin.0, ask.site.0, ask.kind.0, ask.key.0
    );
    let response = app.clone().oneshot(ask.request()).await.unwrap();
    let (status, headers) = (response.status(), response.headers());
    let refused = [StatusCode::FORBIDDEN, StatusCode::UNAUTHORIZED, StatusCode::UNSUPPORTED_MEDIA_TYPE];
    assert_eq!(refused.contains(&status).then_some(status), ask.expected(has_key), "{what}");
    for (name, value) in headers {
        assert!(!name.as_str().starts_with("access-control-"), "{what} sent {name}: {value:?}");
    }
    let policy = headers["content-security-policy"].to_str().unwrap();
    assert!(
        policy.starts_with("default-src 'none'; script-src 'self'") && !policy.contains("unsafe"),
        "{what}"
    );
    for (name, value) in [
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
        ("cache-control", "no-store"),
    ] {
        assert_eq!(headers[name], value, "{what}");
    }
}

#[tokio::test]
async fn the_gate_is_as_the_table_says_without_a_key() {
    let (_, app) = guarded(None);
    let mut asked = 0;
    for (path, own, _) in &paths() {
        for method in METHODS {
            for host in HOSTS {
                for origin in ORIGINS {
                    for site in SITES {
                        for kind in TYPES {
                            let ask =
                                Ask { path, method, open: true, host, origin, site, kind, key: (None, true) };
                            check(&app, &ask, false).await;
                            asked += 1;
                        }
                    }
                }
            }
        }
        assert!(METHODS.contains(&own.as_str()), "the matrix must include {own}");
    }
    println!("{asked} requests");
}

#[tokio::test]
async fn the_gate_is_as_the_table_says_with_a_key() {
    let (options, app) = guarded(Some(KEY));
    assert_eq!(options.api_key.as_deref(), Some(KEY));
    let mut asked = 0;
    for (path, own, is_open) in &paths() {
        for method in METHODS {
            // HEAD of an open route is not in the table, so it needs the key.
            let open = *is_open && method == own;
            for host in [HOSTS[0], HOSTS[11]] {
                for origin in [ORIGINS[0], ORIGINS[4]] {
                    for kind in [TYPES[0], TYPES[3]] {
                        for key in KEYS {
                            let ask = Ask { path, method, open, host, origin, site: SITES[0], kind, key };
                            check(&app, &ask, true).await;
                            asked += 1;
                        }
                    }
                }
            }
        }
    }
    println!("{asked} requests");
}

#[tokio::test]
async fn a_header_sent_twice_is_refused() {
    let (_, app) = guarded(Some(KEY));
    let base = || Request::get("/v1/models").header("host", "127.0.0.1:4663");
    let authorised = || base().header("authorization", format!("Bearer {KEY}"));
    let status = async |request: axum::http::request::Builder| {
        app.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap().status()
    };
    assert_eq!(status(authorised()).await, StatusCode::OK, "the control");
    assert_eq!(status(authorised().header("host", "127.0.0.1:4663")).await, StatusCode::FORBIDDEN);
    let twice =
        authorised().header("origin", "http://localhost:4663").header("origin", "http://evil.example");
    assert_eq!(status(twice).await, StatusCode::FORBIDDEN);
    let twice = authorised().header("sec-fetch-site", "none").header("sec-fetch-site", "cross-site");
    assert_eq!(status(twice).await, StatusCode::FORBIDDEN);
    let twice = authorised().header("authorization", "Bearer other");
    assert_eq!(status(twice).await, StatusCode::UNAUTHORIZED);
    let absolute = Request::get("http://evil.example/v1/models")
        .header("host", "127.0.0.1:4663")
        .header("authorization", format!("Bearer {KEY}"));
    assert_eq!(status(absolute).await, StatusCode::FORBIDDEN, "the request line names another host");
}

#[tokio::test]
async fn get_changes_nothing() {
    let engine = engine(EngineOptions::default());
    let app = app(&ServerOptions::default(), PORT, loaded(&engine));
    let before = engine.stats();
    for (path, ..) in paths() {
        let query = "?q=hello&prompt=hello&messages=%5B%7B%22role%22%3A%22user%22%7D%5D&stream=true";
        common::get(&app, &format!("{path}{query}")).await;
    }
    assert_eq!(engine.stats().requests_total, before.requests_total);
}

#[tokio::test]
async fn a_public_address_needs_a_strong_key() {
    let public = |api_key: Option<&str>| ServerOptions {
        host: "0.0.0.0".parse().unwrap(),
        port: 0,
        api_key: api_key.map(str::to_owned),
        ..ServerOptions::default()
    };
    for weak in [None, Some("hunter2"), Some("0123456789abcdef"), Some("")] {
        let error = server::Server::bind(public(weak)).await.err().expect("refused").to_string();
        assert!(error.contains("openssl rand"), "says how to make one: {error}");
        if let Some(weak) = weak.filter(|key| !key.is_empty()) {
            assert!(!error.contains(weak), "{error}");
        }
    }
    assert!(server::Server::bind(public(Some(KEY))).await.is_ok());
}

/// Linux answers on all of 127.0.0.0/8, so that there is an address besides the usual one.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_server_is_called_by_the_addresses_that_it_listens_on() {
    use tokio::io::AsyncWriteExt;
    for (listen, call, other) in [
        ("0.0.0.0", "127.0.0.2", "127.0.0.3"),
        ("::", "127.0.0.2", "127.0.0.3"),
        ("127.0.0.2", "127.0.0.2", "127.0.0.3"),
    ] {
        let options = ServerOptions {
            host: listen.parse().unwrap(),
            port: 0,
            api_key: Some(KEY.to_owned()),
            ..ServerOptions::default()
        };
        let Ok(server) = server::Server::bind(options).await else { continue }; // there may be no IPv6 here
        let port = server.address().port();
        let running =
            tokio::spawn(server.run(loaded(&engine(EngineOptions::default())), std::future::pending()));
        for (host, expected) in
            [(call, "HTTP/1.1 200"), (other, "HTTP/1.1 403"), ("evil.example", "HTTP/1.1 403")]
        {
            let mut stream = tokio::net::TcpStream::connect((call, port)).await.unwrap();
            let request = format!("GET /health HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n");
            stream.write_all(request.as_bytes()).await.unwrap();
            let reply = common::read_all(&mut stream).await;
            assert!(reply.starts_with(expected), "{listen} called {host}: {reply}");
        }
        running.abort();
    }
}
