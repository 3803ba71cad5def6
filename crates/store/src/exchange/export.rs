//! A conversation as one JSON object.

use crate::{Chats, Id, Message, StoreError};
use serde_json::{Value, json};
use std::collections::HashSet;

impl Chats<'_> {
    /// `{id, title, created, updated, model, adapter, project, folder, messages, branches}`: in `messages` the branch
    /// that is shown, each with `role` and `content`; in `branches` the other messages, each with its `parent`.
    pub fn export(&self, id: Id) -> Result<Value, StoreError> {
        let chat = self.get(id)?;
        let shown = self.0.messages().branch(id, None)?;
        let names: HashSet<Id> = shown.iter().map(|message| message.id).collect();
        let mut others = self.0.messages().tree(id)?;
        others.retain(|message| !names.contains(&message.id));
        let list = |messages: &[Message]| messages.iter().map(message).collect::<Vec<_>>();
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

fn message(message: &Message) -> Value {
    json!({
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
    })
}
