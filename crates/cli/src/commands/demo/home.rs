//! The store of the demonstration.

use anyhow::Context;
use learn::cycle::Example;
use learn::demo::{conversations, example};
use serde_json::Value;
use store::{FeedbackKind, NewChat, NewFeedback, NewMessage, Provenance, Role, Span, Store};

/// Conversations of a demonstration: of these a fifth is held back.
const COUNT: usize = 42;

/// Puts the conversations with their edits into the store, and gives what can be learned from it.
pub(super) fn fill(store: &Store) -> anyhow::Result<Vec<Example>> {
    let mut examples = Vec::new();
    for (n, conversation) in conversations().into_iter().take(COUNT).enumerate() {
        let chat = store.chats().create(NewChat::default())?.id;
        store.messages().append(chat, NewMessage::user(&conversation.question))?;
        let spans = vec![Span::new(&conversation.draft, Provenance::Model)];
        let answer = store.messages().append(chat, NewMessage::new(Role::Assistant, spans))?;
        store.feedback().add(NewFeedback {
            message: Some(answer.id),
            kind: FeedbackKind::Edited,
            text: Some(conversation.edited.clone()),
            meta: Value::Null,
        })?;
        examples.push(Example { chat: chat.to_string(), ..example(n, &conversation) });
    }
    // What the pipeline of `hone export` keeps of them.
    let export = learn::export::collect(store, &learn::export::Options::default());
    let kept: Vec<Example> =
        export.context("the conversations cannot be read")?.kept().map(Into::into).collect();
    Ok(if kept.is_empty() { examples } else { kept })
}
