//! Feedback, rules, corrections, runs, settings, requests, audit.

use crate::store;
use serde_json::json;
use std::time::Duration;
use store::{
    FeedbackKind, Likeness, NewChat, NewFeedback, NewMessage, NewRule, Request, RuleState, Run, RunState,
    Scope, StoreError, Time,
};

#[test]
fn feedback_belongs_to_a_message() {
    let (_home, store) = store();
    let chat = store.chats().create(NewChat::default()).unwrap().id;
    let message = store.messages().append(chat, NewMessage::assistant("4")).unwrap().id;
    let new = |kind, text: Option<&str>| NewFeedback {
        message: Some(message),
        kind,
        text: text.map(String::from),
        meta: json!({}),
    };
    store.feedback().add(new(FeedbackKind::Up, None)).unwrap();
    store.feedback().add(new(FeedbackKind::Edited, Some("5"))).unwrap();
    store.feedback().add(new(FeedbackKind::Down, None)).unwrap();
    let kinds = |rows: Vec<store::FeedbackRow>| rows.iter().map(|row| row.kind).collect::<Vec<_>>();
    let all = [FeedbackKind::Edited, FeedbackKind::Down];
    assert_eq!(kinds(store.feedback().of_chat(chat).unwrap()), all, "a thumb replaces a thumb");
    let completion = NewFeedback {
        message: None,
        kind: FeedbackKind::Accepted,
        text: Some("x()".into()),
        meta: json!({}),
    };
    store.feedback().add(completion).unwrap();
    assert_eq!(store.feedback().since(Time(0)).unwrap().len(), 3);
    let nowhere = NewFeedback { message: Some(store::Id::new()), ..new(FeedbackKind::Up, None) };
    assert!(matches!(store.feedback().add(nowhere), Err(StoreError::NotFound { .. })));
    store.chats().remove(chat).unwrap();
    assert_eq!(store.feedback().since(Time(0)).unwrap().len(), 1);
}

#[test]
fn the_newer_rule_wins_where_the_user_says_so() {
    let (_home, store) = store();
    let rules = store.rules();
    let old = rules.add(NewRule::typed(" Use tabs ")).unwrap();
    assert_eq!(old.text, "Use tabs");
    let everywhere = Scope::default();
    let alike = rules.like("Use spaces", &everywhere).unwrap();
    assert_eq!((alike.len(), alike[0].likeness), (1, Likeness::Contradiction));
    let new = rules.add(NewRule { replaces: Some(old.id), ..NewRule::typed("Use spaces") }).unwrap();
    assert_eq!(rules.get(old.id).unwrap().state, RuleState::Replaced);
    assert_eq!(rules.list(&[RuleState::Active]).unwrap(), std::slice::from_ref(&new));
    assert_eq!(rules.like("Use spaces!", &everywhere).unwrap()[0].likeness, Likeness::Duplicate);
    rules.accept(old.id, Some(new.id)).unwrap();
    assert_eq!(rules.get(new.id).unwrap().state, RuleState::Replaced);

    let python = Scope { files: Some("*.py".into()), ..Scope::default() };
    rules.edit(old.id, None, Some(python.clone())).unwrap();
    let go = Scope { files: Some("*.go".into()), ..Scope::default() };
    assert_eq!(rules.like("Use spaces", &go).unwrap(), [], "other files, other habits");
    assert_eq!(rules.like("Use spaces", &python).unwrap().len(), 1);
    assert_eq!(rules.find(&old.id.short()).unwrap().id, old.id);
    rules.remove(old.id).unwrap();
    assert!(matches!(rules.find(&old.id.short()), Err(StoreError::NotFound { .. })));
    for text in [" ".to_string(), "x".repeat(2001)] {
        assert!(matches!(rules.add(NewRule::typed(text)), Err(StoreError::Invalid(_))));
    }
}

#[test]
fn the_last_correction_of_a_text_holds() {
    let (_home, store) = store();
    store.intents().correct("weather?", "chat", "search", None).unwrap();
    store.intents().correct("weather?", "search", "chat", None).unwrap();
    let all = store.intents().list().unwrap();
    assert_eq!((all.len(), all[0].meant.as_str()), (1, "chat"));
}

#[test]
fn runs_and_settings_are_written_over() {
    let (_home, store) = store();
    let mut run = Run {
        id: "20261127-1".into(),
        kind: "train".into(),
        state: RunState::Running,
        started: Time(1),
        ended: None,
        model: None,
        adapter: None,
        detail: json!({"step": 1}),
    };
    store.runs().put(run.clone()).unwrap();
    (run.state, run.ended) = (RunState::Done, Some(Time(2)));
    store.runs().put(run.clone()).unwrap();
    assert_eq!(store.runs().list().unwrap(), [run.clone()]);
    assert_eq!(store.runs().get("20261127-1").unwrap(), run);
    store.settings().set("theme", json!("dark")).unwrap();
    store.settings().set("theme", json!("light")).unwrap();
    assert_eq!(store.settings().get("theme").unwrap(), Some(json!("light")));
    store.settings().set("theme", json!(null)).unwrap();
    assert!(store.settings().list().unwrap().is_empty());
}

#[test]
fn requests_are_counted_and_answers_go_stale() {
    let (_home, store) = store();
    let out = store.outgoing();
    let request = Request {
        time: Time(5),
        purpose: "web search".into(),
        method: "POST".into(),
        address: "https://api.tavily.com/search".into(),
        sent: 10,
        received: 2000,
        status: Some(200),
        error: None,
        millis: 12,
        credits: 1.0,
    };
    out.log(request.clone()).unwrap();
    assert_eq!(out.list(9).unwrap(), [request]);
    assert_eq!(out.charged("tavily").unwrap(), 0.0);
    out.charge("tavily", 1.0).unwrap();
    assert_eq!(out.charge("tavily", 2.0).unwrap(), 3.0);
    out.cache("tavily", "q", &json!([1]), Duration::from_secs(60)).unwrap();
    assert_eq!(out.cached("tavily", "q").unwrap().unwrap().0, json!([1]));
    assert!(out.cached("searxng", "q").unwrap().is_none());
    out.cache("tavily", "q", &json!([2]), Duration::ZERO).unwrap();
    assert!(out.cached("tavily", "q").unwrap().is_none());
}

#[test]
fn the_audit_log_shows_a_change() {
    let (home, store) = store();
    for n in 0..3 {
        store.audit().add("download", json!({"n": n})).unwrap();
    }
    assert_eq!(store.audit().check().unwrap(), [] as [String; 0]);
    assert_eq!(store.audit().list(1).unwrap()[0].seq, 3);
    drop(store);
    let path = home.path().join("hone.db");
    let outside = rusqlite::Connection::open(&path).unwrap();
    assert!(outside.execute("UPDATE audit SET kind = 'x' WHERE seq = 2", []).is_err());
    assert!(outside.execute("DELETE FROM audit WHERE seq = 3", []).is_err());
    outside.execute_batch("DROP TRIGGER audit_kept; UPDATE audit SET kind = 'x' WHERE seq = 2").unwrap();
    drop(outside);
    let store = store::Store::open(home.path()).unwrap();
    assert_eq!(store.check().unwrap(), ["the audit log was changed at entry 2"]);
}

#[test]
fn the_audit_log_tells_who_has_changed_what_and_nothing_that_was_said() {
    let (_home, store) = store();
    let page = store.by(store::By::Page);
    let rule = page.rules().add(NewRule::typed("Never tell of the secret.")).unwrap();
    page.rules().edit(rule.id, None, None).unwrap(); // nothing changes
    store.rules().edit(rule.id, Some("Never tell of the other secret."), None).unwrap();
    store.by(store::By::Chat).rules().offer(NewRule::typed("Always whisper.")).unwrap();
    let file = json!({"title": "A secret", "messages": [{"role": "user", "content": "the secret"}]});
    let conversation = || vec![store::exchange::Conversation::read(&file).unwrap()];
    page.chats().import(conversation()).unwrap();
    page.chats().import(conversation()).unwrap(); // it is here already
    let chat = store.chats().list(&store::ChatFilter::default()).unwrap()[0].id;
    page.chats().remove(chat).unwrap();
    page.rules().remove(rule.id).unwrap();
    let entries = store.audit().list(99).unwrap();
    let told: Vec<_> =
        entries.iter().rev().map(|e| (e.kind.as_str(), e.detail["by"].as_str().unwrap())).collect();
    let expected = [
        ("rule taught", "page"),
        ("rule changed", "cli"),
        ("rule offered", "chat"),
        ("conversations imported", "page"),
        ("conversation deleted", "page"),
        ("rule forgotten", "page"),
    ];
    assert_eq!(told, expected);
    let all = serde_json::to_string(&entries).unwrap();
    assert!(!all.contains("secret") && !all.contains("whisper"), "{all}");
    let numbers = |before, limit| -> Vec<i64> {
        store.audit().page(before, limit).unwrap().iter().map(|entry| entry.seq).collect()
    };
    assert_eq!(
        (numbers(None, 2), numbers(Some(5), 3), numbers(Some(1), 3)),
        (vec![6, 5], vec![4, 3, 2], vec![])
    );
    assert_eq!(store.audit().check().unwrap(), [] as [String; 0]);
}

#[test]
fn an_edited_answer_is_a_branch_of_the_user() {
    let (_home, store) = store();
    let chat = store.chats().create(NewChat::default()).unwrap().id;
    let question = store.messages().append(chat, NewMessage::user("2 + 2?")).unwrap().id;
    let page =
        store::Span::new("It is written: 2 + 2 = 4, always.\n", store::Provenance::Web).from("https://a.b");
    let spans = vec![store::Span::new("Hm.\n", store::Provenance::Model), page.clone()];
    let old = store.messages().append(chat, NewMessage::new(store::Role::Assistant, spans)).unwrap().id;
    let edit = |message, text: &str| NewFeedback {
        message: Some(message),
        kind: FeedbackKind::Edited,
        text: Some(text.into()),
        meta: json!({}),
    };
    let row = store.feedback().add(edit(old, "4.\nIt is written: 2 + 2 = 4, always.\n")).unwrap();
    let shown = store.messages().branch(chat, None).unwrap();
    assert_eq!(shown.iter().map(|m| m.id).collect::<Vec<_>>(), [question, shown[1].id]);
    let new = &shown[1];
    assert_eq!((row.meta["branch"].clone(), new.meta["edit_of"].clone()), (json!(new.id), json!(old)));
    assert_eq!(new.spans, [store::Span::new("4.\n", store::Provenance::User), page]);
    // What the conversation has gone on from stays in view.
    let next = store.messages().append(chat, NewMessage::user("and 3?")).unwrap().id;
    store.feedback().add(edit(new.id, "Four.")).unwrap();
    assert_eq!(store.chats().get(chat).unwrap().leaf, Some(next));
    assert!(matches!(store.feedback().add(edit(question, "no")), Err(StoreError::Invalid(_))));
    assert_eq!(store.messages().tree(chat).unwrap().len(), 5, "nothing was left behind by the error");
}

#[test]
fn a_thumb_can_be_taken_back() {
    let (_home, store) = store();
    let chat = store.chats().create(NewChat::default()).unwrap().id;
    let message = store.messages().append(chat, NewMessage::assistant("4")).unwrap().id;
    let up = NewFeedback { message: Some(message), kind: FeedbackKind::Up, text: None, meta: json!({}) };
    store.feedback().add(up).unwrap();
    assert_eq!(store.feedback().clear_thumbs(message).unwrap(), 1);
    assert!(store.feedback().of_chat(chat).unwrap().is_empty());
}
