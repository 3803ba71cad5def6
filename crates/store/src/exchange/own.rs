//! Our own form, which the system before hone has written into `chats/` too: `{id, title, created, messages: [{role,
//! content}]}`. Messages follow each other; in `branches` are those beside them, each with its `parent`. A message may have
//! `feedback` (`[{kind, text}]`), and an edited answer names the old one in its `meta` as `edit_of`.

use super::tree::{Node, add};
use super::{Conversation, Fields, Program, content, line, time};
use crate::{FeedbackKind, Role};
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
    let mut edits = Vec::new();
    for message in messages {
        last = one(message, last, &mut conversation, &mut edits);
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
        let place = one(message, parent, &mut conversation, &mut edits);
        places.extend(message["id"].as_str().map(|id| (id, place)));
    }
    for (place, of) in edits {
        let old = places.get(of).copied().flatten().filter(|old| *old != place);
        conversation.turns[place].edit_of =
            old.filter(|old| conversation.turns[*old].role == Role::Assistant);
    }
    conversation.leaf = last;
    Ok(conversation)
}

/// Adds a message with what was thought of it; its place, or that of its parent where it says nothing.
fn one<'a>(
    message: &'a Value,
    parent: Option<usize>,
    conversation: &mut Conversation,
    edits: &mut Vec<(usize, &'a str)>,
) -> Option<usize> {
    let before = conversation.turns.len();
    let place = add(&node_of(message), parent, conversation);
    if let Some(turn) = conversation.turns.get_mut(before) {
        let spans = message["spans"].as_array().into_iter().flatten();
        let mut origins = spans.filter_map(|span| span["provenance"].as_str());
        turn.foreign = origins.any(|origin| !matches!(origin, "user" | "model"));
        turn.feedback = message["feedback"].as_array().into_iter().flatten().filter_map(reaction).collect();
        if turn.role == Role::Assistant {
            edits.extend(message["meta"]["edit_of"].as_str().map(|of| (before, of)));
        }
    }
    place
}

/// A reaction; an edit without a text is none, and one that is a branch already is told by that.
fn reaction(row: &Value) -> Option<(FeedbackKind, Option<String>)> {
    let kind: FeedbackKind = row["kind"].as_str()?.parse().ok()?;
    let text = row["text"].as_str().filter(|text| super::is_text(text)).map(str::to_owned);
    let told = kind != FeedbackKind::Edited || text.is_some() && row["branch"].is_null();
    told.then_some((kind, text))
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
