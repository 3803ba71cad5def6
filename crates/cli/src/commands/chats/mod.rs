//! `hone chats …`: the conversations that are kept.

mod export;
mod import;
mod judge;
mod list;
mod rm;
mod search;
mod show;

use crate::config::App;
use crate::flags::{Chats, ChatsCommand};
use std::process::ExitCode;
use store::{Chat, Store};

pub(crate) fn run(app: &App, flags: &Chats) -> anyhow::Result<ExitCode> {
    let store = app.store()?;
    match &flags.command {
        ChatsCommand::List(flags) => list::run(&store, flags)?,
        ChatsCommand::Show(flags) => show::run(&store, flags)?,
        ChatsCommand::Search(flags) => search::run(&store, flags)?,
        ChatsCommand::Export(flags) => export::run(app, &store, flags)?,
        ChatsCommand::Rate(flags) => judge::rate(&store, flags)?,
        ChatsCommand::Edit(flags) => judge::edit(app, &store, flags)?,
        ChatsCommand::Learn(flags) => judge::learn(&store, flags)?,
        ChatsCommand::Import(flags) => import::run(app, &store, flags)?,
        ChatsCommand::Rm(flags) => rm::run(app, &store, flags)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// The conversations that were named; an error before anything is done with one of them.
fn named(store: &Store, ids: &[String]) -> anyhow::Result<Vec<Chat>> {
    Ok(ids.iter().map(|id| store.chats().find(id)).collect::<Result<_, _>>()?)
}
