//! `hone chats show`.

use crate::flags::ChatsShow;
use crate::output::{self, harmless};
use serde_json::json;
use std::fmt::Write;
use store::{State, Store};

pub(super) fn run(store: &Store, flags: &ChatsShow) -> anyhow::Result<()> {
    let chat = store.chats().find(&flags.id)?;
    let messages = match flags.all {
        true => store.messages().tree(chat.id)?,
        false => store.messages().branch(chat.id, None)?,
    };
    if flags.json {
        return output::print_json(&json!({ "chat": chat, "messages": messages }));
    }
    let mut text = format!("{} · {}", harmless(&chat.title), chat.created.day());
    if let Some(model) = &chat.model {
        let _ = write!(text, " · {}", harmless(model));
    }
    text.push('\n');
    for message in &messages {
        let note = match message.state {
            State::Complete => String::new(),
            State::Streaming => " (being written)".into(),
            other => format!(" ({other})"),
        };
        let place = match (flags.all, message.parent) {
            (true, Some(parent)) => format!(" [{} after {}]", message.id.short(), parent.short()),
            (true, None) => format!(" [{}]", message.id.short()),
            _ => String::new(),
        };
        let _ = write!(text, "\n--- {}{place}{note}\n{}\n", message.role, harmless(&message.text()));
    }
    Ok(output::print(&text)?)
}
