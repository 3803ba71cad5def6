//! The API document: complete, true, and readable without anything from elsewhere.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use axum::body::Body;
use axum::http::Method;
use common::{NAME, get, post, request, send, tiny_app};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Pages for people, which the document leaves out.
const PAGES: [&str; 11] = [
    "/",
    "/c/{chat}",
    "/knowledge",
    "/rules",
    "/learning",
    "/models",
    "/settings",
    "/assets/{file}",
    "/about",
    "/docs",
    "/style.css",
];

fn document() -> Value {
    serde_json::to_value(server::openapi_document()).unwrap()
}

/// Every `$ref` below a value.
fn references(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            found.extend(fields.get("$ref").and_then(Value::as_str).map(str::to_owned));
            fields.values().for_each(|value| references(value, found));
        }
        Value::Array(items) => items.iter().for_each(|value| references(value, found)),
        _ => {}
    }
}

#[tokio::test]
async fn it_has_every_route_and_no_other() {
    let (_, served) = get(&tiny_app(), "/openapi.json").await;
    assert_eq!(served, document());
    let mut documented = BTreeSet::new();
    for (path, methods) in served["paths"].as_object().unwrap() {
        documented
            .extend(methods.as_object().unwrap().keys().map(|method| (path.clone(), method.to_uppercase())));
    }
    let routes = server::routes();
    let own = routes.iter().filter(|route| !PAGES.contains(&route.path));
    assert_eq!(documented, own.map(|route| (route.path.to_owned(), route.method.to_string())).collect());
}

#[test]
fn every_reference_is_defined_and_everything_is_described() {
    let document = document();
    let mut found = BTreeSet::new();
    references(&document, &mut found);
    assert!(found.len() > 10);
    for reference in found {
        let pointer = reference.strip_prefix('#').expect("a local reference");
        assert!(document.pointer(pointer).is_some(), "{reference}");
    }
    for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
        assert!(schema["description"].is_string(), "{name}");
        for (field, about) in schema["properties"].as_object().into_iter().flatten() {
            let described =
                about["description"].is_string() || about["$ref"].is_string() || about["oneOf"].is_array();
            assert!(described, "{name}.{field}: {about}");
        }
    }
}

/// The properties of a request, with those of the structs that are flattened into it.
fn properties(document: &Value, name: &str) -> Vec<(String, Value)> {
    fn collect(document: &Value, schema: &Value, into: &mut Vec<(String, Value)>) {
        if let Some(reference) = schema["$ref"].as_str() {
            collect(document, document.pointer(&reference[1..]).unwrap(), into);
        }
        into.extend(
            schema["properties"].as_object().into_iter().flatten().map(|(n, v)| (n.clone(), v.clone())),
        );
        schema["allOf"].as_array().into_iter().flatten().for_each(|part| collect(document, part, into));
    }
    let mut all = Vec::new();
    collect(document, &document["components"]["schemas"][name], &mut all);
    all
}

#[tokio::test]
async fn its_ranges_are_the_ones_that_are_checked() {
    let (app, document) = (tiny_app(), document());
    let chat =
        json!({"messages": [{"role": "user", "content": "x"}], "max_completion_tokens": 1, "logprobs": true});
    let text = json!({"prompt": "x", "max_tokens": 1});
    let mut checked = 0;
    for (path, name, base) in
        [("/v1/chat/completions", "ChatRequest", chat), ("/v1/completions", "CompletionRequest", text)]
    {
        for (field, about) in properties(&document, name) {
            let step = if about["type"].to_string().contains("integer") { 1.0 } else { 0.01 };
            for (bound, outside) in [("minimum", -step), ("maximum", step)] {
                let Some(limit) = about[bound].as_f64() else { continue };
                let number = |value: f64| if step == 1.0 { json!(value as i64) } else { json!(value) };
                let with = |value: f64| {
                    let mut body = base.clone();
                    body[&field] = number(value);
                    body
                };
                let (status, reply) = post(&app, path, &with(limit + outside)).await;
                assert_eq!(status, 400, "{name}.{field} beyond its {bound}: {reply}");
                assert_eq!(reply["error"]["param"], field, "{reply}");
                let (status, reply) = post(&app, path, &with(limit)).await;
                let large = reply["error"]["code"] == "context_length_exceeded";
                assert!(status == 200 || large, "{name}.{field} at its {bound}: {reply}");
                checked += 1;
            }
        }
    }
    assert!(checked >= 30, "{checked} bounds");
}

#[tokio::test]
async fn pages_need_nothing_from_elsewhere() {
    let app = tiny_app();
    for path in ["/about", "/docs"] {
        let (status, page) = send(&app, request(Method::GET, path, Body::empty())).await;
        assert_eq!(status, 200);
        for forbidden in
            ["<script", "style=", "onclick", "onload", "javascript:", "<iframe", "<form", "<img", "@import"]
        {
            assert!(!page.contains(forbidden), "{path} has {forbidden}");
        }
        let targets = page
            .split(['"', '\''])
            .filter(|text| text.starts_with("http://") || text.starts_with("https://"));
        let links: Vec<&str> = targets.filter(|target| page.contains(&format!("href=\"{target}"))).collect();
        assert!(links.is_empty(), "{path} links to {links:?}");
        assert!(page.contains("<link rel=\"stylesheet\" href=\"/style.css\">"));
    }
    let (_, home) = send(&app, request(Method::GET, "/about", Body::empty())).await;
    assert!(home.contains(NAME));
    let (_, style) = send(&app, request(Method::GET, "/style.css", Body::empty())).await;
    assert!(!style.contains("url(") && !style.contains("@import"));
}

#[tokio::test]
async fn the_docs_page_names_every_route_status_type_and_field() {
    let (app, document) = (tiny_app(), document());
    let (_, page) = send(&app, request(Method::GET, "/docs", Body::empty())).await;
    for (path, methods) in document["paths"].as_object().unwrap() {
        assert!(page.contains(&format!("<code>{path}</code>")), "{path}");
        for operation in methods.as_object().unwrap().values() {
            for status in operation["responses"].as_object().unwrap().keys() {
                assert!(page.contains(&format!(">{status}</td>")), "{path} {status}");
            }
        }
    }
    for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
        assert!(page.contains(&format!("id=\"{name}\"")), "{name}");
        for field in schema["properties"].as_object().into_iter().flatten().map(|(field, _)| field) {
            assert!(page.contains(&format!("<code>{field}</code>")), "{name}.{field}");
        }
    }
    let anchors = page.split("href=\"#").skip(1).map(|rest| rest.split('"').next().unwrap());
    for anchor in anchors {
        assert!(page.contains(&format!("id=\"{anchor}\"")), "#{anchor} leads nowhere");
    }
}

/// `UPDATE=1 cargo test -p server --test document` writes it anew; `npm run api` makes the UI's types of it.
#[test]
fn the_ui_has_this_document() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../web/openapi.json");
    let now = serde_json::to_string_pretty(&document()).unwrap() + "\n";
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &now).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        kept == now,
        "web/openapi.json is stale: run this test with UPDATE=1, then `npm run api` in web/"
    );
}
