//! Notes which conversations an adapter has learned from, so that deleting one can name it.

use super::ExportError;
use crate::adapters::Manifest;
use crate::dataset::{Chosen, each_row};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use store::{Id, Store};

/// Notes the conversations that the rows of a set or a file name: how many. Rows of other origin name none.
pub fn credit(store: &Store, adapter: &Manifest, chosen: &Chosen) -> Result<usize, ExportError> {
    let files = match chosen {
        Chosen::Set(set) => ["train", "valid"].map(|part| set.path(part)).to_vec(),
        Chosen::File(path) => vec![path.clone()],
    };
    let mut chats: BTreeSet<Id> = BTreeSet::new();
    for file in files.iter().filter(|file| file.is_file()) {
        each_row(file, &file.display().to_string(), |_, row| {
            let named = row.ok().and_then(|row| row.get("chat").and_then(Value::as_str).map(str::to_owned));
            let chat: Option<Id> = named.and_then(|id| id.parse().ok());
            chats.extend(chat);
        })?;
    }
    if !chats.is_empty() {
        let chats: Vec<Id> = chats.iter().copied().collect();
        store.adapters().add(&adapter.id, &adapter.name, &adapter.base.sha256, json!({}), &chats)?;
    }
    Ok(chats.len())
}
