//! The API as a client sees it, answered by a tiny real model.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use axum::Router;
use axum::body::Body;
use axum::http::{Method, StatusCode};
use common::{NAME, PORT, chunks, engine, get, loaded, ok, post, request, send, tiny_app};
use engine::EngineOptions;
use serde_json::{Value, json};
use server::{AppState, Limits, ServerOptions, app};
use std::collections::BTreeSet;
use tower::ServiceExt;

const CHAT: &str = "/v1/chat/completions";
const TEXT: &str = "/v1/completions";

/// A greedy chat with `more` fields.
fn chat(more: Value) -> Value {
    merged(
        json!({"model": NAME, "messages": [{"role": "user", "content": "Hello"}], "max_tokens": 12, "temperature": 0}),
        more,
    )
}

/// A greedy completion with `more` fields.
fn text(more: Value) -> Value {
    merged(json!({"model": NAME, "prompt": "Once upon a time", "max_tokens": 12, "temperature": 0}), more)
}

fn merged(mut body: Value, more: Value) -> Value {
    let Value::Object(more) = more else { panic!("fields") };
    body.as_object_mut().unwrap().extend(more);
    body
}

fn content(reply: &Value, index: usize) -> &str {
    reply["choices"][index]["message"]["content"].as_str().expect("text")
}

/// Asserts that a body is refused with this status, code and field.
async fn refused(app: &Router, path: &str, body: Value, status: u16, code: &str, param: &str) {
    let (got, reply) = post(app, path, &body).await;
    let error = &reply["error"];
    assert_eq!(
        (got.as_u16(), &error["code"], &error["param"]),
        (status, &json!(code), &json!(param)),
        "{body} {reply}"
    );
    assert!(error["message"].as_str().is_some_and(|message| !message.is_empty()), "{reply}");
    assert!(error["type"].is_string(), "{reply}");
}

#[tokio::test]
async fn health_tells_whether_the_model_answers() {
    let state = AppState::new(NAME);
    let app = app(&ServerOptions::default(), PORT, state.clone());
    assert_eq!(get(&app, "/health").await, (StatusCode::SERVICE_UNAVAILABLE, json!({"status": "loading"})));
    assert_eq!(get(&app, "/v1/models").await.1["data"], json!([]));
    let response =
        app.clone().oneshot(request(Method::POST, CHAT, chat(json!({})).to_string())).await.unwrap();
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(response.headers().contains_key("retry-after"));

    state.failed("no <such> file");
    assert_eq!(get(&app, "/health").await, (StatusCode::SERVICE_UNAVAILABLE, json!({"status": "failed"})));
    let (status, reply) = post(&app, CHAT, &chat(json!({}))).await;
    assert_eq!((status.as_u16(), &reply["error"]["code"]), (503, &json!("model_load_failed")));
    assert!(
        send(&app, request(Method::GET, "/about", Body::empty())).await.1.contains("no &lt;such&gt; file")
    );

    state.loaded(engine(EngineOptions::default()));
    assert_eq!(get(&app, "/health").await, (StatusCode::OK, json!({"status": "ok", "model": NAME})));
}

#[tokio::test]
async fn models_are_the_loaded_one_and_its_base() {
    let app = tiny_app();
    let (_, list) = get(&app, "/v1/models").await;
    let ids: Vec<&Value> = list["data"].as_array().unwrap().iter().map(|model| &model["id"]).collect();
    assert_eq!(ids, [&json!(NAME), &json!(format!("{NAME}@base"))]);
    for id in ids {
        let (status, model) = get(&app, &format!("/v1/models/{}", id.as_str().unwrap())).await;
        assert_eq!((status, &model["id"]), (StatusCode::OK, id));
        let reply = ok(&app, CHAT, &chat(json!({"model": id}))).await;
        assert_eq!(&reply["model"], id);
    }
    let (status, reply) = get(&app, "/v1/models/gpt-4").await;
    assert_eq!((status, &reply["error"]["code"]), (StatusCode::NOT_FOUND, &json!("model_not_found")));
    refused(&app, CHAT, chat(json!({"model": "gpt-4"})), 404, "model_not_found", "model").await;
    refused(&app, TEXT, text(json!({"model": "tiny@other"})), 404, "model_not_found", "model").await;
    let without = ok(&app, CHAT, &chat(json!({"model": null}))).await;
    assert_eq!(without["model"], NAME);
}

#[tokio::test]
async fn a_chat_is_answered_whole() {
    let app = tiny_app();
    let reply = ok(&app, CHAT, &chat(json!({}))).await;
    assert_eq!(reply["object"], "chat.completion");
    assert!(reply["id"].as_str().unwrap().starts_with("chatcmpl-"));
    assert_eq!(reply["choices"].as_array().unwrap().len(), 1);
    assert_eq!(reply["choices"][0]["message"]["role"], "assistant");
    assert!(["stop", "length"].contains(&reply["choices"][0]["finish_reason"].as_str().unwrap()));
    let usage = &reply["usage"];
    let count = |key: &str| usage[key].as_u64().unwrap();
    assert!(count("prompt_tokens") > 1 && count("completion_tokens") <= 12);
    assert_eq!(count("total_tokens"), count("prompt_tokens") + count("completion_tokens"));
    assert!(reply["timings"]["prefill_tokens_per_second"].as_f64().unwrap() > 0.0);
    assert!(reply["timings"]["queued_ms"].is_number() && reply["timings"]["decode_ms"].is_number());
}

#[tokio::test]
async fn a_stream_says_the_same_as_the_whole() {
    let app = tiny_app();
    let whole = ok(&app, CHAT, &chat(json!({"logprobs": true, "top_logprobs": 2}))).await;
    let body = chat(
        json!({"stream": true, "stream_options": {"include_usage": true}, "logprobs": true, "top_logprobs": 2}),
    );
    let mut stream = chunks(&app, CHAT, &body).await;
    let usage = stream.pop().expect("the chunk with usage");
    assert_eq!(
        (&usage["choices"], usage["usage"]["total_tokens"].as_u64()),
        (&json!([]), whole["usage"]["total_tokens"].as_u64())
    );
    assert_eq!(stream[0]["choices"][0]["delta"], json!({"role": "assistant", "content": ""}));
    assert!(
        stream
            .iter()
            .all(|chunk| chunk["object"] == "chat.completion.chunk" && chunk["id"] == stream[0]["id"])
    );
    let said: String =
        stream.iter().filter_map(|chunk| chunk["choices"][0]["delta"]["content"].as_str()).collect();
    assert_eq!(said, content(&whole, 0));
    let last = stream.last().unwrap();
    assert_eq!(last["choices"][0]["finish_reason"], whole["choices"][0]["finish_reason"]);
    assert!(last["timings"].is_object() && stream[0].get("timings").is_none());
    let ends = stream.iter().filter(|chunk| !chunk["choices"][0]["finish_reason"].is_null()).count();
    assert_eq!(ends, 1);
    let tokens =
        |chunk: &Value| chunk["choices"][0]["logprobs"]["content"].as_array().cloned().unwrap_or_default();
    let streamed: Vec<Value> = stream.iter().flat_map(tokens).collect();
    let bytes = |all: &[Value]| all.iter().map(|one| one["bytes"].clone()).collect::<Vec<_>>();
    assert_eq!(bytes(&streamed), bytes(&tokens(&whole)));
}

#[tokio::test]
async fn a_streamed_completion_says_the_same_as_the_whole() {
    let app = tiny_app();
    let fields = json!({"logprobs": 2, "n": 2, "seed": 3, "temperature": 1.0});
    let whole = ok(&app, TEXT, &text(fields.clone())).await;
    let stream = chunks(&app, TEXT, &merged(text(fields), json!({"stream": true}))).await;
    for index in 0..2u64 {
        let own: Vec<&Value> = stream
            .iter()
            .map(|chunk| &chunk["choices"][0])
            .filter(|choice| choice["index"] == index)
            .collect();
        let said: String = own.iter().map(|choice| choice["text"].as_str().unwrap()).collect();
        let choice = &whole["choices"][index as usize];
        assert_eq!(said, choice["text"].as_str().unwrap());
        let offsets =
            |choice: &Value| choice["logprobs"]["text_offset"].as_array().cloned().unwrap_or_default();
        assert_eq!(own.iter().flat_map(|choice| offsets(choice)).collect::<Vec<_>>(), offsets(choice));
    }
    assert!(stream.iter().all(|chunk| chunk.get("usage").is_none()), "usage was not asked for");
}

#[tokio::test]
async fn seeds_repeat_and_answers_differ() {
    let app = tiny_app();
    let body = chat(json!({"n": 3, "seed": -7, "temperature": 2.0, "top_k": 0, "top_p": 1, "min_p": 0}));
    let (first, second) = (ok(&app, CHAT, &body).await, ok(&app, CHAT, &body).await);
    let texts = |reply: &Value| (0..3).map(|index| content(reply, index).to_owned()).collect::<Vec<_>>();
    assert_eq!(texts(&first), texts(&second));
    assert_eq!(texts(&first).into_iter().collect::<BTreeSet<_>>().len(), 3, "one seed, three answers");
    let prompt = ok(&app, CHAT, &chat(json!({}))).await["usage"]["prompt_tokens"].clone();
    assert_eq!(first["usage"]["prompt_tokens"], prompt, "the prompt counts once");
    let other = ok(&app, CHAT, &merged(body, json!({"seed": 8}))).await;
    assert_ne!(texts(&first), texts(&other));
}

#[tokio::test]
async fn an_answer_ends_before_its_stop_string() {
    let app = tiny_app();
    let whole = ok(&app, TEXT, &text(json!({"max_tokens": 24}))).await;
    let said = whole["choices"][0]["text"].as_str().unwrap();
    let chars: Vec<char> = said.chars().collect();
    let stop: String = chars[chars.len() / 2..].iter().take(3).collect();
    let expected = &said[..said.find(&stop).unwrap()];
    for stops in [json!(stop), json!(["never to be seen", stop])] {
        let reply = ok(&app, TEXT, &text(json!({"max_tokens": 24, "stop": stops}))).await;
        assert_eq!(reply["choices"][0]["text"], expected);
        assert_eq!(reply["choices"][0]["finish_reason"], "stop");
    }
    refused(&app, TEXT, text(json!({"stop": ["a", "b", "c", "d", "e"]})), 400, "invalid_value", "stop").await;
    refused(&app, TEXT, text(json!({"stop": ""})), 400, "invalid_value", "stop").await;
    refused(&app, TEXT, text(json!({"stop": 7})), 400, "invalid_value", "stop").await;
}

#[tokio::test]
async fn chat_logprobs_are_those_of_the_text() {
    let app = tiny_app();
    let reply = ok(&app, CHAT, &chat(json!({"logprobs": true, "top_logprobs": 20}))).await;
    let tokens = reply["choices"][0]["logprobs"]["content"].as_array().unwrap();
    assert!(!tokens.is_empty());
    let mut bytes = Vec::new();
    for token in tokens {
        let top: Vec<f64> = token["top_logprobs"]
            .as_array()
            .unwrap()
            .iter()
            .map(|top| top["logprob"].as_f64().unwrap())
            .collect();
        assert_eq!(top.len(), 20);
        assert!(top.is_sorted_by(|a, b| a >= b), "best first");
        assert_eq!(token["logprob"], token["top_logprobs"][0]["logprob"], "greedy takes the best");
        assert!(top.iter().map(|logprob| logprob.exp()).sum::<f64>() <= 1.0 + 1e-4);
        bytes.extend(token["bytes"].as_array().unwrap().iter().map(|byte| byte.as_u64().unwrap() as u8));
    }
    let said = content(&reply, 0);
    if reply["choices"][0]["finish_reason"] == "length" {
        assert_eq!(String::from_utf8_lossy(&bytes), said);
    }
    let without = ok(&app, CHAT, &chat(json!({}))).await;
    assert_eq!(without["choices"][0]["logprobs"], Value::Null);
    refused(&app, CHAT, chat(json!({"top_logprobs": 3})), 400, "invalid_value", "top_logprobs").await;
}

#[tokio::test]
async fn completion_logprobs_are_four_equal_lists() {
    let app = tiny_app();
    let reply = ok(&app, TEXT, &text(json!({"logprobs": 5}))).await;
    let logprobs = &reply["choices"][0]["logprobs"];
    let list = |key: &str| logprobs[key].as_array().unwrap().clone();
    let tokens = list("tokens");
    assert!(!tokens.is_empty());
    for key in ["token_logprobs", "top_logprobs", "text_offset"] {
        assert_eq!(list(key).len(), tokens.len(), "{key}");
    }
    for (token, (logprob, top)) in tokens.iter().zip(list("token_logprobs").iter().zip(list("top_logprobs")))
    {
        let chosen = top[token.as_str().unwrap()].as_f64().expect("the chosen token is among them");
        assert!((chosen - logprob.as_f64().unwrap()).abs() < 1e-5);
    }
    assert_eq!(list("text_offset")[0], 0);
}

#[tokio::test]
async fn prompts_are_text_or_tokens_one_or_many() {
    let app = tiny_app();
    let one = ok(&app, TEXT, &text(json!({}))).await;
    let said = &one["choices"][0]["text"];
    let many = ok(&app, TEXT, &text(json!({"prompt": ["Once upon a time", "fn main"], "n": 2}))).await;
    let choices = many["choices"].as_array().unwrap();
    let indices: Vec<u64> = choices.iter().map(|choice| choice["index"].as_u64().unwrap()).collect();
    assert_eq!(indices, [0, 1, 2, 3]);
    assert_eq!((&choices[0]["text"], &choices[1]["text"]), (said, said), "greedy, the same prompt");
    assert_eq!(choices[2]["text"], choices[3]["text"]);

    let tokens = common::model().text_prompt("Once upon a time").unwrap();
    let as_tokens = ok(&app, TEXT, &text(json!({"prompt": tokens}))).await;
    assert_eq!(&as_tokens["choices"][0]["text"], said);
    let arrays = ok(&app, TEXT, &text(json!({"prompt": [tokens, tokens]}))).await;
    assert_eq!((&arrays["choices"][0]["text"], &arrays["choices"][1]["text"]), (said, said));

    let echo = ok(&app, TEXT, &text(json!({"echo": true}))).await;
    assert_eq!(echo["choices"][0]["text"], format!("Once upon a time{}", said.as_str().unwrap()));
    let stream = chunks(&app, TEXT, &text(json!({"echo": true, "stream": true}))).await;
    let streamed: String = stream.iter().map(|chunk| chunk["choices"][0]["text"].as_str().unwrap()).collect();
    assert_eq!(echo["choices"][0]["text"], streamed);

    for wrong in
        [json!([]), json!([[1, 2], "x"]), json!(7), json!([-1]), json!([[]]), json!([4_000_000_000u32])]
    {
        refused(&app, TEXT, text(json!({"prompt": wrong})), 400, "invalid_value", "prompt").await;
    }
    let crowd = vec!["x"; 9];
    refused(&app, TEXT, text(json!({"prompt": crowd, "n": 8})), 400, "invalid_value", "prompt").await;
    let default = ok(&app, TEXT, &text(json!({"max_tokens": null}))).await;
    assert!(default["usage"]["completion_tokens"].as_u64().unwrap() <= 16);
}

#[tokio::test]
async fn messages_are_text_of_every_role() {
    let app = tiny_app();
    let parts = json!([{"type": "text", "text": "Hel"}, {"type": "text", "text": "lo"}]);
    let joined = ok(&app, CHAT, &chat(json!({"messages": [{"role": "user", "content": parts}]}))).await;
    let plain = ok(&app, CHAT, &chat(json!({"messages": [{"role": "user", "content": "Hel\nlo"}]}))).await;
    assert_eq!(content(&joined, 0), content(&plain, 0));
    let ask = json!({"role": "user", "content": "Hi"});
    for first in ["system", "developer"] {
        ok(&app, CHAT, &chat(json!({"messages": [{"role": first, "content": "Be brief."}, ask]}))).await;
    }
    let turn = json!({"role": "assistant", "content": "Hello", "tool_calls": []});
    ok(&app, CHAT, &chat(json!({"messages": [ask, turn, ask]}))).await;

    let wrong = [
        (json!([]), "invalid_value", "messages"),
        (json!([{"role": "user"}]), "invalid_value", "messages[0].content"),
        (json!([{"role": "king", "content": "x"}]), "invalid_value", "messages[0].role"),
        (json!([ask, {"role": "user", "content": 7}]), "invalid_value", "messages[1].content"),
        (
            json!([{"role": "user", "content": [{"type": "text"}]}]),
            "invalid_value",
            "messages[0].content[0].text",
        ),
        (
            json!([{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:,"}}]}]),
            "unsupported_parameter",
            "messages[0].content[0].type",
        ),
        (
            json!([{"role": "user", "content": "x", "tool_calls": [{"id": "1", "function": {"name": "f"}}]}]),
            "invalid_value",
            "messages[0].tool_calls",
        ),
    ];
    for (messages, code, param) in wrong {
        refused(&app, CHAT, chat(json!({"messages": messages})), 400, code, param).await;
    }
    refused(&app, CHAT, json!({"model": NAME}), 400, "invalid_value", "messages").await;
}

#[tokio::test]
async fn what_would_be_ignored_is_refused() {
    let app = tiny_app();
    let unsupported = [
        ("functions", json!([{"name": "f"}])),
        ("logit_bias", json!({"5": 100})),
        ("modalities", json!(["text", "audio"])),
        ("reasoning_effort", json!("high")),
        ("guided_json", json!({"type": "object"})),
    ];
    for (field, value) in unsupported {
        refused(&app, CHAT, chat(json!({field: value})), 400, "unsupported_parameter", field).await;
    }
    refused(&app, TEXT, text(json!({"best_of": 3})), 400, "unsupported_parameter", "best_of").await;
    refused(&app, TEXT, text(json!({"logit_bias": {"5": 1}})), 400, "unsupported_parameter", "logit_bias")
        .await;
    let echo = json!({"echo": true, "logprobs": 1});
    refused(&app, TEXT, text(echo), 400, "unsupported_parameter", "echo").await;
    let suffix = json!({"suffix": "end", "prompt": [1, 2]});
    refused(&app, TEXT, text(suffix), 400, "unsupported_parameter", "suffix").await;
    let harmless = json!({
        "tools": [], "tool_choice": "none", "response_format": {"type": "text"}, "logit_bias": {}, "user": "me",
        "store": false, "metadata": {"a": "b"}, "parallel_tool_calls": true, "service_tier": "auto", "x_unknown": [1],
        "stop": null, "n": null, "stream": null, "seed": null, "top_p": null, "stream_options": null,
    });
    ok(&app, CHAT, &chat(harmless)).await;
}

#[tokio::test]
async fn the_middle_is_filled_between_prompt_and_suffix() {
    let app = tiny_app();
    let tokens = common::model().fim_prompt("fn add(", "}").expect("the fixture has the tokens for it");
    let filled = ok(&app, TEXT, &text(json!({"prompt": "fn add(", "suffix": "}"}))).await;
    let by_hand = ok(&app, TEXT, &text(json!({"prompt": tokens}))).await;
    assert_eq!(filled["choices"][0]["text"], by_hand["choices"][0]["text"]);
    assert_eq!(filled["usage"]["prompt_tokens"], tokens.len());
    let without = ok(&app, TEXT, &text(json!({"suffix": ""}))).await;
    assert_eq!(
        without["choices"],
        ok(&app, TEXT, &text(json!({}))).await["choices"],
        "an empty suffix is none"
    );
}

#[tokio::test]
async fn what_does_not_fit_is_said() {
    let app = app(
        &ServerOptions::default(),
        PORT,
        loaded(&engine(EngineOptions { context: Some(64), ..EngineOptions::default() })),
    );
    let long = "word ".repeat(200);
    let messages = json!({"messages": [{"role": "user", "content": long}]});
    refused(&app, CHAT, chat(messages), 400, "context_length_exceeded", "messages").await;
    refused(&app, TEXT, text(json!({"prompt": long})), 400, "context_length_exceeded", "prompt").await;
    refused(&app, TEXT, text(json!({"max_tokens": 500})), 400, "context_length_exceeded", "prompt").await;
    let body = chat(json!({"messages": [{"role": "user", "content": long}], "stream": true}));
    refused(&app, CHAT, body, 400, "context_length_exceeded", "messages").await;
}

#[tokio::test]
async fn a_full_queue_is_said_and_nothing_is_left_behind() {
    let engine = engine(EngineOptions { sequences: 1, queue: 2, ..EngineOptions::default() });
    let app = app(&ServerOptions::default(), PORT, loaded(&engine));
    let response =
        app.clone().oneshot(request(Method::POST, CHAT, chat(json!({"n": 8})).to_string())).await.unwrap();
    assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
    assert!(response.headers().contains_key("retry-after"));
    while engine.stats().running + engine.stats().waiting > 0 {
        tokio::task::yield_now().await;
    }
    ok(&app, CHAT, &chat(json!({}))).await;
}

#[tokio::test]
async fn bodies_that_are_no_requests_are_refused() {
    let limits = Limits { body_bytes: 10_000, ..Limits::default() };
    let options = ServerOptions { limits, ..ServerOptions::default() };
    let app = app(&options, PORT, loaded(&engine(EngineOptions::default())));
    let code = async |body: String| {
        let (status, text) = send(&app, request(Method::POST, CHAT, body)).await;
        let reply: Value = serde_json::from_str(&text).expect("errors are JSON");
        (status.as_u16(), reply["error"]["code"].as_str().expect("a code").to_owned())
    };
    let invalid = (400, "invalid_json".to_owned());
    for body in [
        "",
        "{",
        "[]",
        "7",
        "null",
        "{\"a\": }",
        "{\"messages\": [}",
        "\u{feff}{}",
        "{\"temperature\": 1e999}",
    ] {
        assert_eq!(code(body.to_owned()).await, invalid, "{body}");
    }
    assert_eq!(code("[".repeat(5_000)).await, invalid, "depth");
    let nested = format!("{{\"x\": {}{}}}", "[".repeat(2_000), "]".repeat(2_000));
    assert_eq!(code(nested).await, invalid, "depth in a field that nobody reads");
    let large = chat(json!({"x": "y".repeat(10_000)})).to_string();
    assert_eq!(code(large).await, (413, "body_too_large".to_owned()));
    let surrogate = r#"{"messages": [{"role": "user", "content": "\ud800"}]}"#;
    assert_eq!(code(surrogate.to_owned()).await, invalid);
}

#[tokio::test]
async fn metrics_count_requests_and_tokens() {
    let app = tiny_app();
    let reply = ok(&app, CHAT, &chat(json!({}))).await;
    let (_, counters) = get(&app, "/metrics").await;
    let value = |name: &str| -> f64 {
        let line = counters.as_str().unwrap().lines().find(|line| line.starts_with(&format!("{name} ")));
        line.unwrap_or_else(|| panic!("no {name}")).rsplit(' ').next().unwrap().parse().unwrap()
    };
    assert_eq!(value("hone_http_requests_total{route=\"/v1/chat/completions\",status=\"200\"}"), 1.0);
    assert_eq!(Some(value("hone_prompt_tokens_total")), reply["usage"]["prompt_tokens"].as_f64());
    assert_eq!(Some(value("hone_generated_tokens_total")), reply["usage"]["completion_tokens"].as_f64());
    assert_eq!(value("hone_first_token_seconds_count"), 1.0);
    assert_eq!(value("hone_first_token_seconds_bucket{le=\"+Inf\"}"), 1.0);
    for gauge in ["hone_running", "hone_waiting", "hone_cache_blocks"] {
        value(gauge);
    }
    for line in counters.as_str().unwrap().lines().filter(|line| !line.starts_with('#')) {
        assert!(line.rsplit(' ').next().unwrap().parse::<f64>().is_ok(), "{line}");
    }
}

#[tokio::test]
async fn unknown_paths_and_methods_are_errors_in_json() {
    let app = tiny_app();
    let (status, reply) = get(&app, "/v1/nothing").await;
    assert_eq!((status, &reply["error"]["code"]), (StatusCode::NOT_FOUND, &json!("unknown_url")));
    let (status, reply) = get(&app, CHAT).await;
    assert_eq!(
        (status, &reply["error"]["code"]),
        (StatusCode::METHOD_NOT_ALLOWED, &json!("method_not_allowed"))
    );
}
