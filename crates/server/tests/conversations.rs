//! Conversations over HTTP: said, answered, kept, heard again, branched, searched, deleted.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use agent::Settings;
use agent::model::{Line, Model, ScriptedModel};
use agent::seam::{
    Intent, Judge, Judgement, Knowledge, Page, Remembered, Rule, Rules, SeamError, Web, WebError, WebResult,
    WebResults,
};
use axum::Router;
use axum::body::Body;
use axum::http::{Method, StatusCode};
use common::{Place, get, post, request, send};
use http_body_util::BodyExt;
use knowledge::passage::Hit;
use serde_json::{Value, json};
use server::{AppState, Brain, ServerOptions, app};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use store::Store;
use tower::ServiceExt;

/// Nothing is indexed, one rule is taught, and the web knows one page.
struct Rims;

impl Judge for Rims {
    fn judge(&self, text: &str) -> Judgement {
        let intent = if text.contains("news") { Intent::Search } else { Intent::Chat };
        Judgement { intent, confidence: 0.9, needs_code: false }
    }
}

impl Knowledge for Rims {
    fn search(&self, _: &str, _: Option<&Path>, _: usize) -> Result<Vec<Hit>, SeamError> {
        Ok(Vec::new())
    }
    fn names(&self, _: &str, _: Option<&Path>) -> Result<bool, SeamError> {
        Ok(false)
    }
    fn read(&self, _: &str, _: Option<&Path>) -> Result<(PathBuf, String), SeamError> {
        Err(SeamError("nothing is indexed".into()))
    }
}

impl Rules for Rims {
    fn applying(&self, _: &str, _: Option<&Path>) -> Result<Vec<Rule>, SeamError> {
        Ok(vec![Rule { id: "r1".into(), text: "Answer in rhymes.".into() }])
    }
    fn draft(&self, text: &str, _: Option<&Path>) -> Result<Rule, SeamError> {
        Ok(Rule { id: "r2".into(), text: text.into() })
    }
    fn offer(&self, text: &str, _: Option<&Path>) -> Result<Option<Rule>, SeamError> {
        Ok(Some(Rule { id: "r3".into(), text: text.into() }))
    }
    fn remember(&self, text: &str) -> Result<Remembered, SeamError> {
        let rule = Rule { id: "r4".into(), text: text.into() };
        Ok(Remembered { rule, new: true, holds: true, alike: Vec::new() })
    }
}

impl Web for Rims {
    fn search(&self, _: &str, _: usize) -> Result<WebResults, WebError> {
        let result =
            WebResult { title: "News".into(), url: "https://example.org/".into(), text: "It rained.".into() };
        Ok(WebResults {
            provider: "fake".into(),
            results: vec![result],
            cached: false,
            credits: None,
            notices: vec![],
        })
    }
    fn fetch(&self, url: &str) -> Result<Page, WebError> {
        Err(WebError::Refused { url: url.into(), why: "no".into() })
    }
}

/// A server whose model reads its answers from a script, or the tiny model's engine.
struct Talk {
    place: Place,
    store: Store,
    app: Router,
}

impl Talk {
    fn new(lines: Option<Vec<Line>>) -> Talk {
        let place = Place::new();
        let state = place.state.clone();
        Talk::with(place, state, lines)
    }

    /// A server whose model is not there yet.
    fn loading() -> Talk {
        let place = Place::new();
        let state = AppState::with_home(common::NAME, common::home(place.folder.path(), None));
        Talk::with(place, state, None)
    }

    fn with(place: Place, state: AppState, lines: Option<Vec<Line>>) -> Talk {
        let store = Store::open(place.folder.path()).unwrap();
        let rims = Arc::new(Rims);
        let remote = lines.map(|lines| Arc::new(ScriptedModel::new(4000, lines)) as Arc<dyn Model>);
        let brain = Brain {
            store: store.clone(),
            judge: rims.clone(),
            judging: Arc::default(),
            index: Arc::new(knowledge::Knowledge::open(&place.folder.path().join("index.db"), None).unwrap()),
            folders: Vec::new(),
            knowledge: rims.clone(),
            rules: rims.clone(),
            web: rims,
            remote,
            settings: Settings { tools: false, ..Settings::default() },
        };
        let app = app(&ServerOptions::default(), common::PORT, state.with_brain(brain));
        Talk { place, store, app }
    }

    async fn chat(&self) -> String {
        let (status, chat) = post(&self.app, "/api/chats", &json!({})).await;
        assert_eq!(status, StatusCode::CREATED, "{chat}");
        chat["id"].as_str().unwrap().to_owned()
    }

    /// Says something and hears the answer to its end.
    async fn say(&self, chat: &str, body: Value) -> Vec<(String, Value)> {
        let (status, turn) = post(&self.app, &format!("/api/chats/{chat}/messages"), &body).await;
        assert_eq!(status, StatusCode::ACCEPTED, "{turn}");
        self.events(turn["turn"].as_str().unwrap(), None).await
    }

    async fn events(&self, turn: &str, after: Option<usize>) -> Vec<(String, Value)> {
        let mut ask = request(Method::GET, &format!("/api/turns/{turn}/events"), Body::empty());
        if let Some(after) = after {
            ask.headers_mut().insert("last-event-id", after.into());
        }
        let (status, text) = send(&self.app, ask).await;
        assert_eq!(status, StatusCode::OK, "{text}");
        parsed(&text)
    }

    async fn whole(&self, chat: &str) -> Value {
        let (status, whole) = get(&self.app, &format!("/api/chats/{chat}")).await;
        assert_eq!(status, StatusCode::OK, "{whole}");
        whole
    }
}

fn parsed(text: &str) -> Vec<(String, Value)> {
    let event = |event: &str| {
        let field = |name: &str| event.lines().find_map(|line| line.strip_prefix(name)).unwrap().to_owned();
        (field("event: "), serde_json::from_str(&field("data: ")).unwrap())
    };
    text.split_terminator("\n\n").filter(|event| !event.starts_with(':')).map(event).collect()
}

fn names(events: &[(String, Value)]) -> Vec<&str> {
    let mut names: Vec<&str> = events.iter().map(|(name, _)| name.as_str()).collect();
    names.dedup();
    names
}

fn said(message: &Value) -> String {
    message["spans"].as_array().unwrap().iter().map(|span| span["text"].as_str().unwrap()).collect()
}

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
    let app = app(&ServerOptions::default(), common::PORT, state);
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
            "scale": 1.0, "retried": false, "learned": 3, "held": 1, "chats": [], "from": ["a question"], "data": "",
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
    assert!(one["text"].as_str().unwrap().contains("Learned from 3 examples"));
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
