//! Our own form, which the system before hone has written into `chats/` too: `{id, title, created, messages: [{role,
//! content}]}`. Messages follow each other; in `branches` are those beside them, each with its `parent`.

use super::tree::{Node, add};
use super::{Conversation, Fields, Program, content, line, time};
use serde_json::Value;
use std::collections::HashMap;

pub(super) fn read(fields: &Fields) -> Result<Conversation, String> {
    let Some(Value::Array(messages)) = fields.get("messages") else {
        return Err("`messages` is no list".into());
    };
    let mut conversation = Conversation {
        id: line(fields.get("id"), 200),
        title: line(fields.get("title"), 200).unwrap_or_default(),
        created: time(fields.get("created").or(fields.get("created_at")).or(fields.get("timestamp"))),
        model: line(fields.get("model"), 200),
        project: line(fields.get("project"), 4096),
        ..Conversation::empty(Program::Hone)
    };
    let mut places: HashMap<&str, Option<usize>> = HashMap::new();
    let mut last = None;
    for message in messages {
        last = add(&node_of(message), last, &mut conversation);
        places.extend(message["id"].as_str().map(|id| (id, last)));
    }
    // Parents stand before their children, as everywhere.
    for message in fields.get("branches").and_then(Value::as_array).into_iter().flatten() {
        let parent = match message["parent"].as_str() {
            None => None,
            Some(parent) => match places.get(parent) {
                Some(&place) => place,
                None => {
                    conversation.left_out += 1;
                    continue;
                }
            },
        };
        let place = add(&node_of(message), parent, &mut conversation);
        places.extend(message["id"].as_str().map(|id| (id, place)));
    }
    conversation.leaf = last;
    Ok(conversation)
}

fn node_of(message: &Value) -> Node<'_> {
    Node {
        key: "",
        parent: None,
        role: message["role"].as_str(),
        text: content(message.get("content")),
        created: time(message.get("created").or(message.get("timestamp"))),
    }
}
