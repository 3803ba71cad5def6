//! `hone chats show`.

use crate::flags::ChatsShow;
use crate::output::{self, harmless};
use serde_json::{Value, json};
use std::fmt::Write;
use store::{Id, State, Store};

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
        text += &made_from(&message.meta);
    }
    Ok(output::print(&text)?)
}

/// The sources and the rules that an answer had, in a line each.
fn made_from(meta: &Value) -> String {
    let all = |name: &str| meta[name].as_array().map_or(&[][..], Vec::as_slice);
    let source = |source: &Value| {
        let place = source["place"].as_str().unwrap_or("?");
        format!("[{}] {}", source["number"], harmless(place))
    };
    let rule = |rule: &Value| {
        let id = rule["id"].as_str().unwrap_or("?");
        id.parse::<Id>().map_or_else(|_| harmless(id), |id| id.short())
    };
    let sources: Vec<String> = all("sources").iter().map(source).collect();
    let rules: Vec<String> = all("rules").iter().map(rule).collect();
    let line = |name: &str, parts: Vec<String>, between: &str| match parts.is_empty() {
        true => String::new(),
        false => format!("({name}: {})\n", parts.join(between)),
    };
    line("sources", sources, " ") + &line("rules", rules, ", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_says_what_it_was_made_from() {
        let meta = json!({
            "sources": [{"number": 1, "place": "a.rs:1-2"}, {"number": 2, "place": "b\u{1b}.md:3-4"}],
            "rules": [{"id": "01a21cc4-b72a-7597-9593-b79759ae7d41"}, {"id": "AGENTS.md"}],
        });
        let shown = made_from(&meta);
        assert!(shown.starts_with("(sources: [1] a.rs:1-2 [2] b") && !shown.contains('\u{1b}'), "{shown:?}");
        assert!(shown.ends_with("(rules: 59ae7d41, AGENTS.md)\n"), "{shown:?}");
        assert_eq!(made_from(&Value::Null) + &made_from(&json!({"sources": []})), "");
    }
}
