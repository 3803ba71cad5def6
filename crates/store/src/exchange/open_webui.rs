//! Open WebUI's export: `{id, title, created_at, chat: {title, models, history: {messages, currentId}}}`.

use super::tree::{Node, add, plant};
use super::{Conversation, Fields, Program, content, line, time};
use serde_json::Value;

pub(super) fn read(fields: &Fields) -> Result<Conversation, String> {
    let chat = fields.get("chat").and_then(Value::as_object).unwrap_or(fields);
    let title = line(chat.get("title"), 200).or_else(|| line(fields.get("title"), 200));
    let mut conversation = Conversation {
        id: line(fields.get("id").or(chat.get("id")), 200),
        title: title.unwrap_or_default(),
        created: time(fields.get("created_at").or(chat.get("timestamp"))),
        model: line(chat.get("models").and_then(|models| models.get(0)), 200),
        ..Conversation::empty(Program::OpenWebUi)
    };
    if let Some(Value::Object(messages)) = chat.get("history").and_then(|history| history.get("messages")) {
        let nodes = messages.iter().map(|(key, message)| node_of(key, message)).collect();
        let current = chat.get("history").and_then(|history| history["currentId"].as_str());
        plant(nodes, current, &mut conversation);
    } else if let Some(Value::Array(messages)) = chat.get("messages") {
        for message in messages {
            let before = conversation.leaf;
            conversation.leaf = add(&node_of("", message), before, &mut conversation);
        }
    } else {
        return Err("`history.messages` is missing".into());
    }
    Ok(conversation)
}

fn node_of<'a>(key: &'a str, message: &'a Value) -> Node<'a> {
    Node {
        key,
        parent: message["parentId"].as_str(),
        role: message["role"].as_str(),
        text: content(message.get("content")),
        created: time(message.get("timestamp")),
    }
}
