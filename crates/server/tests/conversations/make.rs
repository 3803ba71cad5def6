//! A server with a scripted model, and what stands around it.

use crate::common::{Place, get, post, request, send};
use agent::Settings;
use agent::model::{Line, Model, ScriptedModel};
use agent::seam::{
    Intent, Judge, Judgement, Knowledge, Page, Remembered, Rule, Rules, SeamError, Web, WebError, WebResult,
    WebResults,
};
use axum::Router;
use axum::body::Body;
use axum::http::{Method, StatusCode};
use knowledge::passage::Hit;
use serde_json::{Value, json};
use server::{AppState, Brain, ServerOptions, app};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use store::Store;

/// Nothing is indexed, one rule is taught, and the web knows one page.
pub(crate) struct Rims;

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
pub(crate) struct Talk {
    pub(crate) place: Place,
    pub(crate) store: Store,
    pub(crate) app: Router,
}

impl Talk {
    pub(crate) fn new(lines: Option<Vec<Line>>) -> Talk {
        let place = Place::new();
        let state = place.state.clone();
        Talk::with(place, state, lines)
    }

    /// A server whose model is not there yet.
    pub(crate) fn loading() -> Talk {
        let place = Place::new();
        let state = AppState::with_home(crate::common::NAME, crate::common::home(place.folder.path(), None));
        Talk::with(place, state, None)
    }

    pub(crate) fn with(place: Place, state: AppState, lines: Option<Vec<Line>>) -> Talk {
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
        let app = app(&ServerOptions::default(), crate::common::PORT, state.with_brain(brain));
        Talk { place, store, app }
    }

    pub(crate) async fn chat(&self) -> String {
        let (status, chat) = post(&self.app, "/api/chats", &json!({})).await;
        assert_eq!(status, StatusCode::CREATED, "{chat}");
        chat["id"].as_str().unwrap().to_owned()
    }

    /// Says something and hears the answer to its end.
    pub(crate) async fn say(&self, chat: &str, body: Value) -> Vec<(String, Value)> {
        let (status, turn) = post(&self.app, &format!("/api/chats/{chat}/messages"), &body).await;
        assert_eq!(status, StatusCode::ACCEPTED, "{turn}");
        self.events(turn["turn"].as_str().unwrap(), None).await
    }

    pub(crate) async fn events(&self, turn: &str, after: Option<usize>) -> Vec<(String, Value)> {
        let mut ask = request(Method::GET, &format!("/api/turns/{turn}/events"), Body::empty());
        if let Some(after) = after {
            ask.headers_mut().insert("last-event-id", after.into());
        }
        let (status, text) = send(&self.app, ask).await;
        assert_eq!(status, StatusCode::OK, "{text}");
        parsed(&text)
    }

    pub(crate) async fn whole(&self, chat: &str) -> Value {
        let (status, whole) = get(&self.app, &format!("/api/chats/{chat}")).await;
        assert_eq!(status, StatusCode::OK, "{whole}");
        whole
    }
}

pub(crate) fn parsed(text: &str) -> Vec<(String, Value)> {
    let event = |event: &str| {
        let field = |name: &str| event.lines().find_map(|line| line.strip_prefix(name)).unwrap().to_owned();
        (field("event: "), serde_json::from_str(&field("data: ")).unwrap())
    };
    text.split_terminator("\n\n").filter(|event| !event.starts_with(':')).map(event).collect()
}

pub(crate) fn names(events: &[(String, Value)]) -> Vec<&str> {
    let mut names: Vec<&str> = events.iter().map(|(name, _)| name.as_str()).collect();
    names.dedup();
    names
}

pub(crate) fn said(message: &Value) -> String {
    message["spans"].as_array().unwrap().iter().map(|span| span["text"].as_str().unwrap()).collect()
}
