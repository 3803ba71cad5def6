//! Training inside the server: beside answers, stopped and resumed, to the very adapter of `hone train`.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use axum::body::Body;
use axum::http::{Method, StatusCode};
use common::{Place, base, get, model, ok, post, request, send};
use http_body_util::BodyExt;
use learn::adapters::Library;
use learn::dataset::{Chosen, Example, Manifest, Message, Parts, Report, Set};
use learn::train::{Begun, Order, Recipe, Sets, new_id};
use serde_json::{Value, json};
use std::path::Path;
use tower::ServiceExt;

const CHAT: &str = "/v1/chat/completions";

/// A set of questions with short answers, called `numbers`.
fn numbers(home: &Path) {
    let message = |role: &str, content: String| Message { role: role.into(), content };
    let example = |n: usize| {
        Example::new(vec![
            message("user", format!("number {n}?")),
            message("assistant", "yes ".repeat(1 + n % 5) + &n.to_string()),
        ])
    };
    let (train, valid) = ((0..32).map(example).collect(), (32..40).map(example).collect());
    let parts = Parts { train, valid, test: Vec::new() };
    let manifest = Manifest::new("numbers", 0, None, Vec::new(), Report::default());
    Set::write(&home.join("datasets/numbers"), &parts, manifest).unwrap();
}

/// What is asked for, small and with everything that a run has.
fn order(more: Value) -> Value {
    let mut body = json!({"data": "numbers", "rank": 4, "accumulation": 4, "epochs": 2, "dropout": 0.1,
        "learning_rate": 0.01, "max_seq": 128, "seed": 5});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

/// A run without an end.
fn endless() -> Value {
    order(json!({"steps": 1_000_000, "epochs": 1}))
}

async fn start(place: &Place, body: &Value) -> String {
    let (status, run) = post(&place.app, "/api/train", body).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{run}");
    run["id"].as_str().unwrap().to_owned()
}

/// Names and data of the events, in order; waits for the end of the run.
async fn events(place: &Place, id: &str) -> Vec<(String, Value)> {
    let (status, text) =
        send(&place.app, request(Method::GET, &format!("/api/train/{id}/events"), Body::empty())).await;
    assert_eq!(status, StatusCode::OK, "{text}");
    parsed(&text)
}

fn parsed(text: &str) -> Vec<(String, Value)> {
    let event = |event: &str| {
        let field = |name: &str| event.lines().find_map(|line| line.strip_prefix(name)).unwrap().to_owned();
        (field("event: "), serde_json::from_str(&field("data: ")).unwrap())
    };
    text.split_terminator("\n\n").filter(|event| !event.starts_with(':')).map(event).collect()
}

/// Waits for this event of a run that goes on.
async fn until(place: &Place, id: &str, wanted: &str, count: usize) {
    let ask = request(Method::GET, &format!("/api/train/{id}/events"), Body::empty());
    let mut body = place.app.clone().oneshot(ask).await.unwrap().into_body();
    let mut text = String::new();
    while text.matches(&format!("event: {wanted}\n")).count() < count {
        let frame = body.frame().await.unwrap_or_else(|| panic!("it ended before {wanted}: {text}")).unwrap();
        text += std::str::from_utf8(frame.data_ref().unwrap()).unwrap();
    }
}

/// The bytes of an adapter's file.
fn file(home: &Path, id: &str) -> Vec<u8> {
    let library = Library::open(home).unwrap();
    std::fs::read(library.path(&library.find(id).unwrap())).unwrap()
}

/// What `hone train` makes of the same order, without a server.
fn by_itself(home: &Path, recipe: Recipe) -> Vec<u8> {
    numbers(home);
    let model = model();
    let sets = Sets::load(&Chosen::set(home, "numbers").unwrap(), &model, &recipe).unwrap();
    let (id, name) = (new_id(home), "adapters_final".to_owned());
    let order = Order {
        id,
        name,
        base: base(),
        model: "tiny.gguf".into(),
        data: "numbers".into(),
        recipe,
        learn: false,
    };
    let begun = Begun::new(home, &model, order, sets).unwrap();
    let (run, ending) = begun.run(model, engine::train::cpu(Some(2)).unwrap()).unwrap();
    let outcome = run.run(&mut || false, &mut |_| {}).unwrap();
    let manifest = ending.keep(home, &outcome).unwrap();
    file(home, &manifest.id)
}

fn recipe() -> Recipe {
    Recipe {
        rank: 4,
        accumulation: 4,
        epochs: 2.0,
        dropout: 0.1,
        learning_rate: Some(0.01),
        max_seq: 128,
        seed: 5,
        ..Recipe::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_set_becomes_the_adapter_of_hone_train() {
    let place = Place::new();
    numbers(place.folder.path());
    assert_eq!(
        get(&place.app, "/api/train").await.1,
        json!({"run": null, "resumable": [], "sets": ["numbers"]})
    );
    let id = start(&place, &order(json!({}))).await;
    let heard = events(&place, &id).await;
    let names: Vec<&str> =
        heard.iter().map(|(name, _)| name.as_str()).filter(|name| *name != "saved").collect();
    assert_eq!(names, [&["plan"][..], &["step"; 16], &["done"]].concat());
    assert_eq!((&heard[0].1["steps"], &heard[0].1["examples"]), (&json!(16), &json!(32)));
    let losses: Vec<f64> = heard.iter().filter_map(|(_, data)| data["loss"].as_f64()).collect();
    assert!(losses[15] < losses[0], "{losses:?}");

    let adapter = heard.last().unwrap().1["adapter"].as_str().unwrap();
    let (_, state) = get(&place.app, "/api/train").await;
    assert_eq!((&state["run"]["state"], &state["run"]["adapter"]), (&json!("done"), &json!(adapter)));
    assert_eq!(state["resumable"], json!([]));
    assert_eq!(file(place.folder.path(), adapter), by_itself(tempfile::tempdir().unwrap().path(), recipe()));

    let chat = |model: &str| json!({"model": model, "max_tokens": 12, "temperature": 0, "messages": [{"role": "user", "content": "number 3?"}]});
    let base = ok(&place.app, CHAT, &chat("tiny@base")).await;
    let trained = ok(&place.app, CHAT, &chat("tiny@adapters_final")).await;
    assert_ne!(base["choices"], trained["choices"]);
    assert_eq!(
        get(&place.app, "/api/adapters").await.1["in_use"],
        Value::Null,
        "it is not put in use by itself"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn stopped_and_resumed_it_is_the_same_adapter() {
    let place = Place::new();
    numbers(place.folder.path());
    let id = start(&place, &order(json!({}))).await;
    let mut rounds = 0;
    let adapter = loop {
        // Each time one step further, then stopped in the middle of the next.
        if rounds < 4 {
            until(&place, &id, "step", 1).await;
            ok(&place.app, &format!("/api/train/{id}/stop"), &json!({})).await;
        }
        let last = events(&place, &id).await.pop().unwrap();
        if last.0 == "done" {
            break last.1["adapter"].as_str().unwrap().to_owned();
        }
        assert_eq!(last.0, "stopped");
        let (_, state) = get(&place.app, "/api/train").await;
        assert_eq!((&state["run"]["state"], &state["resumable"]), (&json!("stopped"), &json!([id])));
        let (status, run) = post(&place.app, &format!("/api/train/{id}/resume"), &json!({})).await;
        assert_eq!((status, &run["id"]), (StatusCode::ACCEPTED, &json!(id)), "{run}");
        rounds += 1;
    };
    assert!(rounds > 1, "{rounds}");
    assert_eq!(file(place.folder.path(), &adapter), by_itself(tempfile::tempdir().unwrap().path(), recipe()));
    let (status, reply) = post(&place.app, &format!("/api/train/{id}/resume"), &json!({})).await;
    assert_eq!((status.as_u16(), &reply["error"]["code"]), (409, &json!("run_done")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chat_is_answered_while_it_trains() {
    let place = Place::new();
    numbers(place.folder.path());
    let id = start(&place, &endless()).await;
    until(&place, &id, "step", 1).await;
    for n in 0..10 {
        let text = format!("question {n}");
        let body =
            json!({"max_tokens": 12, "temperature": 0, "messages": [{"role": "user", "content": text}]});
        let reply = ok(&place.app, CHAT, &body).await;
        assert_eq!(reply["choices"][0]["message"]["content"], common::alone(&text, 12, None));
        assert_eq!(get(&place.app, "/api/train").await.1["run"]["state"], "running");
    }
    // And it gets on.
    let done = get(&place.app, "/api/train").await.1["run"]["step"].as_u64().unwrap();
    until(&place, &id, "step", done as usize + 2).await;

    let (status, reply) = post(&place.app, "/api/train", &order(json!({}))).await;
    assert_eq!((status.as_u16(), &reply["error"]["code"]), (409, &json!("training_in_progress")));
    let (status, reply) = post(&place.app, &format!("/api/train/{id}/resume"), &json!({})).await;
    assert_eq!((status.as_u16(), &reply["error"]["code"]), (409, &json!("training_in_progress")));

    // What a server does that is told to end.
    place.state.stop_training();
    place.state.join_training();
    assert_eq!(get(&place.app, "/api/train").await.1["run"]["state"], "stopped");
    assert_eq!(events(&place, &id).await.pop().unwrap().0, "stopped");
    assert_eq!(get(&place.app, "/api/adapters").await.1["adapters"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listener_that_comes_back_hears_the_rest() {
    let place = Place::new();
    numbers(place.folder.path());
    let id = start(&place, &order(json!({"steps": 3}))).await;
    let all = events(&place, &id).await;
    for heard in 0..all.len() + 2 {
        let mut ask = request(Method::GET, &format!("/api/train/{id}/events"), Body::empty());
        ask.headers_mut().insert("last-event-id", heard.into());
        let (_, text) = send(&place.app, ask).await;
        assert_eq!(parsed(&text), all[all.len().min(heard + 1)..]);
    }
}

#[tokio::test]
async fn what_cannot_be_trained_is_said() {
    let place = Place::new();
    numbers(place.folder.path());
    let secret = place.folder.path().join("rows.jsonl");
    std::fs::write(&secret, "{\"prompt\": \"a\", \"completion\": \"b\"}\n").unwrap();
    for (more, param) in [
        (json!({"data": "nothing"}), "data"),
        (json!({"data": secret.to_str().unwrap()}), "data"),
        (json!({"data": "../datasets/numbers"}), "data"),
        (json!({"data": ""}), "data"),
        (json!({"data": 1}), "data"),
        (json!({"rank": 0}), "rank"),
        (json!({"rank": -1}), "rank"),
        (json!({"rank": "8"}), "rank"),
        (json!({"layers": 99}), "layers"),
        (json!({"learning_rate": 2.0}), "learning_rate"),
        (json!({"max_seq": 1_000_000}), "max_seq"),
        (json!({"targets": ["lm_head"]}), "target"),
        (json!({"loss_on": "user"}), "loss_on"),
        (json!({"name": "base"}), "name"),
        (json!({"name": "a/b"}), "name"),
        (json!({"rnak": 8}), "rnak"),
    ] {
        let (status, reply) = post(&place.app, "/api/train", &order(more.clone())).await;
        let error = &reply["error"];
        assert_eq!((status.as_u16(), &error["param"]), (400, &json!(param)), "{more}: {reply}");
        assert!(error["message"].as_str().is_some_and(|m| !m.is_empty()), "{reply}");
    }
    assert_eq!(post(&place.app, "/api/train", &json!({})).await.1["error"]["param"], "data");
    for path in ["events", "stop", "resume"] {
        let path = format!("/api/train/20261124-031500-4f2a/{path}");
        let (status, reply) = match path.ends_with("events") {
            true => get(&place.app, &path).await,
            false => post(&place.app, &path, &json!({})).await,
        };
        assert_eq!((status.as_u16(), &reply["error"]["code"]), (404, &json!("run_not_found")), "{path}");
    }
    assert!(!place.folder.path().join("runs").exists(), "no run was left behind");
}

/// A run that fails after it was accepted says why, and the next one may begin.
#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_fails_says_why_and_leaves_the_server_whole() {
    let place = Place::new();
    numbers(place.folder.path());
    let id = start(&place, &order(json!({"max_seq": 3}))).await;
    let (name, data) = events(&place, &id).await.pop().unwrap();
    assert_eq!(name, "failed");
    assert!(data["message"].as_str().unwrap().contains("nothing to learn"), "{data}");
    let run = get(&place.app, "/api/train").await.1["run"].clone();
    assert_eq!((&run["state"], &run["error"]), (&json!("failed"), &data["message"]));
    let id = start(&place, &order(json!({"steps": 1}))).await;
    assert_eq!(events(&place, &id).await.pop().unwrap().0, "done");
}

/// Every setting of a recipe can be asked for here, and nothing else.
#[test]
fn the_request_has_the_fields_of_a_recipe() {
    let document = serde_json::to_value(server::openapi_document()).unwrap();
    let fields = document["components"]["schemas"]["TrainRequest"]["properties"].as_object().unwrap();
    let mut asked: Vec<&String> =
        fields.keys().filter(|field| !["data", "name"].contains(&field.as_str())).collect();
    let recipe = serde_json::to_value(Recipe::default()).unwrap();
    let mut known: Vec<&String> = recipe.as_object().unwrap().keys().collect();
    asked.sort();
    known.sort();
    assert_eq!(asked, known);
    for (field, about) in fields {
        // `layers` and the like have no default; what has one has the recipe's.
        if let Some(default) = about.get("default").filter(|_| field != "name") {
            let same = default == &recipe[field]
                || default.as_f64().zip(recipe[field].as_f64()).is_some_and(|(a, b)| (a - b).abs() < 1e-6);
            assert!(same, "{field}: {default}, {}", recipe[field]);
        }
    }
}
