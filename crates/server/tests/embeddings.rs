//! `/v1/embeddings` as a client sees it, answered by the real model where it has been fetched.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test fails by panicking")]

mod common;

use axum::Router;
use common::{PORT, engine, loaded, post};
use engine::EngineOptions;
use engine::embed::{Options, TextEncoder};
use serde_json::{Value, json};
use server::{AppState, ServerOptions, app};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

const PATH: &str = "/v1/embeddings";
const MODEL: &str = "all-minilm-l6-v2";

fn model() -> Option<PathBuf> {
    let cached = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.cache/models/all-minilm-l6-v2");
    let path = std::env::var_os("HONE_TEST_EMBEDDING").map_or(cached, PathBuf::from);
    if path.join("model.safetensors").is_file() {
        return Some(path);
    }
    println!("skipped: no embedding model at {}; set HONE_TEST_EMBEDDING", path.display());
    None
}

fn router(state: AppState) -> Router {
    app(&ServerOptions::default(), PORT, state)
}

fn serving(path: PathBuf) -> Router {
    // The chat model need not be loaded.
    let state = AppState::new("tiny");
    state.embed_with(MODEL, move || {
        let options = Options { threads: Some(1), ..Options::default() };
        TextEncoder::open(&path, options).map(Arc::new).map_err(|error| error.to_string())
    });
    router(state)
}

fn vector(reply: &Value, index: usize) -> Vec<f32> {
    assert_eq!(reply["data"][index]["index"], index, "{reply}");
    let numbers = reply["data"][index]["embedding"].as_array().unwrap();
    numbers.iter().map(|n| n.as_f64().unwrap() as f32).collect()
}

#[tokio::test]
async fn texts_and_tokens_become_vectors() {
    let Some(path) = model() else { return };
    let encoder = TextEncoder::open(&path, Options { threads: Some(1), ..Options::default() }).unwrap();
    let router = serving(path);
    let (status, one) = post(&router, PATH, &json!({"model": MODEL, "input": "Hello, world!"})).await;
    assert_eq!(status, 200, "{one}");
    assert_eq!((&one["object"], &one["model"]), (&json!("list"), &json!(MODEL)));
    // [CLS] hello , world ! [SEP]
    assert_eq!(one["usage"], json!({"prompt_tokens": 6, "total_tokens": 6}));
    assert_eq!(vector(&one, 0), encoder.embed(&["Hello, world!"])[0]);
    let (_, tokens) = post(&router, PATH, &json!({"model": MODEL, "input": [7592, 1010, 2088, 999]})).await;
    assert_eq!(tokens["data"], one["data"]);
    let (_, several) =
        post(&router, PATH, &json!({"model": MODEL, "input": ["a", "b", "c"], "dimensions": 384})).await;
    assert_eq!(several["data"].as_array().unwrap().len(), 3);
    assert_eq!(vector(&several, 2), encoder.embed(&["a", "b", "c"])[2]);
}

#[tokio::test]
async fn what_cannot_be_done_is_refused() {
    let Some(path) = model() else { return };
    let router = serving(path);
    let long = "word ".repeat(1000);
    for (more, code, param) in [
        (json!({"input": long}), "context_length_exceeded", "input"),
        (json!({"input": [30_522]}), "invalid_value", "input"),
        (json!({"input": ""}), "invalid_value", "input"),
        (json!({"input": []}), "invalid_value", "input"),
        (json!({"input": {"a": 1}}), "invalid_value", "input"),
        (json!({"input": vec!["a"; 2049]}), "invalid_value", "input"),
        (json!({"input": "a", "dimensions": 128}), "unsupported_parameter", "dimensions"),
        (json!({"input": "a", "encoding_format": "hex"}), "invalid_value", "encoding_format"),
        (json!({"input": "a", "model": "text-embedding-3-small"}), "model_not_found", "model"),
    ] {
        let mut body = json!({"model": MODEL});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let (status, reply) = post(&router, PATH, &body).await;
        let error = &reply["error"];
        assert!(status.is_client_error(), "{reply}");
        assert_eq!((&error["code"], &error["param"]), (&json!(code), &json!(param)), "{reply}");
    }
    let (status, cut) = post(&router, PATH, &json!({"model": MODEL, "input": long, "truncate": true})).await;
    assert_eq!((status.as_u16(), &cut["usage"]["prompt_tokens"]), (200, &json!(256)));
}

#[tokio::test]
async fn a_model_that_is_missing_says_what_to_do_and_is_looked_for_again() {
    let ask = json!({"model": MODEL, "input": "a"});
    let (status, reply) = post(&router(loaded(&engine(EngineOptions::default()))), PATH, &ask).await;
    assert_eq!((status.as_u16(), &reply["error"]["code"]), (404, &json!("model_not_found")), "{reply}");
    let (state, tries) = (AppState::new("tiny"), Arc::new(AtomicUsize::new(0)));
    let counted = Arc::clone(&tries);
    state.embed_with(MODEL, move || {
        counted.fetch_add(1, Ordering::Relaxed);
        Err("run `hone pull all-minilm-l6-v2`".to_owned())
    });
    let router = router(state);
    for _ in 0..2 {
        let (status, reply) = post(&router, PATH, &ask).await;
        assert_eq!(status, 404);
        assert!(reply["error"]["message"].as_str().unwrap().contains("hone pull"), "{reply}");
    }
    assert_eq!(tries.load(Ordering::Relaxed), 2);
}
