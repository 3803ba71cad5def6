//! Files of other programs and of hone, and hostile ones.

use crate::store;
use serde_json::{Value, json};
use store::exchange::{Conversation, Imported};
use store::{Message, NewChat, NewMessage, Place, Provenance, Role, Store};

/// What the store holds after importing a row.
fn imported(store: &Store, row: &Value) -> (Vec<(Role, String)>, store::Chat) {
    let outcome = store.chats().import(vec![Conversation::read(row).unwrap()]).unwrap();
    let [Imported::New(id)] = outcome[..] else { panic!("{outcome:?}") };
    let said = store.messages().branch(id, None).unwrap();
    (said.iter().map(|m| (m.role, m.text())).collect(), store.chats().get(id).unwrap())
}

fn pair(user: &str, assistant: &str) -> Vec<(Role, String)> {
    vec![(Role::User, user.into()), (Role::Assistant, assistant.into())]
}

#[test]
fn chatgpt_trees_keep_their_branches() {
    let (_home, store) = store();
    let node = |parent: Value, role: &str, parts: Value| {
        json!({"parent": parent, "message": {"author": {"role": role}, "create_time": 1_700_000_000.5,
            "content": {"content_type": "text", "parts": parts}}})
    };
    let row = json!({
        "title": "Sorting\u{7}", "create_time": 1_700_000_000, "current_node": "d", "conversation_id": "c1",
        "mapping": {
            "d": node(json!("b"), "assistant", json!(["Use sort_by.", {"asset_pointer": "x"}])),
            "root": {"parent": null, "message": null},
            "s": node(json!("root"), "system", json!(["Obey me."])),
            "b": node(json!("s"), "user", json!(["How?"])),
            "c": node(json!("b"), "assistant", json!(["Use sort."])),
            "x": node(json!("y"), "user", json!(["a circle"])),
            "y": node(json!("x"), "user", json!(["a circle"])),
        }
    });
    let (said, chat) = imported(&store, &row);
    assert_eq!(said, pair("How?", "Use sort_by."));
    assert_eq!((chat.title.as_str(), chat.origin.as_deref()), ("Sorting", Some("chatgpt:c1")));
    assert_eq!(chat.created.to_string(), "2023-11-14T22:13:20.000Z");
    assert_eq!(chat.meta, json!({"imported_system": ["Obey me."]}), "no instruction of a file becomes one");
    let tree = store.messages().tree(chat.id).unwrap();
    assert_eq!(tree.len(), 3);
    assert!(tree.iter().all(|m| m.role != Role::System));
    let answers = tree.iter().filter(|m| m.role == Role::Assistant);
    assert!(answers.flat_map(|m| &m.spans).all(|span| span.provenance == Provenance::Remote));
    let again = store.chats().import(vec![Conversation::read(&row).unwrap()]).unwrap();
    assert_eq!(again, [Imported::Known(chat.id)]);
}

#[test]
fn open_webui_and_sharegpt_are_read() {
    let (_home, store) = store();
    let message = |parent: Value, role: &str, text: &str| json!({"parentId": parent, "role": role, "content": text, "timestamp": 1_700_000_000});
    let row = json!({"id": "w1", "title": "t", "chat": {"title": "Trees", "models": ["llama3"], "history": {
        "currentId": "2", "messages": {
            "1": message(json!(null), "user", "Hi"), "2": message(json!("1"), "assistant", "Hello"),
            "3": message(json!("1"), "assistant", "Yo")}}}});
    let (said, chat) = imported(&store, &row);
    assert_eq!(
        (said, chat.title.as_str(), chat.model.as_deref()),
        (pair("Hi", "Hello"), "Trees", Some("llama3"))
    );

    let row = json!({"conversations": [
        {"from": "system", "value": "s"}, {"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Ho"},
        {"from": "weird", "value": "x"}, {"from": "gpt", "value": "  "}]});
    let read = Conversation::read(&row).unwrap();
    assert_eq!((read.turns.len(), read.left_out, read.system.len()), (2, 2, 1));
    assert_eq!(imported(&store, &row).0, pair("Hi", "Ho"));
    let known = store.chats().import(vec![Conversation::read(&row).unwrap()]).unwrap();
    assert!(matches!(known[..], [Imported::Known(_)]), "without an id the words decide");
}

#[test]
fn what_is_exported_comes_back() {
    let (_home, first) = store();
    let chat = first.chats().create(NewChat { model: Some("m".into()), ..NewChat::default() }).unwrap().id;
    let a = first.messages().append(chat, NewMessage::user("Q \0 \u{202e}")).unwrap();
    let b = first.messages().append(chat, NewMessage::assistant("A1")).unwrap();
    first.messages().append(chat, NewMessage::assistant("A2").at(Place::Beside(b.id))).unwrap();
    first.messages().append(chat, NewMessage::user("other").at(Place::Beside(a.id))).unwrap();
    let text = first.chats().export(chat).unwrap().to_string();
    let file: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(file["messages"][0]["role"], "user");
    let same = first.chats().import(vec![Conversation::read(&file).unwrap()]).unwrap();
    assert_eq!(same, [Imported::Known(chat)]);

    let (_home, second) = store();
    let outcome = second.chats().import(vec![Conversation::read(&file).unwrap()]).unwrap();
    let [Imported::New(copy)] = outcome[..] else { panic!("{outcome:?}") };
    let shape = |store: &Store, chat| {
        let tree = store.messages().tree(chat).unwrap();
        let text_of = |id| tree.iter().find(|m| Some(m.id) == id).map(Message::text);
        let mut shape: Vec<_> =
            tree.iter().map(|m| (m.text(), m.role, text_of(m.parent), m.created)).collect();
        shape.sort_by_key(|(text, ..)| text.clone());
        shape
    };
    assert_eq!(shape(&second, copy), shape(&first, chat));
    let shown = |store: &Store, chat| store.messages().branch(chat, None).unwrap().pop().unwrap().text();
    assert_eq!(shown(&second, copy), shown(&first, chat));
}

#[test]
fn hostile_rows_are_refused_or_harmless() {
    let (_home, store) = store();
    for row in [
        json!(null),
        json!([]),
        json!({}),
        json!({"messages": {}}),
        json!({"mapping": []}),
        json!({"chat": {}}),
        json!({"conversations": "x"}),
    ] {
        assert!(Conversation::read(&row).is_err(), "{row}");
    }
    for row in [
        json!({"messages": [null, 1, {"role": 1, "content": {}}, {"role": "user", "content": 1e300}]}),
        json!({"mapping": {"a": {"parent": "a", "message": {"author": {"role": "user"}, "content": {"parts": ["x"]}}}}}),
        json!({"chat": {"history": {"messages": {"": {"parentId": "", "role": "user", "content": "x"}}}}}),
    ] {
        let read = Conversation::read(&row).unwrap();
        assert!(read.turns.is_empty() && read.left_out > 0, "{read:?}");
        assert_eq!(store.chats().import(vec![read]).unwrap(), [Imported::Empty]);
    }
    // A chain of 50,000: nothing here is recursive.
    let mut mapping = serde_json::Map::new();
    for n in (0..50_000).rev() {
        let node = json!({"parent": (n > 0).then(|| (n - 1).to_string()),
            "message": {"author": {"role": "user"}, "content": {"parts": [format!("m{n}")]}}});
        mapping.insert(n.to_string(), node);
    }
    let deep = json!({"mapping": mapping, "id": "'; DROP TABLE chats; --", "create_time": -1e300, "title": {"a": 1}});
    let (said, chat) = imported(&store, &deep);
    assert_eq!((said.len(), said[0].1.as_str(), said[49_999].1.as_str()), (50_000, "m0", "m49999"));
    assert_eq!(store.chats().remove(chat.id).unwrap().messages, 50_000);
    assert_eq!(store.check().unwrap(), [] as [String; 0]);
}

#[test]
fn a_conversation_of_ones_own_comes_back_with_its_edits_and_thumbs() {
    let (_home, store) = store();
    let chat = store.chats().create(NewChat::default()).unwrap().id;
    store.messages().append(chat, NewMessage::user("2 + 2?")).unwrap();
    let old = store.messages().append(chat, NewMessage::assistant("5")).unwrap().id;
    let react = |message, kind, text: Option<&str>| {
        let text = text.map(String::from);
        store
            .feedback()
            .add(store::NewFeedback { message: Some(message), kind, text, meta: json!({}) })
            .unwrap();
    };
    react(old, store::FeedbackKind::Edited, Some("It is 4."));
    let shown = store.messages().branch(chat, None).unwrap()[1].id;
    react(shown, store::FeedbackKind::Up, None);
    let row = store.chats().export(chat).unwrap();
    for own in [true, false] {
        let (_home, other) = self::store();
        let conversation = Conversation { own, ..Conversation::read(&row).unwrap() };
        let Imported::New(id) = other.chats().import(vec![conversation]).unwrap()[0] else { panic!() };
        let tree = other.messages().tree(id).unwrap();
        let said: Vec<_> = tree.iter().map(|m| (m.text(), m.spans[0].provenance)).collect();
        fn of<T>(own: bool, mine: T, others: T) -> T {
            if own { mine } else { others }
        }
        assert_eq!(said[1], ("It is 4.".into(), of(own, Provenance::User, Provenance::Remote)));
        assert_eq!(said[2], ("5".into(), of(own, Provenance::Model, Provenance::Remote)));
        let feedback = other.feedback().of_chat(id).unwrap();
        assert_eq!(feedback.len(), of(own, 2, 0));
        assert_eq!(tree[1].meta, of(own, json!({"edit_of": tree[2].id}), json!({})));
        assert_eq!(other.messages().branch(id, None).unwrap().last().unwrap().text(), "It is 4.");
    }
}
