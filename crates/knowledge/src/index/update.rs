//! One pass over a folder: what is new or changed is read, cut and written, what is gone is taken out.

use super::KnowledgeError;
use crate::chunk::{Chunk, chunk};
use crate::walk::{Found, Reason, Root, Skipped, Walk};
use crate::words::words;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::sync_channel;
use std::thread;
use std::time::{SystemTime, UNIX_EPOCH};
use store::index::{Change, FileRow, Index, KnownFile, NewPassage};

/// Passages that are written in one transaction. What a kill loses is at most this much work.
const BATCH: usize = 1000;
/// A file that changed so short before it is read may change again within the tick of its clock, in nanoseconds.
const TICK: i64 = 2_000_000_000;

/// How much of the machine indexing may use.
#[derive(Clone, Debug)]
pub struct Options {
    /// Threads that read and cut files.
    pub threads: usize,
    /// Read files again although their time and size say that they are as before.
    pub thorough: bool,
}

impl Default for Options {
    /// Half of the machine.
    fn default() -> Options {
        let cores = thread::available_parallelism().map_or(1, NonZeroUsize::get);
        Options { threads: cores.div_ceil(2), thorough: false }
    }
}

/// How far indexing is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Files that are read, of those that must be.
    Files(u64, u64),
    /// Passages that have their vector, of those that lack one.
    Vectors(u64, u64),
}

/// What became of a folder.
#[derive(Clone, Debug, Default, serde::Serialize)]
pub struct Report {
    /// The folder.
    pub path: String,
    /// Files that are in the index now.
    pub files: u64,
    /// Files that are new or changed.
    pub changed: u64,
    /// Files that are gone.
    pub removed: u64,
    /// Passages of the new and changed files.
    pub passages: u64,
    /// Passages that got a vector.
    pub embedded: u64,
    /// What was not read, by reason. What ignore files name is not counted.
    pub skipped: Skipped,
    /// Ended before everything was done.
    pub stopped: bool,
    /// The folders in it, relative to it.
    #[serde(skip)]
    pub folders: Vec<PathBuf>,
    /// Id of the folder.
    #[serde(skip)]
    pub(crate) root: i64,
}

/// What a worker makes of a file.
type Work = (usize, Result<Change, Reason>);

pub(super) fn update(
    index: &Index,
    root: &Root,
    options: &Options,
    progress: &mut dyn FnMut(Progress) -> bool,
) -> Result<Report, KnowledgeError> {
    let now = nanoseconds();
    let id = index.add_root(root.path(), now / 1_000_000_000)?;
    let Walk { files: found, folders, skipped } = root.walk();
    let mut known = index.files(id)?;
    let mut report = Report { path: root.path().into(), root: id, skipped, folders, ..Report::default() };

    let there: Vec<(&Found, Option<KnownFile>)> = found.iter().map(|f| (f, known.remove(&f.path))).collect();
    let mut batch: Vec<Change> = known.into_keys().map(Change::Remove).collect();
    report.removed = batch.len() as u64;
    report.files = there.len() as u64;
    let as_before = |file: &Found, known: KnownFile| {
        !options.thorough && (known.mtime, known.size) == (file.mtime, file.size)
    };
    let unread: Vec<_> = there
        .into_iter()
        .filter(|(file, known)| !known.is_some_and(|known| as_before(file, known)))
        .collect();

    let total = unread.len() as u64;
    let mut waiting = 0;
    report.stopped = !each_in_order(
        &unread,
        options.threads,
        &|(file, known)| work(root, file, *known, now),
        |n, made| {
            match made {
                Ok(change) => {
                    if let Change::Put(_, passages) = &change {
                        report.changed += 1;
                        report.passages += passages.len() as u64;
                        waiting += passages.len() + 1;
                    }
                    batch.push(change);
                }
                Err(reason) => {
                    *report.skipped.entry(reason).or_default() += 1;
                    report.files -= 1;
                    batch.extend(unread[n].1.map(|_| Change::Remove(unread[n].0.path.clone())));
                }
            }
            if waiting >= BATCH {
                index.apply(id, &std::mem::take(&mut batch))?;
                waiting = 0;
            }
            Ok(progress(Progress::Files(n as u64 + 1, total)))
        },
    )?;
    index.apply(id, &batch)?;
    if !report.stopped {
        index.finish_root(id, nanoseconds() / 1_000_000_000)?;
    }
    Ok(report)
}

/// Works on items with several threads and hands the results on in the order of the items, so that the index does
/// not depend on chance. False when `take` ended it.
fn each_in_order<T: Sync>(
    items: &[T],
    threads: usize,
    work: &(dyn Fn(&T) -> Result<Change, Reason> + Sync),
    mut take: impl FnMut(usize, Result<Change, Reason>) -> Result<bool, KnowledgeError>,
) -> Result<bool, KnowledgeError> {
    let (next, stop) = (&AtomicUsize::new(0), &AtomicBool::new(false));
    thread::scope(|scope| {
        let (sender, receiver) = sync_channel::<Work>(64);
        for _ in 0..threads.clamp(1, items.len().max(1)) {
            let sender = sender.clone();
            scope.spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    let n = next.fetch_add(1, Ordering::Relaxed);
                    let Some(item) = items.get(n) else { break };
                    if sender.send((n, work(item))).is_err() {
                        break; // nobody takes the results any more
                    }
                }
            });
        }
        drop(sender);
        let mut early = BTreeMap::new();
        let mut due = 0;
        let mut go_on = Ok(true);
        while let Ok((n, result)) = receiver.recv() {
            early.insert(n, result);
            while let (Ok(true), Some(result)) = (&go_on, early.remove(&due)) {
                go_on = take(due, result);
                due += 1;
            }
            if !matches!(go_on, Ok(true)) {
                stop.store(true, Ordering::Relaxed);
                break;
            }
        }
        drop(receiver);
        go_on
    })
}

/// Reads and cuts one file.
fn work(root: &Root, file: &Found, known: Option<KnownFile>, now: i64) -> Result<Change, Reason> {
    let text = root.read(&file.path)?;
    let hash: [u8; 32] = Sha256::digest(&text).into();
    // A time of zero is never that of a file: it is hashed again in the next pass.
    let mtime = if file.mtime > now - TICK { 0 } else { file.mtime };
    if known.is_some_and(|known| known.hash == hash) {
        return Ok(Change::Touch(file.path.clone(), mtime, file.size));
    }
    let (language, chunks) = chunk(&file.path, &text);
    let row = FileRow { path: file.path.clone(), hash, mtime, size: file.size, language: language.into() };
    let path_words = words(&file.path).join(" ");
    Ok(Change::Put(row, chunks.into_iter().map(|chunk| passage(chunk, &path_words)).collect()))
}

fn passage(chunk: Chunk, path_words: &str) -> NewPassage {
    let Chunk { lines, kind, name, signature, text } = chunk;
    let mut digest = Sha256::new();
    for part in [path_words, kind, name.as_deref().unwrap_or(""), signature.as_deref().unwrap_or(""), &text] {
        digest.update(part);
        digest.update([0]);
    }
    let mut short = [0; 16];
    short.copy_from_slice(&digest.finalize()[..16]);
    let name_words = words(name.as_deref().unwrap_or("")).join(" ");
    NewPassage {
        first: lines.0,
        last: lines.1,
        kind: kind.into(),
        words: [name_words, path_words.to_owned(), words(&text).join(" ")],
        name,
        signature,
        text,
        digest: short,
    }
}

fn nanoseconds() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
}
