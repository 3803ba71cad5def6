//! The examples of `hone learn`: conversations, and one's own code where it is asked for.

use crate::commands::data::OwnCode;
use crate::config::App;
use anyhow::bail;
use learn::cycle::Example;
use learn::dataset;
use learn::export::{self, Options};
use std::path::PathBuf;
use std::sync::Arc;
use store::{ChatFilter, Id, Store, Time};

/// What an example of code weighs: as much as an answer that was used.
const CODE: f32 = 0.5;
/// Examples of held-out files that are judged with at most.
const HELD: usize = 16;

/// What may be learned from conversations.
pub(super) fn conversations(store: &Store) -> anyhow::Result<Vec<Example>> {
    let options = Options { parses: Some(Arc::new(knowledge::chunk::parses)), ..Options::default() };
    Ok(export::collect(store, &options)?.kept().map(Example::from).collect())
}

/// What may be learned from code in indexed folders, and examples of files that are held out.
pub(super) fn code(
    app: &App,
    folders: &[PathBuf],
    mine: bool,
) -> anyhow::Result<(Vec<Example>, Vec<Example>)> {
    let (mut learned, mut held) = (Vec::new(), Vec::new());
    for folder in folders {
        let code = OwnCode::read(app, folder, mine)?;
        learned.extend(code.parts.train);
        held.extend(code.parts.valid);
    }
    held.truncate(HELD);
    Ok((written(learned), written(held)))
}

/// Code is older than all that was said, and what is new is not judged by it.
fn written(examples: Vec<dataset::Example>) -> Vec<Example> {
    let example = |(n, example): (usize, dataset::Example)| Example {
        messages: example.messages,
        weight: CODE,
        topic: u64::MAX - n as u64,
        time: Time(n as i64),
        chat: String::new(),
        accepted: false,
    };
    examples.into_iter().enumerate().map(example).collect()
}

/// A conversation by its id, or the beginning of it; also one that is deleted already.
pub(super) fn chat(store: &Store, text: &str) -> anyhow::Result<Id> {
    if let Ok(id) = text.parse() {
        return Ok(id);
    }
    let all = store.chats().list(&ChatFilter::default())?;
    let mut named = all.iter().filter(|chat| !text.is_empty() && chat.id.to_string().contains(text));
    match (named.next(), named.next()) {
        (Some(only), None) => Ok(only.id),
        (Some(_), Some(_)) => bail!("`{text}` is a part of several ids; write more of it"),
        _ => bail!("there is no conversation `{text}`; `hone chats list` shows them"),
    }
}
