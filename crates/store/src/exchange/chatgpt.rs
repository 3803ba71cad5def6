//! ChatGPT's `conversations.json`: `{title, create_time, mapping: {ID: {message, parent}}, current_node}`.

use super::tree::{Node, plant};
use super::{Conversation, Fields, Program, content, line, time};
use serde_json::Value;

pub(super) fn read(fields: &Fields) -> Result<Conversation, String> {
    let Some(Value::Object(mapping)) = fields.get("mapping") else {
        return Err("`mapping` is no object".into());
    };
    let mut conversation = Conversation {
        id: line(fields.get("conversation_id").or(fields.get("id")), 200),
        title: line(fields.get("title"), 200).unwrap_or_default(),
        created: time(fields.get("create_time")),
        model: line(fields.get("default_model_slug"), 200),
        ..Conversation::empty(Program::ChatGpt)
    };
    let nodes = mapping.iter().map(|(key, node)| node_of(key, node)).collect();
    let current = fields.get("current_node").and_then(Value::as_str);
    plant(nodes, current, &mut conversation);
    Ok(conversation)
}

fn node_of<'a>(key: &'a str, node: &'a Value) -> Node<'a> {
    let message = &node["message"];
    let body = &message["content"];
    // Code and its output have `text` instead of `parts`.
    let text = content(body.get("parts").or(body.get("text")));
    // What ChatGPT itself does not show: its user's profile, for example.
    let hidden = message["metadata"]["is_visually_hidden_from_conversation"].as_bool() == Some(true);
    Node {
        key,
        parent: node["parent"].as_str(),
        role: message["author"]["role"].as_str().filter(|_| !hidden),
        text,
        created: time(message.get("create_time")),
    }
}
