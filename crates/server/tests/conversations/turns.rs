//! Said, answered, kept, heard again, branched, searched, deleted.

use crate::common::{get, post, request};
use crate::make::*;
use agent::model::Line;
use axum::body::Body;
use axum::http::{Method, StatusCode};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::ServiceExt;

#[tokio::test]
async fn a_message_is_answered_step_by_step_and_kept() {
    let talk = Talk::new(Some(vec![Line::text("Hello to you.")]));
    let chat = talk.chat().await;
    let events = talk.say(&chat, json!({"text": "Hello"})).await;
    assert_eq!(names(&events), ["begun", "intent", "rules", "sources", "text", "answered", "done", "kept"]);
    assert_eq!(events[2].1["rules"][0]["text"], "Answer in rhymes.");
    let text: String = events
        .iter()
        .filter(|(name, _)| name == "text")
        .map(|(_, data)| data["text"].as_str().unwrap())
        .collect();
    assert_eq!(text, "Hello to you.");

    let whole = talk.whole(&chat).await;
    assert_eq!(whole["title"], "Hello");
    let [question, answer] = &whole["messages"].as_array().unwrap()[..] else { panic!("{whole}") };
    assert_eq!((said(question), said(answer)), ("Hello".into(), "Hello to you.".into()));
    assert_eq!((&answer["state"], &answer["parent"]), (&json!("complete"), &question["id"]));
    assert_eq!(answer["spans"][0]["provenance"], "model");
    assert_eq!(answer["meta"]["rules"][0]["id"], "r1");
    assert_eq!(events.last().unwrap().1["message"], answer["id"]);
}

#[tokio::test]
async fn the_engine_answers_with_the_history_before_the_question() {
    let talk = Talk::new(None);
    let chat = talk.chat().await;
    let greedy = |text: &str| json!({"text": text, "temperature": 0, "max_tokens": 8, "seed": 1});
    let first = talk.say(&chat, greedy("one")).await;
    let second = talk.say(&chat, greedy("two")).await;
    let prompt = |events: &[(String, Value)]| {
        let answered =
            events.iter().find(|(name, _)| name == "answered").unwrap_or_else(|| panic!("{events:?}"));
        answered.1["usage"]["prompt_tokens"].as_u64().unwrap()
    };
    assert!(prompt(&second) > prompt(&first), "the first exchange is in the second prompt");
    assert_eq!(talk.whole(&chat).await["messages"].as_array().unwrap().len(), 4);
}

#[tokio::test]
async fn a_turn_is_heard_again_from_where_a_listener_was() {
    let talk = Talk::new(Some(vec![Line::text("a b c")]));
    let chat = talk.chat().await;
    let (_, turn) = post(&talk.app, &format!("/api/chats/{chat}/messages"), &json!({"text": "hi"})).await;
    let turn = turn["turn"].as_str().unwrap();
    let all = talk.events(turn, None).await;
    assert_eq!(talk.events(turn, Some(2)).await, all[3..]);
    let (status, error) = get(&talk.app, "/api/turns/0193f000-0000-7000-8000-000000000000/events").await;
    assert_eq!((status, &error["error"]["code"]), (StatusCode::NOT_FOUND, &json!("not_found")));
}

#[tokio::test]
async fn edited_questions_and_other_answers_are_branches() {
    let lines = ["first", "second", "third"].map(Line::text);
    let talk = Talk::new(Some(lines.to_vec()));
    let chat = talk.chat().await;
    talk.say(&chat, json!({"text": "question"})).await;
    let messages = talk.whole(&chat).await["messages"].clone();
    let (question, answer) = (messages[0]["id"].clone(), messages[1]["id"].clone());
    talk.say(&chat, json!({"again": answer})).await;
    talk.say(&chat, json!({"beside": question, "text": "a better question"})).await;

    let whole = talk.whole(&chat).await;
    let messages = whole["messages"].as_array().unwrap();
    let under = |parent: &Value| -> Vec<String> {
        messages.iter().filter(|message| message["parent"] == *parent).map(said).collect()
    };
    assert_eq!(under(&question), ["first", "second"]);
    assert_eq!(under(&Value::Null), ["question", "a better question"]);
    assert_eq!(whole["leaf"], messages.last().unwrap()["id"], "the newest branch is shown");
    let (status, changed) = post(&talk.app, &format!("/api/chats/{chat}"), &json!({"leaf": answer})).await;
    assert_eq!((status, &changed["leaf"]), (StatusCode::OK, &answer));
}

#[tokio::test]
async fn an_answer_that_broke_off_is_gone_on_with_as_one_message() {
    let talk = Talk::new(Some(vec![Line::text("One, two, "), Line::text("three.")]));
    let chat = talk.chat().await;
    talk.say(&chat, json!({"text": "count"})).await;
    let messages = talk.whole(&chat).await["messages"].clone();
    let (question, first) = (messages[0]["id"].clone(), messages[1]["id"].clone());
    let events = talk.say(&chat, json!({"continue": first})).await;
    assert_eq!(events.iter().find(|(name, _)| name == "text").unwrap().1["text"], "One, two, ");

    let whole = talk.whole(&chat).await;
    let [_, old, new] = &whole["messages"].as_array().unwrap()[..] else { panic!("{whole}") };
    assert_eq!((said(old).as_str(), said(new).as_str()), ("One, two, ", "One, two, three."));
    assert_eq!((&new["parent"], &new["state"]), (&question, &json!("complete")));
    assert_eq!(whole["leaf"], new["id"]);

    let path = format!("/api/chats/{chat}/messages");
    for wrong in [json!({"continue": question}), json!({"continue": first, "text": "x"})] {
        assert_eq!(post(&talk.app, &path, &wrong).await.0, StatusCode::BAD_REQUEST, "{wrong}");
    }
}

#[tokio::test]
async fn the_engine_goes_on_after_the_answer_so_far() {
    let talk = Talk::new(None);
    let chat = talk.chat().await;
    let how = |mut say: Value| {
        say["temperature"] = 0.into();
        say["max_tokens"] = 8.into();
        say
    };
    let prompt = |events: &[(String, Value)]| {
        let answered = events.iter().find(|(name, _)| name == "answered").unwrap();
        answered.1["usage"]["prompt_tokens"].as_u64().unwrap()
    };
    let first = talk.say(&chat, how(json!({"text": "one"}))).await;
    let answer = talk.whole(&chat).await["messages"][1].clone();
    let second = talk.say(&chat, how(json!({"continue": answer["id"]}))).await;
    assert!(prompt(&second) > prompt(&first), "what was said is in the prompt");
    let whole = talk.whole(&chat).await["messages"][2].clone();
    assert!(said(&whole).starts_with(&said(&answer)) && said(&whole) != said(&answer), "{whole}");
}

#[tokio::test]
async fn no_turn_begins_in_a_round_that_ends() {
    let talk = Talk::new(Some(vec![Line::text("first")]));
    let chat = talk.chat().await;
    talk.place.state.stop_turns();
    let (status, error) =
        post(&talk.app, &format!("/api/chats/{chat}/messages"), &json!({"text": "hi"})).await;
    assert_eq!((status, &error["error"]["code"]), (StatusCode::SERVICE_UNAVAILABLE, &json!("restarting")));
    assert_eq!(talk.whole(&chat).await["messages"], json!([]), "nothing was saved");
}

#[tokio::test]
async fn a_rule_says_where_it_was_used() {
    let talk = Talk::new(Some(vec![Line::text("first"), Line::text("second")]));
    let rule = talk.store.rules().add(store::NewRule::typed("Answer in rhymes.")).unwrap().id;
    let path = format!("/api/rules/{rule}/uses");
    assert_eq!(get(&talk.app, &path).await, (StatusCode::OK, json!({"count": 0, "uses": []})));
    let chat = talk.chat().await;
    talk.say(&chat, json!({"text": "Hello"})).await;
    let answer = talk.store.messages().branch(chat.parse().unwrap(), None).unwrap().pop().unwrap();
    let used = json!({"rules": [{"id": "other", "text": "x"}, {"id": rule.to_string(), "text": "y"}]});
    talk.store.messages().set_meta(answer.id, used).unwrap();
    let (_, uses) = get(&talk.app, &path).await;
    assert_eq!(uses["count"], 1);
    assert_eq!(uses["uses"][0]["title"], "Hello");
    assert_eq!(
        (&uses["uses"][0]["chat"], &uses["uses"][0]["message"]),
        (&json!(chat), &json!(answer.id.to_string()))
    );
}

#[tokio::test]
async fn a_rewritten_answer_stands_beside_the_one_that_was_given() {
    let talk = Talk::new(Some(vec![Line::text("first")]));
    let chat = talk.chat().await;
    talk.say(&chat, json!({"text": "question"})).await;
    let messages = talk.whole(&chat).await["messages"].clone();
    let edit = |at: usize| format!("/api/messages/{}/edit", messages[at]["id"].as_str().unwrap());
    let (status, new) = post(&talk.app, &edit(1), &json!({"text": "better"})).await;
    assert_eq!(status, StatusCode::CREATED, "{new}");
    assert_eq!(new["spans"], json!([{"text": "better", "provenance": "user"}]));

    let whole = talk.whole(&chat).await;
    assert_eq!(whole["leaf"], new["id"], "it is shown");
    assert_eq!(said(&whole["messages"][1]), "first", "the answer that was given stays");
    let feedback = &whole["feedback"][0];
    assert_eq!(feedback["message"], messages[1]["id"]);
    assert_eq!((&feedback["kind"], &feedback["text"]), (&json!("edited"), &json!("better")));

    assert_eq!(
        post(&talk.app, &edit(0), &json!({"text": "x"})).await.0,
        StatusCode::BAD_REQUEST,
        "a question"
    );
    assert_eq!(post(&talk.app, &edit(1), &json!({"text": " "})).await.0, StatusCode::BAD_REQUEST, "nothing");
    assert_eq!(talk.whole(&chat).await["messages"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn conversations_go_out_and_come_in_again() {
    let talk = Talk::new(Some(vec![Line::text("first")]));
    let chat = talk.chat().await;
    talk.say(&chat, json!({"text": "question"})).await;
    let (status, file) = get(&talk.app, &format!("/api/chats/{chat}/export")).await;
    assert_eq!(status, StatusCode::OK, "{file}");
    post(&talk.app, &format!("/api/chats/{chat}/delete"), &json!({})).await;

    let foreign =
        json!({"conversations": [{"from": "human", "value": "hi"}, {"from": "gpt", "value": "hello"}]});
    let rows = json!({"conversations": [file, foreign, {"nothing": 1}]});
    let (status, done) = post(&talk.app, "/api/chats/import", &rows).await;
    assert_eq!(status, StatusCode::OK, "{done}");
    assert_eq!((&done["imported"], &done["known"]), (&json!(2), &json!(0)), "{done}");
    assert!(done["skipped"][0].as_str().unwrap().starts_with("conversation 3: "), "{done}");
    let (_, list) = get(&talk.app, "/api/chats").await;
    assert_eq!(list["chats"].as_array().unwrap().len(), 2);
    let (_, again) = post(&talk.app, "/api/chats/import", &rows).await;
    assert_eq!((&again["imported"], &again["known"]), (&json!(0), &json!(2)), "{again}");
}

#[tokio::test]
async fn one_answer_at_a_time_and_stopping_keeps_what_was_said() {
    let talk = Talk::new(None);
    let chat = talk.chat().await;
    let path = format!("/api/chats/{chat}/messages");
    let (_, turn) =
        post(&talk.app, &path, &json!({"text": "count", "max_tokens": 1500, "temperature": 0})).await;
    let turn = turn["turn"].as_str().unwrap().to_owned();
    let ask = request(Method::GET, &format!("/api/turns/{turn}/events"), Body::empty());
    let mut body = talk.app.clone().oneshot(ask).await.unwrap().into_body();
    let mut text = String::new();
    while !text.contains("event: text\n") {
        let frame = body.frame().await.unwrap_or_else(|| panic!("it ended: {text}")).unwrap();
        text += std::str::from_utf8(frame.data_ref().unwrap()).unwrap();
    }
    let (status, error) = post(&talk.app, &path, &json!({"text": "and now?"})).await;
    assert_eq!((status, &error["error"]["code"]), (StatusCode::CONFLICT, &json!("turn_in_progress")));
    let (status, _) = post(&talk.app, &format!("/api/turns/{turn}/stop"), &json!({})).await;
    assert_eq!(status, StatusCode::OK);
    let events = talk.events(&turn, None).await;
    assert!(events.iter().any(|(name, data)| name == "done" && data["finish"] == "cancelled"), "{events:?}");
    let whole = talk.whole(&chat).await;
    assert_eq!(whole["messages"].as_array().unwrap().len(), 2, "the refused question was not kept");
    assert_eq!(whole["messages"][1]["state"], "stopped");
    assert!(!said(&whole["messages"][1]).is_empty());
    drop(talk.place);
}

#[tokio::test]
async fn a_search_waits_for_consent() {
    for allow in [true, false] {
        let talk = Talk::new(Some(vec![Line::text("It rained [1].")]));
        let chat = talk.chat().await;
        let (_, turn) =
            post(&talk.app, &format!("/api/chats/{chat}/messages"), &json!({"text": "the news"})).await;
        let turn = turn["turn"].as_str().unwrap().to_owned();
        let consent = json!({"call": "search", "allow": allow});
        let (status, _) = post(&talk.app, &format!("/api/turns/{turn}/consent"), &consent).await;
        assert_eq!(status, StatusCode::OK);
        let events = talk.events(&turn, None).await;
        let sources = &events.iter().find(|(name, _)| name == "sources").unwrap().1["sources"];
        assert_eq!(sources.as_array().unwrap().len(), usize::from(allow), "{events:?}");
    }
}

#[tokio::test]
async fn conversations_are_listed_found_and_deleted() {
    let talk = Talk::new(Some(vec![Line::text("A hedgehog.")]));
    let chat = talk.chat().await;
    talk.say(&chat, json!({"text": "Which animal has spines?"})).await;
    let (_, found) = get(&talk.app, "/api/chats/search?q=hedgehog").await;
    assert_eq!(found["found"][0]["chat"], json!(chat));
    let marked =
        found["found"][0]["snippet"].as_array().unwrap().iter().find(|piece| piece["marked"] == true);
    assert_eq!(marked.unwrap()["text"], "hedgehog");

    let answer = talk.whole(&chat).await["messages"][1]["id"].as_str().unwrap().to_owned();
    let path = format!("/api/messages/{answer}/feedback");
    assert_eq!(post(&talk.app, &path, &json!({"kind": "up"})).await.0, StatusCode::CREATED);
    assert_eq!(post(&talk.app, &path, &json!({"kind": "down"})).await.0, StatusCode::CREATED);
    assert_eq!(post(&talk.app, &path, &json!({"kind": "edited"})).await.0, StatusCode::BAD_REQUEST);
    let feedback = talk.whole(&chat).await["feedback"].clone();
    assert_eq!((feedback.as_array().unwrap().len(), &feedback[0]["kind"]), (1, &json!("down")));

    let (_, list) = get(&talk.app, "/api/chats").await;
    assert_eq!(list["chats"].as_array().unwrap().len(), 1);
    let export = learn::export::collect(&talk.store, &learn::export::Options::default()).unwrap();
    assert_eq!(export.kept().count(), 0, "nobody learns from what was disliked");
    let (status, removed) = post(&talk.app, &format!("/api/chats/{chat}/delete"), &json!({})).await;
    assert_eq!((status, &removed["messages"]), (StatusCode::OK, &json!(2)));
    assert_eq!(removed["training_rows"], json!(0));
    assert_eq!(get(&talk.app, &format!("/api/chats/{chat}")).await.0, StatusCode::NOT_FOUND);
    assert!(get(&talk.app, "/api/chats/search?q=hedgehog").await.1["found"].as_array().unwrap().is_empty());
    assert!(talk.store.check().unwrap().is_empty());
}
