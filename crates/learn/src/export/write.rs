//! What was kept, as a set in a folder.

use super::split::split;
use super::{Example, Export, ExportError};
use crate::dataset::{Manifest, Message, Report, Set, Source};
use serde::Serialize;
use std::path::Path;
use store::Time;

/// A line of `train.jsonl`. `given` messages are context: the trainer takes none of them as a target.
#[derive(Serialize)]
struct Row<'a> {
    messages: &'a [Message],
    given: usize,
    weight: f32,
    /// Of a completion its own id: by this field rows are forgotten.
    chat: &'a str,
    message: &'a str,
    signal: super::Signal,
    topic: u64,
    time: Time,
}

impl Export {
    /// Writes what was kept as a set: `train.jsonl`, `valid.jsonl` and `manifest.json`. A row names its conversation,
    /// so that deleting that takes the row out of the set.
    ///
    /// # Errors
    /// [`ExportError::Nothing`] where nothing was kept; a set that is there stays as it is.
    pub fn write(&self, folder: &Path, name: &str) -> Result<Set, ExportError> {
        let (train, valid) = split(self);
        if train.is_empty() {
            return Err(ExportError::Nothing { looked_at: self.examples.len() });
        }
        let kept = (train.len() + valid.len()) as u64;
        let report = Report { rows: kept, kept, ..Report::default() };
        let source = Source {
            source: "conversations".into(),
            revision: None,
            license: None,
            format: None,
            weight: None,
            files: Vec::new(),
        };
        let rows = [rows(&train), rows(&valid), Vec::new()];
        Ok(Set::write_rows(folder, &rows, Manifest::new(name, 0, None, vec![source], report))?)
    }
}

fn rows<'a>(examples: &[&'a Example]) -> Vec<Row<'a>> {
    let row = |example: &&'a Example| Row {
        messages: &example.messages,
        given: example.messages.len() - 1,
        weight: example.weight,
        chat: if example.chat.is_empty() { &example.message } else { &example.chat },
        message: &example.message,
        signal: example.signal,
        topic: example.topic,
        time: example.time,
    };
    examples.iter().map(row).collect()
}
