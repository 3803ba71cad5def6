//! `hone chats rm`: deletes conversations and says what was made of them.

use super::named;
use crate::config::App;
use crate::flags::ChatsRm;
use crate::output::{self, Usage, harmless};
use anyhow::bail;
use serde_json::json;
use std::io::{IsTerminal, stdin};
use store::{Chat, Store};

pub(super) fn run(app: &App, store: &Store, flags: &ChatsRm) -> anyhow::Result<()> {
    let chats = named(store, &flags.ids)?;
    if !flags.yes && !agreed(&chats)? {
        bail!("nothing was deleted");
    }
    let mut report = Vec::new();
    for chat in &chats {
        let removed = store.chats().remove(chat.id)?;
        let rows = learn::forget(&app.home, &chat.id.to_string())?;
        if !flags.json {
            let title = harmless(&chat.title);
            output::print(&format!(
                "{title} ({}) is gone, with {} messages\n",
                chat.id.short(),
                removed.messages
            ))?;
            if rows > 0 {
                output::print(&format!("  {rows} rows of training sets went with it\n"))?;
            }
            for adapter in &removed.adapters {
                output::print(&format!(
                    "  adapter {adapter} has learned from it: train it anew, or remove it\n"
                ))?;
            }
        }
        report.push(json!({
            "id": chat.id, "messages": removed.messages, "training_rows": rows, "adapters": removed.adapters
        }));
    }
    if flags.json {
        return output::print_json(&report);
    }
    let backups = app.home.join("backups");
    if backups.is_dir() && !app.quiet {
        eprintln!(
            "copies in {} hold it until they are a week old, or until you delete them",
            backups.display()
        );
    }
    Ok(())
}

/// Asks at the terminal.
fn agreed(chats: &[Chat]) -> anyhow::Result<bool> {
    if !stdin().is_terminal() {
        bail!(Usage("deleting needs --yes where nobody can be asked".into()));
    }
    for chat in chats {
        eprintln!("{}  {}", chat.id.short(), harmless(&chat.title));
    }
    eprint!("Delete? [y/N] ");
    let mut answer = String::new();
    stdin().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}
