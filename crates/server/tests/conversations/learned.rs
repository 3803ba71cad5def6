//! Rules, examples and reports of learning, and who has changed what.

use crate::common::{get, post, request, send};
use crate::make::*;
use agent::model::Line;
use axum::body::Body;
use axum::http::{Method, StatusCode};
use serde_json::{Value, json};
use server::{AppState, ServerOptions, app};

#[tokio::test]
async fn rules_are_taught_and_contradictions_shown() {
    let talk = Talk::new(Some(vec![]));
    let (status, taught) = post(&talk.app, "/api/rules", &json!({"text": "Always use tabs."})).await;
    assert_eq!((status, &taught["like"]), (StatusCode::CREATED, &json!([])));
    let (_, other) = post(&talk.app, "/api/rules", &json!({"text": "Never use tabs."})).await;
    assert_eq!(other["like"][0]["likeness"], "contradiction", "{other}");
    let (rule, old) = (other["rule"]["id"].as_str().unwrap(), &taught["rule"]["id"]);
    let (_, now) =
        post(&talk.app, &format!("/api/rules/{rule}"), &json!({"accept": true, "replaces": old})).await;
    assert_eq!((&now["rule"]["state"], &now["like"]), (&json!("active"), &json!([])));
    let (_, list) = get(&talk.app, "/api/rules").await;
    assert_eq!(list["rules"][0]["state"], "replaced");
    assert_eq!(
        post(&talk.app, &format!("/api/rules/{rule}/delete"), &json!({})).await.0,
        StatusCode::NO_CONTENT
    );
    assert_eq!(post(&talk.app, "/api/rules", &json!({"text": " "})).await.0, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn without_a_store_there_are_no_conversations() {
    let state = AppState::new("tiny");
    let app = app(&ServerOptions::default(), crate::common::PORT, state);
    let (status, error) = get(&app, "/api/chats").await;
    assert_eq!((status, &error["error"]["code"]), (StatusCode::NOT_FOUND, &json!("no_store")));
}

#[tokio::test]
async fn a_rule_is_taken_without_a_model_and_a_preference_is_offered() {
    let talk = Talk::new(Some(vec![Line::text("Done.")]));
    let chat = talk.chat().await;
    let events = talk.say(&chat, json!({"text": "Remember: use tabs"})).await;
    assert_eq!(names(&events), ["begun", "remembered", "text", "done", "kept"]);
    assert_eq!((&events[1].1["rule"]["text"], &events[1].1["holds"]), (&json!("use tabs"), &json!(true)));
    let events = talk.say(&chat, json!({"text": "Sort a list. Always use tabs."})).await;
    assert_eq!(
        names(&events),
        ["begun", "intent", "offered", "rules", "sources", "text", "answered", "done", "kept"]
    );
    assert_eq!(events[2].1["rules"], json!([{"id": "r3", "text": "Always use tabs."}]));
    let whole = talk.whole(&chat).await;
    let [_, taught, _, answer] = &whole["messages"].as_array().unwrap()[..] else { panic!("{whole}") };
    assert_eq!((&taught["spans"][0]["provenance"], &taught["state"]), (&json!("tool"), &json!("complete")));
    assert_eq!(taught["meta"]["remembered"]["rule"]["id"], "r4");
    assert_eq!(answer["meta"]["offered"][0]["id"], "r3");

    // While the model is still being loaded.
    let talk = Talk::loading();
    let chat = talk.chat().await;
    let (status, _) =
        post(&talk.app, &format!("/api/chats/{chat}/messages"), &json!({"text": "hello"})).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    let events = talk.say(&chat, json!({"text": "remember: use tabs"})).await;
    assert_eq!(names(&events), ["begun", "remembered", "text", "done", "kept"]);
}

#[tokio::test]
async fn what_is_learned_is_shown_chosen_and_forgotten() {
    let talk = Talk::new(Some(vec![
        Line::text("A hedgehog, of course."),
        Line::text("I'm sorry, but I can't say."),
    ]));
    let (first, second) = (talk.chat().await, talk.chat().await);
    talk.say(&first, json!({"text": "Which animal has spines?"})).await;
    talk.say(&second, json!({"text": "Which one has two heads?"})).await;
    let answer = |whole: Value| whole["messages"][1]["id"].as_str().unwrap().to_owned();
    let (good, bad) = (answer(talk.whole(&first).await), answer(talk.whole(&second).await));
    let edit = json!({"kind": "edited", "text": "The hedgehog has them."});
    post(&talk.app, &format!("/api/messages/{good}/feedback"), &edit).await;
    let completion = json!({"text": "return a + b", "prompt": "def add(a, b):\n    ", "language": "python"});
    let (status, taken) = post(&talk.app, "/api/feedback", &completion).await;
    assert_eq!((status, &taken["kind"]), (StatusCode::CREATED, &json!("accepted")));

    let (_, list) = get(&talk.app, "/api/export").await;
    let reasons: Vec<_> = list["examples"].as_array().unwrap().iter().map(|e| e["reason"].clone()).collect();
    assert_eq!(reasons, ["replaced", "refusal", "edited", "accepted"]);
    assert_eq!((&list["counts"]["kept"], &list["counts"]["dropped"]["refusal"]), (&json!(2), &json!(1)));
    for (learn, reason) in [(json!(true), "silence"), (json!(false), "taken-out"), (json!(null), "refusal")] {
        let (status, now) = post(&talk.app, &format!("/api/export/{bad}"), &json!({"learn": learn})).await;
        assert_eq!((status, &now["reason"]), (StatusCode::OK, &json!(reason)));
    }
    let kept = get(&talk.app, "/api/export?kept=true").await.1;
    assert_eq!(kept["examples"].as_array().unwrap().len(), 2);

    let folder = talk.store.home().join("datasets/mine");
    let export = learn::export::collect(&talk.store, &learn::export::Options::default()).unwrap();
    export.write(&folder, "mine").unwrap();
    let (_, removed) = post(&talk.app, &format!("/api/chats/{first}/delete"), &json!({})).await;
    assert_eq!(removed["training_rows"], json!(1));
    let path = format!("/api/feedback/{}/delete", taken["id"].as_str().unwrap());
    assert_eq!(post(&talk.app, &path, &json!({})).await.0, StatusCode::NO_CONTENT);
    let rows: u64 =
        learn::dataset::Set::open(&folder).unwrap().manifest.parts.iter().map(|part| part.rows).sum();
    assert_eq!(rows, 0, "completions go the same way");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_anything_new_no_learning_begins() {
    let talk = Talk::new(None);
    let (status, body) = post(&talk.app, "/api/learn", &json!({})).await;
    assert_eq!((status, &body["error"]["code"]), (StatusCode::CONFLICT, &json!("nothing_new")));
    let (status, _) = post(&talk.app, "/api/learn", &json!({"later": true})).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert_eq!(get(&talk.app, "/api/learn/reports").await.1, json!({"reports": []}));
    assert_eq!(get(&talk.app, "/api/learn/reports/x").await.0, StatusCode::NOT_FOUND);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_came_of_cycles_is_listed_the_newest_first() {
    let talk = Talk::new(None);
    let report = |because: &str| {
        json!({"version": 1, "decision": "hold", "because": because, "model": "tiny", "against": "the model alone",
            "scale": 1.0, "again": "longer", "learned": 3, "held": 1, "chats": [], "from": ["a question"], "data": "",
            "seed": 0, "checks": [], "attempts": [],
            "evidence": {"log_evidence": 0.0, "looks": 0, "seen": []}, "changes": [], "losses": [2.0, 1.0],
            "seconds": [1.0, 2.0]})
    };
    for (run, because) in [("20261127-010000-0001", "too few"), ("20261127-020000-0002", "still too few")] {
        let folder = talk.place.folder.path().join("runs").join(run);
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("report.json"), report(because).to_string()).unwrap();
    }
    let (_, body) = get(&talk.app, "/api/learn/reports").await;
    let becauses: Vec<&str> =
        body["reports"].as_array().unwrap().iter().map(|r| r["because"].as_str().unwrap()).collect();
    assert_eq!(becauses, ["still too few", "too few"]);
    let (_, one) = get(&talk.app, "/api/learn/reports/20261127-010000-0001").await;
    assert_eq!((&one["decision"], &one["adapter"]), (&json!("hold"), &Value::Null));
    assert_eq!(one["detail"]["retried"], json!(true));
    for part in ["Learned from 3 examples", "second attempt, with half as many steps again"] {
        assert!(one["text"].as_str().unwrap().contains(part), "{part}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_are_told_with_who_has_made_them() {
    let talk = Talk::new(None);
    let rule = |text: &str| json!({ "text": text });
    let (_, taught) = post(&talk.app, "/api/rules", &rule("Always sing.")).await;
    let mut of_page = request(Method::POST, "/api/rules", Body::from(rule("Never sing.").to_string()));
    for (name, value) in [("content-type", "application/json"), ("sec-fetch-site", "same-origin")] {
        of_page.headers_mut().insert(name, value.parse().unwrap());
    }
    assert_eq!(send(&talk.app, of_page).await.0, StatusCode::CREATED);
    let path = format!("/api/rules/{}/delete", taught["rule"]["id"].as_str().unwrap());
    assert_eq!(post(&talk.app, &path, &json!({})).await.0, StatusCode::NO_CONTENT);
    let adapter = json!({"adapter": talk.place.add("one", 1).id});
    assert_eq!(post(&talk.app, "/api/adapters/use", &adapter).await.0, StatusCode::OK);
    assert_eq!(post(&talk.app, "/api/adapters/rollback", &json!({})).await.0, StatusCode::OK);

    let (_, log) = get(&talk.app, "/api/audit").await;
    let told: Vec<_> = log["entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| (entry["kind"].as_str().unwrap(), entry["by"].as_str().unwrap()))
        .collect();
    let expected = [
        ("adapter rolled back", "api"),
        ("adapter in use", "api"),
        ("rule forgotten", "api"),
        ("rule taught", "page"),
        ("rule taught", "api"),
    ];
    assert_eq!(told, expected);
    assert_eq!(log["entries"][1]["about"], json!({"adapter": adapter["adapter"], "model": "tiny"}));
    assert_eq!(log["next"], Value::Null);

    let (_, page) = get(&talk.app, "/api/audit?limit=2").await;
    assert_eq!((page["entries"].as_array().unwrap().len(), &page["next"]), (2, &json!(4)));
    let (_, rest) = get(&talk.app, "/api/audit?limit=2&before=2").await;
    assert_eq!((&rest["entries"][0]["number"], &rest["next"]), (&json!(1), &Value::Null));
    assert_eq!(get(&talk.app, "/api/audit?before=x").await.0, StatusCode::BAD_REQUEST);
}
