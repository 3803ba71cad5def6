//! The web UI's pages, and what the program around the server does for it.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use axum::Router;
use axum::body::Body;
use axum::http::{Method, StatusCode};
use common::{NAME, PORT, get, post, request, send, tiny_app};
use serde_json::json;
use server::{AppState, ModelShelf, Program, ProgramError, ServerOptions, SettingsEdit, SettingsObject, app};
use std::sync::{Arc, Mutex};
use tower::ServiceExt;

/// A program that writes down what it is asked for.
#[derive(Default)]
struct Asked(Mutex<Vec<String>>);

impl Asked {
    fn note(&self, what: &str, name: &str) -> Result<(), ProgramError> {
        self.0.lock().unwrap().push(format!("{what} {name}"));
        match name {
            "missing" => Err(ProgramError::NotFound("there is no missing".into())),
            "busy" => Err(ProgramError::Conflict("not now".into())),
            _ => Ok(()),
        }
    }
}

impl Program for Asked {
    fn models(&self) -> Result<ModelShelf, ProgramError> {
        Ok(ModelShelf {
            current: Some(NAME.to_owned()),
            starter: NAME.to_owned(),
            recommended: None,
            memory_bytes: 1,
            free_bytes: None,
            installed: Vec::new(),
            catalog: Vec::new(),
            pulls: Vec::new(),
        })
    }
    fn pull(&self, source: &str) -> Result<(), ProgramError> {
        self.note("pull", source)
    }
    fn stop_pull(&self, source: &str) -> Result<(), ProgramError> {
        self.note("stop", source)
    }
    fn use_model(&self, name: &str) -> Result<(), ProgramError> {
        self.note("use", name)
    }
    fn remove_model(&self, name: &str) -> Result<(), ProgramError> {
        self.note("remove", name)
    }
    fn settings(&self) -> Result<SettingsObject, ProgramError> {
        Err(ProgramError::Failed("no disk".into()))
    }
    fn change_settings(&self, edit: SettingsEdit) -> Result<(), ProgramError> {
        let message = "there are tavily and searxng".to_owned();
        let wrong = ProgramError::Invalid { field: "providers".into(), message };
        if edit.providers.is_some() { Err(wrong) } else { Ok(()) }
    }
}

fn around() -> (Arc<Asked>, Router) {
    let program = Arc::new(Asked::default());
    let state = AppState::new(NAME).with_program(program.clone());
    (program, app(&ServerOptions::default(), PORT, state))
}

#[tokio::test]
async fn every_page_is_the_same_file_and_needs_no_key() {
    let options =
        ServerOptions { api_key: Some("5f1d0c3be2a94786b7c9d0e1f2a3b4c5".into()), ..Default::default() };
    let app = app(&options, PORT, AppState::new(NAME));
    let page = async |path: &str| send(&app, request(Method::GET, path, Body::empty())).await;
    let (status, first) = page("/").await;
    assert_eq!(status, StatusCode::OK);
    for path in [
        "/c/01939c1f-7d3a-7a10-b0f2-5e0c6a1d2b3c",
        "/knowledge",
        "/rules",
        "/learning",
        "/models",
        "/settings",
    ] {
        assert_eq!(page(path).await, (StatusCode::OK, first.clone()), "{path}");
    }
    for path in ["/c/", "/c/a/b", "/assets/", "/nothing", "/api/chats", "/about"] {
        assert_eq!(page(path).await.0, StatusCode::UNAUTHORIZED, "{path}");
    }
}

/// Where the UI was built before the tests, it is whole: what its page names is there, typed, and may be cached.
#[tokio::test]
async fn what_the_page_names_is_there() {
    let app = tiny_app();
    let (_, page) = send(&app, request(Method::GET, "/", Body::empty())).await;
    if page.contains("The web UI is missing") {
        assert!(page.contains("npm run build"), "says how to build it");
        println!("skipped: web/dist was not built");
        return;
    }
    let names = page.split('"').filter(|text| text.starts_with("/assets/"));
    let mut seen = 0;
    for name in names {
        let response = app.clone().oneshot(request(Method::GET, name, Body::empty())).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK, "{name}");
        let header = |header: &str| response.headers()[header].to_str().unwrap().to_owned();
        let (kind, cache) = match name.rsplit('.').next() {
            Some("js") => ("text/javascript; charset=utf-8", "public, max-age=31536000, immutable"),
            Some("css") => ("text/css; charset=utf-8", "public, max-age=31536000, immutable"),
            _ => ("image/svg+xml", "no-store"),
        };
        assert_eq!(
            (header("content-type").as_str(), header("cache-control").as_str()),
            (kind, cache),
            "{name}"
        );
        seen += 1;
    }
    assert!(seen >= 3, "script, style and icon: {page}");
    assert!(
        !page.contains("<style") && !page.contains("http"),
        "nothing inline, nothing from elsewhere: {page}"
    );
    for path in ["/assets/none.js", "/assets/..%2findex.html", "/assets/%2e%2e%2findex.html"] {
        let (status, _) = send(&app, request(Method::GET, path, Body::empty())).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{path}");
    }
}

#[tokio::test]
async fn models_are_asked_of_the_program() {
    let (program, app) = around();
    let (status, shelf) = get(&app, "/api/models").await;
    assert_eq!((status, &shelf["current"]), (StatusCode::OK, &json!(NAME)));
    for (path, name, expected) in [
        ("/api/models/pull", "qwen2.5-coder-7b", StatusCode::ACCEPTED),
        ("/api/models/pull", "hf:owner/repo/file.gguf", StatusCode::ACCEPTED),
        ("/api/models/pull", "busy", StatusCode::CONFLICT),
        ("/api/models/stop", "qwen2.5-coder-7b", StatusCode::ACCEPTED),
        ("/api/models/stop", "missing", StatusCode::NOT_FOUND),
        ("/api/models/use", "small", StatusCode::ACCEPTED),
        ("/api/models/use", "missing", StatusCode::NOT_FOUND),
        ("/api/models/delete", "small", StatusCode::OK),
    ] {
        assert_eq!(post(&app, path, &json!({"name": name})).await.0, expected, "{path} {name}");
    }
    let asked = program.0.lock().unwrap().len();
    for name in ["", "/etc/passwd", "./a.gguf", "a.gguf", "../x", "~/x", "a/b", "C:\\x", "a\0b"] {
        for path in ["/api/models/pull", "/api/models/stop", "/api/models/use", "/api/models/delete"] {
            let (status, body) = post(&app, path, &json!({"name": name})).await;
            assert_eq!(status, StatusCode::BAD_REQUEST, "{path} {name:?}: {body}");
        }
    }
    assert_eq!(program.0.lock().unwrap().len(), asked, "no file of the machine is named to the program");
}

#[tokio::test]
async fn refusals_of_the_program_say_what_is_wrong() {
    let (_, app) = around();
    let (status, body) = get(&app, "/api/settings").await;
    assert_eq!((status, &body["error"]["message"]), (StatusCode::INTERNAL_SERVER_ERROR, &json!("no disk")));
    let (status, body) = post(&app, "/api/settings", &json!({"providers": ["other"]})).await;
    assert_eq!((status, &body["error"]["param"]), (StatusCode::BAD_REQUEST, &json!("providers")));
    let (status, body) = post(&app, "/api/settings", &json!({"colour": "red"})).await;
    assert_eq!(status, StatusCode::BAD_REQUEST, "{body}");
    let (status, body) = get(&tiny_app(), "/api/models").await;
    assert_eq!((status, &body["error"]["code"]), (StatusCode::NOT_FOUND, &json!("no_program")));
}

#[tokio::test]
async fn the_server_says_what_runs() {
    let (_, app) = around();
    let (_, loading) = get(&app, "/api/server").await;
    assert_eq!((&loading["state"], &loading["loaded"]), (&json!("loading"), &json!(null)));
    let (_, ready) = get(&tiny_app(), "/api/server").await;
    assert_eq!((&ready["state"], &ready["model"]), (&json!("ready"), &json!(NAME)));
    assert!(
        ready["context"].as_u64().unwrap() > 0 && ready["loaded"]["parameters"].as_u64().unwrap() > 0,
        "{ready}"
    );
}
