//! A server with a tiny real model, asked in the process or through a socket.

#![allow(dead_code, reason = "each test file uses a part of this")]

use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use engine::adapter::{Adapter, Loaded, Lora, Shape, Target, Tensor};
use engine::text::Message;
use engine::{Engine, EngineOptions, Event, Model, Request as Ask, Sampling};
use http_body_util::BodyExt;
use learn::adapters::{Base, Library, Manifest, NewAdapter};
use serde_json::Value;
use server::{AppState, Home, Limits, Server, ServerOptions, app};
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

/// A data folder that is deleted in the end, an engine, and an app over both.
pub(crate) struct Place {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) engine: Arc<Engine>,
    pub(crate) state: AppState,
    pub(crate) app: Router,
}

impl Place {
    pub(crate) fn new() -> Place {
        Place::with(None)
    }

    /// With the adapter that the server was started with.
    pub(crate) fn with(adapter: Option<&str>) -> Place {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let engine = engine(EngineOptions::default());
        let state = AppState::with_home(NAME, home(folder.path(), adapter));
        state.loaded(Arc::clone(&engine));
        let app = app(&ServerOptions::default(), PORT, state.clone());
        Place { folder, engine, state, app }
    }

    pub(crate) fn library(&self) -> Library {
        Library::open(self.folder.path()).expect("a folder for adapters")
    }

    /// Adds an adapter that changes answers.
    pub(crate) fn add(&self, name: &str, seed: u64) -> Manifest {
        self.add_for(base(), name, seed)
    }

    pub(crate) fn add_for(&self, base: Base, name: &str, seed: u64) -> Manifest {
        let (data, parent) = (None, None);
        let new = NewAdapter {
            name: name.into(),
            base,
            data,
            examples: None,
            recipe: Value::Null,
            parent,
            scores: Value::Null,
            run: None,
            files: Vec::new(),
        };
        self.library().add(new, &adapter(seed), model().config()).expect("a sound adapter")
    }
}

pub(crate) fn home(folder: &Path, adapter: Option<&str>) -> Home {
    Home {
        folder: folder.to_path_buf(),
        model: "tiny.gguf".into(),
        sha256: Some(base().sha256),
        adapter: adapter.map(str::to_owned),
        threads: Some(1),
    }
}

/// What adapters know the tiny model by.
pub(crate) fn base() -> Base {
    Base { name: NAME.into(), sha256: "a".repeat(64), architecture: "llama".into() }
}

/// Random factors, large enough to change answers.
pub(crate) fn adapter(seed: u64) -> Adapter {
    let model = model();
    let config = model.config();
    let shape = Shape { rank: 4, scale: 4.0, layers: 0..config.layers, targets: Target::ALL.to_vec() };
    let (first, second) = (Adapter::init(config, &shape, seed), Adapter::init(config, &shape, seed + 1000));
    let mut adapter = Adapter::empty(config.layers);
    for ((n, target, lora), (_, _, other)) in first.iter().zip(second.iter()) {
        let (inputs, outputs) = target.shape(config);
        let numbers: Vec<f32> =
            other.a.as_slice().iter().cycle().take(4 * outputs).map(|value| value * 3.0).collect();
        let (a, b) =
            (Tensor::from_slice(4, inputs, lora.a.as_slice()), Tensor::from_slice(4, outputs, &numbers));
        adapter.set(n, target, Lora { a, b, scale: 4.0 });
    }
    adapter
}

/// What a new engine alone answers to a message, greedily.
pub(crate) fn alone(text: &str, max_tokens: usize, adapter: Option<Adapter>) -> String {
    let engine = engine(EngineOptions::default());
    let message = Message { role: "user".into(), content: text.into() };
    let ask = Ask {
        prompt: engine.model().chat_prompt(&[message]).expect("a prompt"),
        max_tokens: Some(max_tokens),
        sampling: Sampling { temperature: 0.0, ..Sampling::default() },
        adapter: adapter.map(|adapter| Loaded::new("test", adapter)),
        ..Ask::default()
    };
    let text = |event| match event {
        Event::Token { text, .. } | Event::Done { text, .. } => text,
        _ => String::new(),
    };
    engine.generate(ask).expect("it fits").map(text).collect()
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
        let address = server.address().tcp().expect("an address");
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
