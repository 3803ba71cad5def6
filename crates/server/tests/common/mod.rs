//! A server with a tiny real model, asked in the process or through a socket.

#![allow(dead_code, reason = "each test file uses a part of this")]

use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use engine::{Engine, EngineOptions, Model};
use http_body_util::BodyExt;
use serde_json::Value;
use server::{AppState, Limits, Server, ServerOptions, app};
use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, LazyLock};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tower::ServiceExt;

/// The public name of the tiny model.
pub(crate) const NAME: &str = "tiny";
/// More context than the fixture was made for: its answers mean nothing anyway.
const CONTEXT: u32 = 2048;
/// The port that in-process requests pretend to come through.
pub(crate) const PORT: u16 = 4663;

/// A tiny model with random weights: its answers make no sense, and everything about them is real.
pub(crate) fn model() -> Arc<Model> {
    static MODEL: LazyLock<Arc<Model>> = LazyLock::new(|| {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../engine/tests/fixtures/models/llama.gguf");
        let mut bytes = std::fs::read(path).expect("the fixture is there");
        let key = b"llama.context_length";
        let at = bytes.windows(key.len()).position(|window| window == key).expect("it has a context");
        let value = at + key.len() + 4; // behind the type of the value
        bytes[value..value + 4].copy_from_slice(&CONTEXT.to_le_bytes());
        let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
        file.write_all(&bytes).expect("room for a small file");
        Arc::new(Model::open(file.path()).expect("the fixture is a good file"))
    });
    Arc::clone(&MODEL)
}

/// An engine that computes with one thread.
pub(crate) fn engine(options: EngineOptions) -> Arc<Engine> {
    Arc::new(
        Engine::start(model(), EngineOptions { threads: Some(1), ..options }).expect("the engine starts"),
    )
}

/// A state with a loaded engine.
pub(crate) fn loaded(engine: &Arc<Engine>) -> AppState {
    let state = AppState::new(NAME);
    state.loaded(Arc::clone(engine));
    state
}

/// An app with a loaded engine.
pub(crate) fn tiny_app() -> Router {
    app(&ServerOptions::default(), PORT, loaded(&engine(EngineOptions::default())))
}

/// A request as a program sends it.
pub(crate) fn request(method: Method, path: &str, body: impl Into<Body>) -> Request<Body> {
    Request::builder()
        .method(method)
        .uri(path)
        .header("host", format!("127.0.0.1:{PORT}"))
        .header("content-type", "application/json")
        .body(body.into())
        .expect("a well-formed request")
}

/// Status and text of the answer to any request.
pub(crate) async fn send(app: &Router, request: Request<Body>) -> (StatusCode, String) {
    let response = app.clone().oneshot(request).await.expect("the service does not fail");
    let status = response.status();
    let body = response.into_body().collect().await.expect("a complete body").to_bytes();
    (status, String::from_utf8(body.into()).expect("UTF-8"))
}

/// Status and JSON of the answer to a `GET`.
pub(crate) async fn get(app: &Router, path: &str) -> (StatusCode, Value) {
    let (status, text) = send(app, request(Method::GET, path, Body::empty())).await;
    (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
}

/// Status and JSON of the answer to a `POST`.
pub(crate) async fn post(app: &Router, path: &str, body: &Value) -> (StatusCode, Value) {
    let (status, text) = send(app, request(Method::POST, path, body.to_string())).await;
    (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
}

/// The JSON of a `POST` that must succeed.
pub(crate) async fn ok(app: &Router, path: &str, body: &Value) -> Value {
    let (status, reply) = post(app, path, body).await;
    assert_eq!(status, StatusCode::OK, "{path} {body} gave {reply}");
    reply
}

/// The chunks of a streamed answer, without the closing `[DONE]`, which must be there.
pub(crate) async fn chunks(app: &Router, path: &str, body: &Value) -> Vec<Value> {
    let (status, text) = send(app, request(Method::POST, path, body.to_string())).await;
    assert_eq!(status, StatusCode::OK, "{text}");
    let mut events: Vec<&str> =
        text.split_terminator("\n\n").filter(|event| !event.starts_with(':')).collect();
    assert_eq!(events.pop(), Some("data: [DONE]"));
    let json =
        |event: &&str| serde_json::from_str(event.strip_prefix("data: ").expect("an event")).expect("JSON");
    events.iter().map(json).collect()
}

/// A server on a free port of this machine.
pub(crate) struct Live {
    pub(crate) address: SocketAddr,
    pub(crate) engine: Arc<Engine>,
    stop: Option<oneshot::Sender<()>>,
    running: JoinHandle<()>,
}

impl Live {
    /// Starts one with the tiny model.
    pub(crate) async fn start(engine: EngineOptions, limits: Limits) -> Live {
        let engine = self::engine(engine);
        let options = ServerOptions { port: 0, limits, ..ServerOptions::default() };
        let server = Server::bind(options).await.expect("a free port");
        let address = server.address();
        let (stop, stopped) = oneshot::channel::<()>();
        let running = tokio::spawn(server.run(loaded(&engine), async { drop(stopped.await) }));
        Live { address, engine, stop: Some(stop), running }
    }

    /// A new connection.
    pub(crate) async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.expect("the server listens")
    }

    /// A new connection that has sent `bytes`.
    pub(crate) async fn sent(&self, bytes: &[u8]) -> TcpStream {
        let mut stream = self.connect().await;
        stream.write_all(bytes).await.expect("the server reads");
        stream
    }

    /// The head of a request to this server.
    pub(crate) fn head(&self, method: &str, path: &str, more: &str) -> String {
        format!("{method} {path} HTTP/1.1\r\nHost: {}\r\n{more}\r\n", self.address)
    }

    /// A whole `POST`.
    pub(crate) fn post(&self, path: &str, body: &Value) -> Vec<u8> {
        let body = body.to_string();
        let more = format!("Content-Type: application/json\r\nContent-Length: {}\r\n", body.len());
        [self.head("POST", path, &more).as_bytes(), body.as_bytes()].concat()
    }

    /// Asks for the health of the server through a new connection.
    pub(crate) async fn is_healthy(&self) -> bool {
        let mut stream = self.sent(self.head("GET", "/health", "Connection: close\r\n").as_bytes()).await;
        read_all(&mut stream).await.starts_with("HTTP/1.1 200")
    }

    /// Stops it as Ctrl-C does, and waits until it has.
    pub(crate) async fn stop(mut self) {
        drop(self.stop.take());
        self.running.await.expect("the server does not panic");
    }
}

/// Everything until the server closes the connection.
pub(crate) async fn read_all(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    // A reset instead of an orderly end is an end as well.
    let _ = stream.read_to_end(&mut bytes).await;
    String::from_utf8_lossy(&bytes).into_owned()
}

/// What has arrived once `bytes` contain `marker`.
pub(crate) async fn read_until(stream: &mut TcpStream, marker: &str) -> String {
    let (mut text, mut buffer) = (String::new(), vec![0; 8192]);
    while !text.contains(marker) {
        match stream.read(&mut buffer).await.expect("the connection is open") {
            0 => panic!("the connection ended before {marker:?}: {text}"),
            n => text.push_str(&String::from_utf8_lossy(&buffer[..n])),
        }
    }
    text
}
