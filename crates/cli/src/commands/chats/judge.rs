//! `hone chats rate`, `edit` and `learn`: what the user thinks of answers, and whether they are learned from.

use super::named;
use crate::config::App;
use crate::flags::{ChatsEdit, ChatsLearn, ChatsRate, Permission, Rating};
use crate::output::{self, Usage, harmless};
use anyhow::{Context, bail, ensure};
use serde_json::json;
use std::io::Read;
use std::process::Command;
use store::{ChatChange, FeedbackKind, Id, Message, NewFeedback, Role, Store};

pub(super) fn rate(store: &Store, flags: &ChatsRate) -> anyhow::Result<()> {
    let answer = answer(store, &flags.id, flags.message.as_deref())?;
    let kind = match flags.rating {
        Rating::Up => Some(FeedbackKind::Up),
        Rating::Down => Some(FeedbackKind::Down),
        Rating::Kept => Some(FeedbackKind::Kept),
        Rating::None => None,
    };
    match kind {
        Some(kind) => drop(add(store, answer.id, kind, None)?),
        None => drop(store.feedback().clear_thumbs(answer.id)?),
    }
    said(flags.json, &answer, json!({ "message": answer.id, "rating": kind }), "is rated")
}

pub(super) fn edit(app: &App, store: &Store, flags: &ChatsEdit) -> anyhow::Result<()> {
    let answer = answer(store, &flags.id, flags.message.as_deref())?;
    let text = match (&flags.text, &flags.file) {
        (Some(text), _) => text.clone(),
        (None, Some(path)) if path.as_os_str() == "-" => {
            let mut text = String::new();
            std::io::stdin()
                .take(store::LONGEST as u64)
                .read_to_string(&mut text)
                .context("standard input")?;
            text
        }
        (None, Some(path)) => {
            std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?
        }
        (None, None) => in_editor(app, &answer.text())?,
    };
    ensure!(!text.trim().is_empty(), Usage("the new answer is empty: nothing was changed".into()));
    ensure!(text.trim() != answer.text().trim(), "the answer is as it was: nothing was changed");
    let row = add(store, answer.id, FeedbackKind::Edited, Some(text))?;
    let branch = row.meta["branch"].clone();
    said(
        flags.json,
        &answer,
        json!({ "message": answer.id, "branch": branch }),
        "is rewritten; the old one is kept beside it",
    )
}

pub(super) fn learn(store: &Store, flags: &ChatsLearn) -> anyhow::Result<()> {
    for chat in named(store, &flags.ids)? {
        let learn = match flags.may {
            Permission::On => Some(true),
            Permission::Off => Some(false),
            Permission::Default => None,
        };
        store.chats().change(chat.id, ChatChange { learn: Some(learn), ..ChatChange::default() })?;
        let how = match learn {
            Some(true) | None => "may be learned from",
            Some(false) => "is not learned from",
        };
        output::print(&format!("{} ({}) {how}\n", harmless(&chat.title), chat.id.short()))?;
    }
    Ok(())
}

fn add(
    store: &Store,
    message: Id,
    kind: FeedbackKind,
    text: Option<String>,
) -> anyhow::Result<store::FeedbackRow> {
    let meta = serde_json::Value::Null;
    Ok(store.feedback().add(NewFeedback { message: Some(message), kind, text, meta })?)
}

/// The answer that is meant: the one whose id ends so, or the last of the branch that is shown.
fn answer(store: &Store, chat: &str, message: Option<&str>) -> anyhow::Result<Message> {
    let chat = store.chats().find(chat)?;
    let answers = |messages: Vec<Message>| messages.into_iter().filter(|m| m.role == Role::Assistant);
    let Some(end) = message else {
        let last = answers(store.messages().branch(chat.id, None)?).next_back();
        return last.with_context(|| format!("there is no answer in {} yet", chat.id.short()));
    };
    let mut found: Vec<Message> =
        answers(store.messages().tree(chat.id)?).filter(|m| m.id.to_string().ends_with(end)).collect();
    match (found.pop(), found.is_empty()) {
        (Some(message), true) => Ok(message),
        (None, _) => {
            bail!("no answer of {} ends in `{end}`: `hone chats show --all` names them", chat.id.short())
        }
        _ => bail!("several answers end in `{end}`: give more of the id"),
    }
}

/// The text as the user leaves it in his editor.
fn in_editor(app: &App, text: &str) -> anyhow::Result<String> {
    let set = |name| std::env::var(name).ok().filter(|value| !value.trim().is_empty());
    let editor = set("VISUAL").or_else(|| set("EDITOR"));
    let Some(editor) = editor else {
        bail!(Usage("give the new answer with --text or --file, or set EDITOR".into()));
    };
    // Below the data folder: it is private, and the answer may be.
    let path = app.home.join(format!("edit-{}.md", std::process::id()));
    std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    let mut words = editor.split_whitespace();
    let program = words.next().unwrap_or("vi");
    let status = Command::new(program).args(words).arg(&path).status();
    let edited = std::fs::read_to_string(&path);
    let removed = std::fs::remove_file(&path);
    ensure!(
        status.with_context(|| format!("cannot start {editor}"))?.success(),
        "{editor} failed: nothing was changed"
    );
    removed.with_context(|| format!("cannot remove {}", path.display()))?;
    edited.with_context(|| format!("cannot read {}", path.display()))
}

fn said(as_json: bool, answer: &Message, report: serde_json::Value, what: &str) -> anyhow::Result<()> {
    match as_json {
        true => output::print_json(&report),
        false => Ok(output::print(&format!("answer {} {what}\n", answer.id.short()))?),
    }
}
