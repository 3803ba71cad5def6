//! Turns in a real store: what was said is there, whatever happened.

use crate::make::*;
use agent::keep::{Keeper, history};
use agent::model::{Line, ScriptedModel};
use agent::*;
use serde_json::json;
use std::sync::Arc;
use store::{Id, NewChat, NewMessage, Provenance, State, Store};

struct Place {
    _folder: tempfile::TempDir,
    store: Store,
    chat: Id,
}

impl Place {
    fn new() -> Place {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let chat = store.chats().create(NewChat::default()).unwrap().id;
        Place { _folder: folder, store, chat }
    }

    fn turn(
        &self,
        rims: Rims,
        text: &str,
        lines: impl IntoIterator<Item = Line>,
    ) -> Result<Answer, TurnError> {
        let before = history(&self.branch());
        let asked = self.store.messages().append(self.chat, NewMessage::user(text)).unwrap();
        let mut keeper = Keeper::new(self.store.clone(), self.chat, asked.id);
        let rims = Arc::new(rims);
        let agent = Agent {
            model: Arc::new(ScriptedModel::new(4000, lines)),
            judge: rims.clone(),
            knowledge: rims.clone(),
            rules: rims.clone(),
            web: rims.clone(),
            settings: Settings { steps: 4, ..Settings::default() },
        };
        let ask = Ask { history: before, ..ask(text) };
        agent.answer(&ask, &Cancel::default(), &mut keeper, &mut |_: TurnEvent| ())
    }

    fn branch(&self) -> Vec<store::Message> {
        self.store.messages().branch(self.chat, None).unwrap()
    }
}

#[test]
fn every_step_of_a_turn_is_a_row() {
    let place = Place::new();
    let rims = Rims { hits: vec![hit("src/a.rs", "fn parse() {}")], ..Rims::default() };
    let lines = [Line::call("search_code", json!({"query": "parse"})), Line::text("It is in [1].")];
    place.turn(rims, "where is parse?", lines).unwrap();

    let branch = place.branch();
    let roles: Vec<_> = branch.iter().map(|message| (message.role.as_str(), message.state)).collect();
    let whole = |role| (role, State::Complete);
    assert_eq!(roles, [whole("user"), whole("assistant"), whole("tool"), whole("assistant")]);
    assert_eq!(branch[1].meta["calls"][0]["name"], "search_code");
    assert_eq!(branch[2].meta["call_id"], branch[1].meta["calls"][0]["id"]);
    assert_eq!(branch[2].spans[0].provenance, Provenance::File);
    assert_eq!(branch[3].text(), "It is in [1].");
    assert_eq!(branch[3].spans[0].provenance, Provenance::Model);
    assert_eq!(
        (&branch[1].meta["intent"]["intent"], &branch[3].meta["finish"]),
        (&json!("chat"), &json!("stop"))
    );
}

#[test]
fn the_next_turn_is_shown_what_was_kept() {
    let place = Place::new();
    let rims = || Rims { hits: vec![hit("src/a.rs", "fn parse() {}")], ..Rims::default() };
    let lines = [Line::call("search_code", json!({"query": "parse"})), Line::text("There.")];
    let said = place.turn(rims(), "where?", lines).unwrap();
    let before = history(&place.branch());
    let roles: Vec<_> = before.iter().map(|message| message.role).collect();
    assert_eq!(roles, [Role::User, Role::Assistant, Role::Tool, Role::Assistant]);
    assert_eq!(before[1].calls[0].name, "search_code");
    assert_eq!(before[3], said.message);
    // A result whose call is gone, and a call whose result is gone, are not shown.
    assert!(history(&place.branch()[2..3]).is_empty());
    assert!(history(&place.branch()[1..2]).is_empty());
}

#[test]
fn a_failure_is_kept_with_its_reason_and_what_was_said_before_it() {
    let place = Place::new();
    let failed = place.turn(
        Rims::default(),
        "hi",
        [Line::Fails(agent::model::ModelError::Failed("the model broke".into()))],
    );
    assert!(failed.is_err());
    let branch = place.branch();
    assert_eq!(branch[1].state, State::Failed);
    assert!(branch[1].meta["error"].as_str().unwrap().contains("the model broke"), "{}", branch[1].meta);
    assert_eq!(history(&branch).len(), 1, "a failure without a word is not shown to the model");
}

#[test]
fn a_long_answer_is_kept_once_although_it_is_told_in_parts() {
    let place = Place::new();
    let long = "ünd so weiter, ".repeat(200);
    place.turn(Rims::default(), "hi", [Line::text(&long)]).unwrap();
    assert_eq!(place.branch()[1].text(), long);
}
