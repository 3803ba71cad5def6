//! A conversation as one JSON object.

use crate::{Chats, FeedbackRow, Id, Message, StoreError};
use serde_json::{Value, json};
use std::collections::HashSet;

impl Chats<'_> {
    /// `{id, title, created, updated, model, adapter, project, folder, messages, branches}`: in `messages` the branch
    /// that is shown, each with `role` and `content`; in `branches` the other messages, each with its `parent`. What the
    /// user thought of a message stands in its `feedback`.
    pub fn export(&self, id: Id) -> Result<Value, StoreError> {
        let chat = self.get(id)?;
        let shown = self.0.messages().branch(id, None)?;
        let names: HashSet<Id> = shown.iter().map(|message| message.id).collect();
        let mut others = self.0.messages().tree(id)?;
        others.retain(|message| !names.contains(&message.id));
        let feedback = self.0.feedback().of_chat(id)?;
        let list = |messages: &[Message]| messages.iter().map(|m| message(m, &feedback)).collect::<Vec<_>>();
        Ok(json!({
            "id": chat.id,
            "title": chat.title,
            "created": chat.created,
            "updated": chat.updated,
            "model": chat.model,
            "adapter": chat.adapter,
            "project": chat.project,
            "folder": chat.folder,
            "messages": list(&shown),
            "branches": list(&others),
        }))
    }
}

fn message(message: &Message, feedback: &[FeedbackRow]) -> Value {
    let of = feedback.iter().filter(|row| row.message == Some(message.id));
    let reaction =
        |row: &FeedbackRow| json!({"kind": row.kind, "text": row.text, "branch": row.meta["branch"]});
    let reactions: Vec<Value> = of.map(reaction).collect();
    let mut value = json!({
        "role": message.role,
        "content": message.text(),
        "id": message.id,
        "parent": message.parent,
        "created": message.created,
        "state": message.state,
        "spans": message.spans.iter().map(|span| json!({
            "provenance": span.provenance, "source": span.source, "bytes": span.text.len(),
        })).collect::<Vec<_>>(),
        "meta": message.meta,
    });
    if !reactions.is_empty() {
        value["feedback"] = reactions.into();
    }
    value
}
