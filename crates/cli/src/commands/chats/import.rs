//! `hone chats import`: conversations of hone, ChatGPT, Open WebUI and ShareGPT.

use crate::config::App;
use crate::flags::ChatsImport;
use crate::output::{self, harmless};
use anyhow::{Context, bail};
use learn::dataset::each_row;
use serde::Serialize;
use serde_json::Value;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use store::exchange::{Conversation, Imported};
use store::{Store, StoreError};

/// What became of the conversations of all files.
#[derive(Debug, Default, Serialize)]
struct Report {
    imported: usize,
    /// There already.
    known: usize,
    /// Nothing said in them.
    empty: usize,
    /// Messages without text.
    messages_left_out: usize,
    bad: usize,
    /// The first of the bad ones, with their places.
    problems: Vec<String>,
    ids: Vec<store::Id>,
}

pub(super) fn run(app: &App, store: &Store, flags: &ChatsImport) -> anyhow::Result<()> {
    let mut import =
        Import { store, own: flags.mine, waiting: Vec::new(), bytes: 0, report: Report::default() };
    for path in files(&flags.paths)? {
        import.file(&path)?;
    }
    import.flush()?;
    let report = import.report;
    for problem in report.problems.iter().filter(|_| !app.quiet) {
        eprintln!("hone: {}", harmless(problem));
    }
    if flags.json {
        output::print_json(&report)?;
    } else {
        let Report { imported, known, empty, messages_left_out: left_out, bad, .. } = report;
        let others =
            [(known, "here already"), (empty, "empty"), (bad, "bad"), (left_out, "messages left out")];
        let others: Vec<_> =
            others.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} {what}")).collect();
        let others = if others.is_empty() { String::new() } else { format!(" ({})", others.join(", ")) };
        output::print(&format!("{imported} conversations imported{others}\n"))?;
    }
    if report.bad > 0 && report.imported + report.known == 0 {
        bail!("nothing in these files is a conversation that hone can read");
    }
    Ok(())
}

/// The files, and the `.json` and `.jsonl` files of folders, in order.
fn files(paths: &[PathBuf]) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for path in paths {
        let failed = || format!("cannot read {}", path.display());
        if !fs::metadata(path).with_context(failed)?.is_dir() {
            files.push(path.clone());
            continue;
        }
        let mut found = Vec::new();
        for file in fs::read_dir(path).with_context(failed)? {
            let file = file.with_context(failed)?.path();
            let json = file.extension().is_some_and(|e| e == "json" || e == "jsonl");
            if json && file.is_file() {
                found.push(file);
            }
        }
        if found.is_empty() {
            bail!("{} holds no .json or .jsonl files", path.display());
        }
        found.sort();
        files.extend(found);
    }
    Ok(files)
}

struct Import<'a> {
    store: &'a Store,
    /// The user says that they are his own.
    own: bool,
    waiting: Vec<Conversation>,
    /// Of what waits.
    bytes: usize,
    report: Report,
}

/// A file that is one JSON value over many lines is read as a whole up to this size; rows have a limit of their own.
const WHOLE: u64 = 64 << 20;
/// What is put into the store with one commit.
const GROUP: (usize, usize) = (100, 4 << 20);
/// Bad rows that are named.
const NAMED: usize = 20;

impl Import<'_> {
    fn file(&mut self, path: &Path) -> anyhow::Result<()> {
        let name = path.display().to_string();
        let bytes = fs::metadata(path).with_context(|| format!("cannot read {name}"))?.len();
        store::disk::check_room(self.store.home(), bytes)?;
        if let Some(value) = single(path, bytes).with_context(|| format!("cannot read {name}"))? {
            return Ok(self.row(&name, 1, Ok(value))?);
        }
        let mut failed = None;
        each_row(path, &name, |line, row| {
            // The reader cannot be stopped; after an error of the store the rest is only read.
            if failed.is_none() {
                failed = self.row(&name, line, row).err();
            }
        })?;
        failed.map_or(Ok(()), |error| Err(error.into()))
    }

    fn row(&mut self, name: &str, line: u64, row: Result<Value, String>) -> Result<(), StoreError> {
        match row.and_then(|row| Conversation::read(&row)) {
            Ok(conversation) => {
                let conversation = Conversation { own: self.own, ..conversation };
                self.report.messages_left_out += conversation.left_out;
                self.bytes += conversation.turns.iter().map(|turn| turn.text.len() + 100).sum::<usize>();
                self.waiting.push(conversation);
            }
            Err(why) => {
                self.report.bad += 1;
                if self.report.problems.len() < NAMED {
                    self.report.problems.push(format!("{name}:{line}: {why}"));
                }
            }
        }
        if self.waiting.len() >= GROUP.0 || self.bytes >= GROUP.1 { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<(), StoreError> {
        self.bytes = 0;
        for outcome in self.store.chats().import(std::mem::take(&mut self.waiting))? {
            match outcome {
                Imported::New(id) => {
                    self.report.imported += 1;
                    self.report.ids.push(id);
                }
                Imported::Known(_) => self.report.known += 1,
                Imported::Empty => self.report.empty += 1,
            }
        }
        Ok(())
    }
}

/// The file as one JSON object, where it is one.
fn single(path: &Path, bytes: u64) -> std::io::Result<Option<Value>> {
    if bytes > WHOLE {
        return Ok(None);
    }
    let mut text = Vec::new();
    File::open(path)?.take(WHOLE).read_to_end(&mut text)?;
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&text);
    Ok(serde_json::from_slice(text).ok().filter(Value::is_object))
}
