//! ShareGPT: `{id, conversations: [{from, value}]}`.

use super::tree::{Node, add};
use super::{Conversation, Fields, Program, content, line, time};
use serde_json::Value;

pub(super) fn read(fields: &Fields) -> Result<Conversation, String> {
    let Some(Value::Array(turns)) = fields.get("conversations") else {
        return Err("`conversations` is no list".into());
    };
    let mut conversation = Conversation {
        id: line(fields.get("id"), 200),
        title: line(fields.get("title"), 200).unwrap_or_default(),
        model: line(fields.get("model"), 200),
        system: line(fields.get("system"), 10_000).into_iter().collect(),
        ..Conversation::empty(Program::ShareGpt)
    };
    for turn in turns {
        let node = Node {
            key: "",
            parent: None,
            role: turn.get("from").or(turn.get("role")).and_then(Value::as_str),
            text: content(turn.get("value").or(turn.get("content"))),
            created: time(turn.get("timestamp")),
        };
        let before = conversation.leaf;
        conversation.leaf = add(&node, before, &mut conversation);
    }
    Ok(conversation)
}
