//! The examples of `hone learn`: conversations, and the set of one's own code where it is asked for.

use crate::config::App;
use anyhow::{Context, bail};
use learn::cycle::Example;
use learn::dataset::Chosen;
use learn::export::{self, Options};
use std::sync::Arc;
use store::{ChatFilter, Id, Store, Time};

/// Everything that may be learned, from the store and from a set of code.
pub(super) fn examples(app: &App, store: &Store, code: Option<&str>) -> anyhow::Result<Vec<Example>> {
    let options = Options { parses: Some(Arc::new(knowledge::chunk::parses)), ..Options::default() };
    let export = export::collect(store, &options)?;
    let mut examples: Vec<Example> = export.kept().map(Example::from).collect();
    if let Some(name) = code {
        let set = Chosen::set(&app.home, name).context("hone data build --from-index makes such a set")?;
        // Code is older than all that was said, and is not judged with.
        let code = set.split(0)?.train.into_iter().enumerate().map(|(n, example)| Example {
            messages: example.messages,
            weight: 0.5,
            topic: u64::MAX - n as u64,
            time: Time(n as i64),
            chat: String::new(),
            accepted: false,
        });
        examples.extend(code);
    }
    Ok(examples)
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
