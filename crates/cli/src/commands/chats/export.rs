//! `hone chats export`: conversations as files that hone and others read.

use super::named;
use crate::config::App;
use crate::flags::{ChatsExport, ChatsFormat};
use crate::output::{self, Usage};
use anyhow::{Context, bail};
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;
use store::{Chat, ChatFilter, Store};

pub(super) fn run(app: &App, store: &Store, flags: &ChatsExport) -> anyhow::Result<()> {
    let chats = match flags.all {
        true => store.chats().list(&ChatFilter::default())?,
        false => named(store, &flags.ids)?,
    };
    match (&flags.out, flags.format) {
        (Some(folder), ChatsFormat::Json) => files(store, &chats, folder)?,
        (Some(file), ChatsFormat::Jsonl) => {
            let failed = || format!("cannot write {}", file.display());
            let mut out = BufWriter::new(File::create_new(file).with_context(failed)?);
            lines(store, &chats, &mut out).and_then(|()| Ok(out.flush()?)).with_context(failed)?;
        }
        (None, ChatsFormat::Jsonl) => lines(store, &chats, &mut std::io::stdout().lock())?,
        (None, ChatsFormat::Json) => match &chats[..] {
            [chat] => return output::print_json(&store.chats().export(chat.id)?),
            _ => bail!(Usage("several conversations need --out FOLDER, or --format jsonl".into())),
        },
    }
    if let Some(out) = flags.out.as_ref().filter(|_| !app.quiet) {
        eprintln!("{} conversations are in {}", chats.len(), out.display());
    }
    Ok(())
}

/// `DAY-ID.json` each. A file that is there already is written anew: it is of the same conversation.
fn files(store: &Store, chats: &[Chat], folder: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    for chat in chats {
        let path = folder.join(format!("{}-{}.json", chat.created.day(), chat.id));
        let text = serde_json::to_string_pretty(&store.chats().export(chat.id)?)?;
        fs::write(&path, text + "\n").with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

fn lines(store: &Store, chats: &[Chat], out: &mut impl Write) -> anyhow::Result<()> {
    for chat in chats {
        writeln!(out, "{}", store.chats().export(chat.id)?)?;
    }
    Ok(())
}
