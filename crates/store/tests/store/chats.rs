//! Conversations as trees, answers in steps, search, deletion.

use crate::store;
use serde_json::json;
use store::{
    ChatChange, ChatFilter, Found, Id, Message, NewChat, NewMessage, Place, Provenance, Role, Span, State,
    Store, StoreError,
};

fn texts(messages: &[Message]) -> Vec<String> {
    messages.iter().map(Message::text).collect()
}

fn said(store: &Store, chat: Id, place: Place, text: &str) -> Id {
    store.messages().append(chat, NewMessage::user(text).at(place)).unwrap().id
}

#[test]
fn a_conversation_is_as_it_was_said() {
    let (home, store) = store();
    let chat = store
        .chats()
        .create(NewChat { model: Some("m".into()), project: Some("/p".into()), ..NewChat::default() })
        .unwrap();
    store.messages().append(chat.id, NewMessage::user("How do I sort?\nIn Rust.")).unwrap();
    let spans = vec![
        Span::new("Look at ", Provenance::Model),
        Span::new("ü fn\0sort", Provenance::File).from("src/a.rs:1-2"),
        Span::new("", Provenance::Tool),
    ];
    let meta = json!({"rules": ["r1"], "timings": {"decode_ms": 1.5}});
    let answer = NewMessage::new(Role::Assistant, spans.clone()).with_meta(meta.clone());
    let answer = store.messages().append(chat.id, answer).unwrap();
    drop(store);

    let store = Store::open(home.path()).unwrap();
    let branch = store.messages().branch(chat.id, None).unwrap();
    assert_eq!(texts(&branch), ["How do I sort?\nIn Rust.", "Look at ü fn\0sort"]);
    assert_eq!((&branch[1].spans, &branch[1].meta, branch[1].state), (&spans, &meta, State::Complete));
    assert_eq!(branch[1], answer);
    let chat = store.chats().get(chat.id).unwrap();
    assert_eq!(chat.title, "How do I sort?");
    assert_eq!((chat.leaf, chat.updated), (Some(answer.id), answer.created));
    assert_eq!(store.chats().count().unwrap(), (1, 2));
    assert_eq!(store.check().unwrap(), [] as [String; 0]);
}

#[test]
fn editing_and_asking_again_make_branches() {
    let (_home, store) = store();
    let chat = store.chats().create(NewChat::default()).unwrap().id;
    let a = said(&store, chat, Place::Leaf, "a");
    let b = said(&store, chat, Place::Leaf, "b");
    said(&store, chat, Place::Leaf, "c");
    let again = said(&store, chat, Place::Beside(b), "b2");
    assert_eq!(texts(&store.messages().branch(chat, None).unwrap()), ["a", "b2"]);
    assert_eq!(texts(&store.messages().branch(chat, Some(b)).unwrap()), ["a", "b"]);
    let first = said(&store, chat, Place::Beside(a), "a2");
    assert_eq!(texts(&store.messages().branch(chat, None).unwrap()), ["a2"]);
    assert_eq!(store.messages().get(first).unwrap().parent, None);
    said(&store, chat, Place::After(again), "d");
    assert_eq!(texts(&store.messages().branch(chat, None).unwrap()), ["a", "b2", "d"]);
    assert_eq!(texts(&store.messages().tree(chat).unwrap()), ["a", "b", "c", "b2", "a2", "d"]);
    store.chats().change(chat, ChatChange { leaf: Some(b), ..ChatChange::default() }).unwrap();
    assert_eq!(texts(&store.messages().branch(chat, None).unwrap()), ["a", "b"]);

    let other = store.chats().create(NewChat::default()).unwrap().id;
    for result in [
        store.messages().append(other, NewMessage::user("x").at(Place::After(b))).err(),
        store.messages().branch(other, Some(b)).err(),
        store.chats().change(other, ChatChange { leaf: Some(b), ..ChatChange::default() }).err(),
        store.messages().append(Id::new(), NewMessage::user("x")).err(),
    ] {
        assert!(matches!(result, Some(StoreError::NotFound { .. })), "{result:?}");
    }
}

#[test]
fn a_long_branch_is_read_and_deleted() {
    let (_home, store) = store();
    let chat = store.chats().create(NewChat::default()).unwrap().id;
    let threads: Vec<_> = (0..8)
        .map(|n| {
            let store = store.clone();
            std::thread::spawn(move || {
                for k in 0..400 {
                    said(&store, chat, Place::Leaf, &format!("{n}:{k}"));
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    let branch = store.messages().branch(chat, None).unwrap();
    assert_eq!(branch.len(), 3200, "every message follows the one before it");
    assert_eq!(store.chats().remove(chat).unwrap().messages, 3200);
}

#[test]
fn an_answer_is_saved_in_steps() {
    let (home, store) = store();
    let chat = store.chats().create(NewChat::default()).unwrap().id;
    let mut answer = store.messages().begin(chat, NewMessage::assistant("")).unwrap();
    let id = answer.id();
    answer.add("bisect ").unwrap();
    answer.save(Some(json!({"intent": "chat"}))).unwrap();
    answer.add("finds ").unwrap();
    answer.add_span(Span::new("[1]", Provenance::Web).from("https://git-scm.com")).unwrap();
    let now = store.messages().get(id).unwrap();
    assert_eq!((now.text().as_str(), now.state), ("bisect ", State::Streaming));
    assert_eq!(store.chats().search("bisect", 9).unwrap(), [], "what is not finished is not found");
    // Another process, while this one is alive.
    let beside = Store::open(home.path()).unwrap();
    assert_eq!(beside.messages().get(id).unwrap().state, State::Streaming);

    let done = answer.finish(State::Complete, None).unwrap();
    assert_eq!(done.text(), "bisect finds [1]");
    assert_eq!(done.spans.len(), 2, "pieces of one origin are one");
    assert_eq!(done.meta, json!({"intent": "chat"}));
    assert_eq!(beside.chats().search("bisect", 9).unwrap().len(), 1);

    let long = "x".repeat(5000);
    let mut answer = store.messages().begin(chat, NewMessage::assistant("")).unwrap();
    answer.add(&long).unwrap();
    assert_eq!(
        store.messages().get(answer.id()).unwrap().text().len(),
        5000,
        "a long piece is saved at once"
    );
    let id = answer.id();
    drop(answer);
    assert_eq!(store.messages().get(id).unwrap().state, State::Interrupted);
}

#[test]
fn search_finds_words() {
    let (_home, store) = store();
    let chat = store.chats().create(NewChat::default()).unwrap().id;
    for text in ["How does git bisect work?", "Use Übung to_string() here", "git rebase", "BISECT again"] {
        said(&store, chat, Place::Leaf, text);
    }
    let count = |query: &str| store.chats().search(query, 9).unwrap().len();
    for (query, hits) in [
        ("git", 2),
        ("bisect", 2),
        ("bis", 2),
        ("\"git bisect\"", 1),
        ("bisect git", 1),
        ("ubung", 1),
        ("to_string", 1),
        ("nothing", 0),
        ("git AND (", 0),
        ("\"", 0),
    ] {
        assert_eq!(count(query), hits, "{query}");
    }
    let found = &store.chats().search("bisect git", 9).unwrap()[0];
    let [open, close] = Found::MARKS;
    assert_eq!(found.snippet, format!("How does {open}git{close} {open}bisect{close} work?"));
    assert_eq!(found.title, "How does git bisect work?");
}

#[test]
fn a_deleted_conversation_leaves_nothing() {
    let (home, store) = store();
    let keep = store.chats().create(NewChat::default()).unwrap().id;
    said(&store, keep, Place::Leaf, "stays");
    let chat = store.chats().create(NewChat::default()).unwrap().id;
    said(&store, chat, Place::Leaf, "the zanzibar password");
    store.adapters().add("a1", "style", "00", json!({}), &[chat, keep]).unwrap();
    let removed = store.chats().remove(chat).unwrap();
    assert_eq!((removed.messages, removed.adapters), (1, vec!["a1".to_string()]));
    assert_eq!(store.chats().search("zanzibar", 9).unwrap(), []);
    assert!(matches!(store.chats().get(chat), Err(StoreError::NotFound { .. })));
    let taught = &store.adapters().of_chat(chat).unwrap()[0];
    assert_eq!((taught.chats, taught.deleted), (2, 1));
    assert!(matches!(store.chats().remove(chat), Err(StoreError::NotFound { .. })));
    assert_eq!(store.check().unwrap(), [] as [String; 0]);
    drop(store);
    for file in std::fs::read_dir(home.path()).unwrap() {
        let path = file.unwrap().path();
        if path.is_file() {
            let bytes = std::fs::read(&path).unwrap();
            let at = bytes.windows(8).position(|window| window.eq_ignore_ascii_case(b"zanzibar"));
            assert_eq!(at, None, "{}", path.display());
        }
    }
}

#[test]
fn conversations_are_listed_filed_and_found_by_the_end_of_their_id() {
    let (_home, store) = store();
    let new = |title: &str, project: Option<&str>| {
        let project = project.map(String::from);
        store.chats().create(NewChat { title: title.into(), project, ..NewChat::default() }).unwrap().id
    };
    let (a, b) = (new("a", None), new("b", Some("/p")));
    let pin = ChatChange { pinned: Some(true), folder: Some(Some("work".into())), ..ChatChange::default() };
    store.chats().change(a, pin).unwrap();
    let list = |filter: ChatFilter| {
        store.chats().list(&filter).unwrap().into_iter().map(|chat| chat.title).collect::<Vec<_>>()
    };
    assert_eq!(list(ChatFilter::default()), ["a", "b"]);
    assert_eq!(list(ChatFilter { limit: 1, ..ChatFilter::default() }), ["a"]);
    assert_eq!(list(ChatFilter { project: Some("/p".into()), ..ChatFilter::default() }), ["b"]);
    assert_eq!(list(ChatFilter { folder: Some("work".into()), ..ChatFilter::default() }), ["a"]);
    assert_eq!(store.chats().find(&b.short()).unwrap().id, b);
    assert_eq!(store.chats().find(&b.to_string()).unwrap().id, b);
    for text in ["", "abc", "%%%%", "zzzz", "../x"] {
        assert!(matches!(store.chats().find(text), Err(StoreError::NotFound { .. })), "{text}");
    }
    let origin = NewChat { origin: Some("chatgpt:1".into()), ..NewChat::default() };
    store.chats().create(origin.clone()).unwrap();
    assert!(store.chats().of_origin("chatgpt:1").unwrap().is_some());
    assert!(matches!(store.chats().create(origin), Err(StoreError::Invalid(_))));
}
