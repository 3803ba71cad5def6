//! Adapters by request: each answers what an engine alone answers with it, and what is in use changes at once.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use axum::http::{Method, StatusCode};
use common::{Place, adapter, alone, base, get, ok, post, request, send};
use http_body_util::BodyExt;
use learn::adapters::Base;
use serde_json::{Value, json};
use tower::ServiceExt;

const CHAT: &str = "/v1/chat/completions";

fn chat(model: &str, text: &str, max_tokens: usize) -> Value {
    let messages = json!([{"role": "user", "content": text}]);
    json!({"model": model, "messages": messages, "max_tokens": max_tokens, "temperature": 0})
}

/// The answer to a prompt that no other request has: what is cached is rounded differently.
async fn say(place: &Place, model: &str, text: &str) -> String {
    let reply = ok(&place.app, CHAT, &chat(model, text, 12)).await;
    assert_eq!(reply["model"], model);
    reply["choices"][0]["message"]["content"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn each_id_answers_with_its_adapter() {
    let place = Place::new();
    let (one, two) = (place.add("one", 1), place.add("two", 2));
    let expected = [None, Some(1), Some(2)].map(|seed| alone("Hello", 12, seed.map(adapter)));
    assert!(expected[0] != expected[1] && expected[1] != expected[2] && expected[0] != expected[2]);
    for (model, seed) in [
        ("tiny".to_owned(), None),
        ("tiny@base".to_owned(), None),
        ("tiny@one".to_owned(), Some(1)),
        (format!("tiny@{}", two.id), Some(2)),
        (format!("tiny@{}", one.id), Some(1)),
        ("tiny@two".to_owned(), Some(2)),
    ] {
        let text = format!("A question for {model}");
        assert_eq!(say(&place, &model, &text).await, alone(&text, 12, seed.map(adapter)), "{model}");
    }
    let (status, listed) = get(&place.app, "/v1/models").await;
    assert_eq!(status, StatusCode::OK);
    let ids: Vec<&str> =
        listed["data"].as_array().unwrap().iter().map(|model| model["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["tiny", "tiny@base", "tiny@one", "tiny@two"]);
    for id in ids {
        assert_eq!(get(&place.app, &format!("/v1/models/{id}")).await.1["id"], id);
    }
}

#[tokio::test]
async fn the_report_of_a_judging_lies_beside_its_adapter() {
    let place = Place::new();
    let (judged, other) = (place.add("judged", 1), place.add("other", 2));
    let check = json!({"name": "not worse: facts", "passed": true, "found": "0 of 20 facts lost", "measured": [
        {"what": "facts lost", "value": 0.0, "limit": 0.0, "bound": "at_most", "before": null, "unit": "count",
         "within": true}]});
    let old = json!({"name": "sanity: finite", "passed": true, "found": "all values are numbers"});
    let report = json!({"version": 1, "decision": "promote", "because": "it is better", "model": "tiny",
        "against": "the model alone", "scale": 1.0, "learned": 3, "held": 1, "chats": [],
        "from": [], "data": "", "seed": 0, "checks": [check.clone(), old], "tried": [],
        "evidence": {"log_evidence": 0.0, "looks": 0, "seen": []}, "changes": [], "losses": [2.0],
        "seconds": [1.0, 2.0]});
    let path = place.library().path(&judged).with_file_name("report.json");
    std::fs::write(path, report.to_string()).unwrap();
    let ask = async |adapter: &str| get(&place.app, &format!("/api/adapters/{adapter}/report")).await;
    for name in ["judged", judged.id.as_str()] {
        let (status, told) = ask(name).await;
        assert_eq!((status, &told["because"]), (StatusCode::OK, &json!("it is better")));
        assert_eq!((&told["checks"][0], &told["retried"]), (&check, &json!(false)));
        assert_eq!(told["checks"][1]["measured"], json!([]), "a check of an earlier version");
    }
    for (adapter, code) in
        [(other.id.as_str(), "no_report"), ("none", "adapter_not_found"), ("..", "adapter_not_found")]
    {
        let (status, body) = ask(adapter).await;
        assert_eq!((status, &body["error"]["code"]), (StatusCode::NOT_FOUND, &json!(code)), "{adapter}");
    }
}

#[tokio::test]
async fn text_completions_take_adapters_too() {
    let place = Place::new();
    place.add("one", 1);
    let ask = |model: &str| json!({"model": model, "prompt": ["Once", "Twice"], "n": 2, "max_tokens": 8, "temperature": 0});
    let base = ok(&place.app, "/v1/completions", &ask("tiny")).await;
    let adapted = ok(&place.app, "/v1/completions", &ask("tiny@one")).await;
    assert_eq!(adapted["choices"].as_array().unwrap().len(), 4);
    for index in 0..4 {
        assert_ne!(base["choices"][index]["text"], adapted["choices"][index]["text"], "{index}");
    }
}

#[tokio::test]
async fn the_newest_of_a_name_has_it_and_others_are_listed_by_id() {
    let place = Place::new();
    let (old, _) = (place.add("same", 1), place.add("same", 2));
    // A newer one of another model does not stand in the way.
    place.add_for(Base { name: "other".into(), sha256: "b".repeat(64), ..base() }, "same", 3);
    assert_eq!(say(&place, "tiny@same", "new").await, alone("new", 12, Some(adapter(2))));
    let listed = get(&place.app, "/v1/models").await.1;
    let ids: Vec<&Value> = listed["data"].as_array().unwrap().iter().map(|model| &model["id"]).collect();
    assert_eq!(ids[2..], [&json!(format!("tiny@{}", old.id)), &json!("tiny@same")]);
}

#[tokio::test]
async fn what_another_process_puts_in_use_answers_the_next_request() {
    let place = Place::new();
    let (one, two) = (place.add("one", 1), place.add("two", 2));
    // Another handle on the same folder, as another process has one.
    let other = place.library();
    let check = async |text: &str, seed: Option<u64>| {
        assert_eq!(say(&place, "tiny", text).await, alone(text, 12, seed.map(adapter)), "{text}");
    };
    check("before", None).await;
    other.use_(&one).unwrap();
    check("with one", Some(1)).await;
    other.use_(&two).unwrap();
    check("with two", Some(2)).await;
    assert_eq!(say(&place, "tiny@base", "without").await, alone("without", 12, None));
    other.rollback(&base()).unwrap();
    check("one again", Some(1)).await;
    other.use_base(&base().sha256).unwrap();
    check("base", None).await;
}

#[tokio::test]
async fn an_answer_in_flight_keeps_its_adapter_though_it_is_deleted() {
    let place = Place::new();
    let (one, two) = (place.add("one", 1), place.add("two", 2));
    let library = place.library();
    library.use_(&one).unwrap();
    // The longest of some answers, so that it is still being made when the adapter goes.
    let texts: Vec<String> = (0..20).map(|n| format!("Tell me story {n}")).collect();
    let expected = texts.iter().map(|text| (text, alone(text, 1500, Some(adapter(1)))));
    let (text, expected) = expected.max_by_key(|(_, answer)| answer.len()).unwrap();
    let mut body = chat("tiny", text, 1500);
    body["stream"] = json!(true);
    let response = place.app.clone().oneshot(request(Method::POST, CHAT, body.to_string())).await.unwrap();
    let mut body = response.into_body();
    let mut said = String::new();
    let mut running = 0;
    let mut first = true;
    while let Some(frame) = body.frame().await {
        said += std::str::from_utf8(frame.unwrap().data_ref().unwrap()).unwrap();
        if std::mem::take(&mut first) {
            running = place.engine.stats().running;
            library.use_(&two).unwrap();
            library.rm(&one.id, true).unwrap();
        }
    }
    let pieces = said.split("\n\n").filter_map(|event| {
        let chunk: Value = serde_json::from_str(event.strip_prefix("data: ")?).ok()?;
        chunk["choices"][0]["delta"]["content"].as_str().map(str::to_owned)
    });
    assert_eq!(pieces.collect::<String>(), expected);
    println!("{running} running when the adapter was deleted, {} bytes answered", expected.len());
    assert_eq!(say(&place, "tiny", "after").await, alone("after", 12, Some(adapter(2))));
    let (status, reply) = post(&place.app, CHAT, &chat("tiny@one", "gone", 4)).await;
    assert_eq!(
        (status.as_u16(), &reply["error"]["code"]),
        (404, &json!("model_not_found")),
        "not from memory"
    );
}

#[tokio::test]
async fn what_cannot_answer_is_refused_in_the_usual_form() {
    let place = Place::new();
    let foreign =
        place.add_for(Base { name: "other".into(), sha256: "b".repeat(64), ..base() }, "foreign", 1);
    let broken = place.add("broken", 2);
    std::fs::write(place.library().path(&broken), vec![0; broken.bytes as usize]).unwrap();
    for (model, status, code) in [
        ("tiny@nothing".to_owned(), 404, "model_not_found"),
        ("tiny@".to_owned(), 404, "model_not_found"),
        ("tiny@../../etc".to_owned(), 404, "model_not_found"),
        ("tinyer".to_owned(), 404, "model_not_found"),
        ("tiny@foreign".to_owned(), 400, "wrong_base"),
        (format!("tiny@{}", foreign.id), 400, "wrong_base"),
        ("tiny@broken".to_owned(), 500, "adapter_unusable"),
    ] {
        for stream in [false, true] {
            let mut body = chat(&model, "Hello", 4);
            body["stream"] = json!(stream);
            let (got, reply) = post(&place.app, CHAT, &body).await;
            let error = &reply["error"];
            assert_eq!((got.as_u16(), &error["code"]), (status, &json!(code)), "{model}: {reply}");
            assert_eq!(error["param"], "model", "{reply}");
            assert!(error["message"].is_string() && error["type"].is_string(), "{reply}");
        }
    }
    assert_eq!(say(&place, "tiny", "still").await, alone("still", 12, None));
}

#[tokio::test]
async fn the_adapter_of_the_command_line_goes_before_the_one_in_use() {
    for (pinned, seed) in [("one", Some(1)), ("base", None)] {
        let place = Place::with(Some(pinned));
        place.add("one", 1);
        let two = place.add("two", 2);
        place.library().use_(&two).unwrap();
        assert_eq!(say(&place, "tiny", pinned).await, alone(pinned, 12, seed.map(adapter)));
        assert_eq!(say(&place, "tiny@two", "two").await, alone("two", 12, Some(adapter(2))));
        assert_eq!(get(&place.app, "/api/adapters").await.1["pinned"], pinned);
    }
}

#[tokio::test]
async fn adapters_are_listed_used_and_rolled_back() {
    let place = Place::new();
    let (_, empty) = get(&place.app, "/api/adapters").await;
    assert_eq!(
        (&empty["adapters"], &empty["in_use"], &empty["model"]),
        (&json!([]), &Value::Null, &json!("tiny"))
    );
    let (status, reply) = post(&place.app, "/api/adapters/rollback", &json!({})).await;
    assert_eq!((status.as_u16(), &reply["error"]["code"]), (409, &json!("nothing_before")));

    let (one, two) = (place.add("one", 1), place.add("two", 2));
    let foreign = place.add_for(Base { sha256: "b".repeat(64), ..base() }, "foreign", 3);
    for (asked, id) in [("one", &one.id), (two.id.as_str(), &two.id)] {
        let list = ok(&place.app, "/api/adapters/use", &json!({"adapter": asked})).await;
        assert_eq!(list["in_use"], **id);
        let in_use: Vec<&Value> =
            list["adapters"].as_array().unwrap().iter().filter(|a| a["in_use"] == true).collect();
        assert_eq!((in_use.len(), &in_use[0]["id"]), (1, &json!(id)));
        assert_eq!(list["adapters"].as_array().unwrap().len(), 2, "those of this model");
        assert_eq!(place.library().active_id(&base().sha256).unwrap().as_ref(), Some(id));
    }
    let back = ok(&place.app, "/api/adapters/rollback", &json!({})).await;
    assert_eq!(back, json!({"from": two.id, "to": one.id, "skipped": []}));
    let list = ok(&place.app, "/api/adapters/use", &json!({"adapter": "base"})).await;
    assert_eq!(list["in_use"], Value::Null);

    for (body, status, code) in [
        (json!({"adapter": "nothing"}), 404, "adapter_not_found"),
        (json!({"adapter": foreign.id}), 400, "wrong_base"),
        (json!({}), 400, "invalid_value"),
        (json!({"adapter": 1}), 400, "invalid_value"),
        (json!({"adapter": "one", "more": 1}), 400, "invalid_value"),
    ] {
        let (got, reply) = post(&place.app, "/api/adapters/use", &body).await;
        assert_eq!((got.as_u16(), &reply["error"]["code"]), (status, &json!(code)), "{body} {reply}");
    }
    let (status, _) = send(&place.app, request(Method::POST, "/api/adapters/use", "{")).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
}
