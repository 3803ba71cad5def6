//! Doubles for the rims of a turn.

use agent::model::{Line, ScriptedModel};
use agent::seam::*;
use agent::*;
use knowledge::passage::{Hit, Passage, Why};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

/// Everything outside of a turn, and what it saw.
#[derive(Default)]
pub(crate) struct Rims {
    pub(crate) intent: Option<Judgement>,
    pub(crate) hits: Vec<Hit>,
    /// A real index, for what reads files.
    pub(crate) index: Option<Arc<knowledge::Knowledge>>,
    pub(crate) rules: Vec<Rule>,
    pub(crate) web: Option<Result<WebResults, WebError>>,
    pub(crate) page: Option<Page>,
    pub(crate) queries: Mutex<Vec<String>>,
    pub(crate) drafts: Mutex<Vec<String>>,
}

impl Judge for Rims {
    fn judge(&self, _: &str) -> Judgement {
        self.intent.unwrap_or(Judgement { intent: Intent::Chat, confidence: 0.9, needs_code: false })
    }
}

impl Knowledge for Rims {
    fn search(&self, query: &str, _: Option<&Path>, limit: usize) -> Result<Vec<Hit>, SeamError> {
        self.queries.lock().unwrap().push(format!("code: {query}"));
        Ok(self.hits.iter().take(limit).cloned().collect())
    }
    fn names(&self, text: &str, within: Option<&Path>) -> Result<bool, SeamError> {
        self.index.as_ref().map_or(Ok(false), |index| Knowledge::names(&**index, text, within))
    }
    fn read(&self, path: &str, within: Option<&Path>) -> Result<(PathBuf, String), SeamError> {
        let index = self.index.as_ref().ok_or_else(|| SeamError("nothing is indexed".into()))?;
        Knowledge::read(&**index, path, within)
    }
}

impl Rules for Rims {
    fn applying(&self, _: &str, _: Option<&Path>) -> Result<Vec<Rule>, SeamError> {
        Ok(self.rules.clone())
    }
    fn draft(&self, text: &str, _: Option<&Path>) -> Result<Rule, SeamError> {
        self.drafts.lock().unwrap().push(text.to_owned());
        Ok(Rule { id: "r1".into(), text: text.into() })
    }
    fn offer(&self, text: &str, project: Option<&Path>) -> Result<Option<Rule>, SeamError> {
        self.draft(text, project).map(Some)
    }
    fn remember(&self, text: &str) -> Result<Remembered, SeamError> {
        let rule = Rule { id: "r2".into(), text: text.into() };
        Ok(Remembered { rule, new: true, holds: true, alike: Vec::new() })
    }
}

impl Web for Rims {
    fn search(&self, query: &str, _: usize) -> Result<WebResults, WebError> {
        self.queries.lock().unwrap().push(format!("web: {query}"));
        self.web.clone().unwrap_or(Err(WebError::Unconfigured))
    }
    fn fetch(&self, url: &str) -> Result<Page, WebError> {
        self.queries.lock().unwrap().push(format!("page: {url}"));
        let refused = || WebError::Refused { url: url.into(), why: "no such page".into() };
        self.page.clone().ok_or_else(refused)
    }
}

/// Keeps steps in memory.
#[derive(Default)]
pub(crate) struct Kept {
    pub(crate) steps: Vec<Step>,
    /// Fails from this one on.
    pub(crate) full: Option<usize>,
}

impl Recorder for Kept {
    fn record(&mut self, step: Step) -> Result<(), RecordError> {
        if self.full.is_some_and(|full| self.steps.len() >= full) {
            return Err(RecordError("the disk is full".into()));
        }
        self.steps.push(step);
        Ok(())
    }
}

/// Hears all, and allows what it is told to.
#[derive(Default)]
pub(crate) struct Ears {
    pub(crate) events: Vec<TurnEvent>,
    pub(crate) allow: bool,
    pub(crate) asked: Vec<ToolCall>,
}

impl Listener for Ears {
    fn hear(&mut self, event: TurnEvent) {
        // What is heard goes over the wire and back.
        let json = serde_json::to_string(&event).unwrap();
        assert_eq!(serde_json::from_str::<TurnEvent>(&json).unwrap(), event, "{json}");
        self.events.push(event);
    }
    fn allows(&mut self, call: &ToolCall) -> bool {
        self.asked.push(call.clone());
        self.allow
    }
}

impl Ears {
    pub(crate) fn text(&self) -> String {
        let text = |event: &TurnEvent| match event {
            TurnEvent::Text { text, .. } => Some(text.clone()),
            _ => None,
        };
        self.events.iter().filter_map(text).collect()
    }
    pub(crate) fn kinds(&self) -> Vec<String> {
        let mut kinds: Vec<String> = Vec::new();
        for event in &self.events {
            let kind = serde_json::to_value(event).unwrap()["type"].as_str().unwrap().to_owned();
            if kinds.last() != Some(&kind) {
                kinds.push(kind);
            }
        }
        kinds
    }
}

/// One turn, and all that came of it.
pub(crate) struct Played {
    pub(crate) result: Result<Answer, TurnError>,
    pub(crate) ears: Ears,
    pub(crate) kept: Kept,
    pub(crate) rims: Arc<Rims>,
    pub(crate) prompts: Vec<Prompt>,
}

pub(crate) fn play(rims: Rims, ask: Ask, lines: impl IntoIterator<Item = Line>) -> Played {
    play_with(rims, ask, lines, 4000, Ears::default(), Kept::default())
}

pub(crate) fn play_with(
    rims: Rims,
    ask: Ask,
    lines: impl IntoIterator<Item = Line>,
    window: usize,
    mut ears: Ears,
    mut kept: Kept,
) -> Played {
    let rims = Arc::new(rims);
    let model = Arc::new(ScriptedModel::new(window, lines));
    let agent = Agent {
        model: model.clone(),
        judge: rims.clone(),
        knowledge: rims.clone(),
        rules: rims.clone(),
        web: rims.clone(),
        settings: Settings { steps: 4, ..Settings::default() },
    };
    let result = agent.answer(&ask, &Cancel::default(), &mut kept, &mut ears);
    Played { result, ears, kept, rims, prompts: model.prompts() }
}

pub(crate) fn ask(text: &str) -> Ask {
    Ask { text: text.into(), web: WebUse::On, ..Ask::default() }
}

pub(crate) fn hit(path: &str, text: &str) -> Hit {
    let passage = Passage {
        root: "/home/me/project".into(),
        path: path.into(),
        lines: (3, 9),
        language: "rust".into(),
        kind: "function".into(),
        name: Some("parse".into()),
        signature: None,
        text: text.into(),
    };
    Hit { passage, score: 1.0, why: Why { words: Some(1), ..Why::default() } }
}

pub(crate) fn result(url: &str, text: &str) -> WebResult {
    WebResult { title: "A page".into(), url: url.into(), text: text.into() }
}

pub(crate) fn results(results: Vec<WebResult>) -> WebResults {
    WebResults { provider: "fake".into(), results, cached: false, credits: None, notices: vec![] }
}

pub(crate) fn judged(intent: Intent, needs_code: bool) -> Option<Judgement> {
    Some(Judgement { intent, confidence: 0.97, needs_code })
}
