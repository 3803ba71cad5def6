//! Indexed folders, kept up to date while a server runs.
//!
//! What the system says of changes only says when to look: a pass over the folder decides what changed. On Linux the
//! folders that are indexed are watched one by one, because a watch for each of the others (build output, packages)
//! would use up what the system has. Where the system has no more, folders are looked at once a minute.

use crate::index::{Knowledge, Options};
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// A folder is looked at when it has been quiet for this long,
const QUIET: Duration = Duration::from_millis(500);
/// or has been busy for this long.
const BUSY: Duration = Duration::from_secs(10);
/// How often the list of folders is read: `hone index add` may run elsewhere.
const ROOTS: Duration = Duration::from_secs(3);
/// How often folders are looked at that cannot be watched.
const UNWATCHED: Duration = Duration::from_secs(60);

/// A thread that keeps an index up to date until this is dropped.
pub struct Watch {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Watch {
    /// Starts with a pass over every indexed folder.
    pub fn start(knowledge: Arc<Knowledge>, options: Options) -> Watch {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let run = move || Watching::new(&knowledge, &options, &stopped).run();
        let thread = std::thread::Builder::new().name("watch".into()).spawn(run);
        if let Err(error) = &thread {
            tracing::warn!("indexed folders are not watched: {error}");
        }
        Watch { stop, thread: thread.ok() }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join(); // a panic of it has been reported
        }
    }
}

/// What is known of a folder.
#[derive(Default)]
struct State {
    /// First and last change that no pass has seen.
    changed: Option<(Instant, Instant)>,
    passed: Option<Instant>,
    watched: BTreeSet<PathBuf>,
    /// Not everything could be watched.
    partly: bool,
}

struct Watching<'a> {
    knowledge: &'a Knowledge,
    options: &'a Options,
    stop: &'a AtomicBool,
    watcher: Option<RecommendedWatcher>,
    events: Receiver<notify::Result<notify::Event>>,
    roots: HashMap<String, State>,
}

impl<'a> Watching<'a> {
    fn new(knowledge: &'a Knowledge, options: &'a Options, stop: &'a AtomicBool) -> Watching<'a> {
        let (sender, events) = channel();
        let watcher = notify::recommended_watcher(sender);
        let watcher = watcher.inspect_err(|error| tracing::warn!("changes are not watched: {error}")).ok();
        Watching { knowledge, options, stop, watcher, events, roots: HashMap::new() }
    }

    fn run(&mut self) {
        let mut listed: Option<Instant> = None;
        while !self.stop.load(Ordering::Relaxed) {
            if listed.is_none_or(|at| at.elapsed() >= ROOTS) {
                self.list();
                listed = Some(Instant::now());
            }
            self.listen();
            let due: Vec<String> =
                self.roots.iter().filter(|(_, s)| s.is_due()).map(|(root, _)| root.clone()).collect();
            for root in due {
                self.pass(&root);
            }
        }
    }

    /// Takes in new folders and forgets those that are no longer indexed.
    fn list(&mut self) {
        let Ok(roots) = self.knowledge.roots() else { return };
        for root in &roots {
            self.roots.entry(root.path.clone()).or_default();
        }
        let gone: Vec<String> =
            self.roots.keys().filter(|path| !roots.iter().any(|root| root.path == **path)).cloned().collect();
        for path in gone {
            let state = self.roots.remove(&path).unwrap_or_default();
            state.watched.iter().for_each(|folder| self.unwatch(folder));
        }
    }

    /// Waits for changes for a short while.
    fn listen(&mut self) {
        let mut wait = Duration::from_millis(200);
        loop {
            match self.events.recv_timeout(wait) {
                Ok(Ok(event)) => self.note(&event),
                Ok(Err(error)) => tracing::debug!("watching: {error}"),
                Err(RecvTimeoutError::Disconnected) => {
                    std::thread::sleep(wait);
                    return;
                }
                Err(RecvTimeoutError::Timeout) => return,
            }
            wait = Duration::ZERO;
        }
    }

    fn note(&mut self, event: &notify::Event) {
        if matches!(event.kind, EventKind::Access(_)) {
            return; // indexing reads
        }
        let now = Instant::now();
        for path in &event.paths {
            let holding = self.roots.iter_mut().filter(|(root, _)| path.starts_with(root));
            holding.for_each(|(_, state)| {
                state.changed = Some((state.changed.map_or(now, |(first, _)| first), now))
            });
        }
    }

    fn pass(&mut self, root: &str) {
        let began = Instant::now();
        let stop = self.stop;
        let report =
            self.knowledge.add(Path::new(root), self.options, &mut |_| !stop.load(Ordering::Relaxed));
        let Some(state) = self.roots.get_mut(root) else { return };
        // What changed during the pass comes as an event after this.
        (state.changed, state.passed) = (None, Some(Instant::now()));
        match report {
            Ok(report) => {
                if report.changed + report.removed > 0 {
                    tracing::info!(
                        "{root}: {} files indexed again in {:.1?}",
                        report.changed,
                        began.elapsed()
                    );
                }
                let folders = report.folders.iter().map(|folder| Path::new(root).join(folder)).collect();
                self.watch(root, folders);
            }
            Err(error) => tracing::warn!("{root} is not kept up to date: {error}"),
        }
    }

    /// Watches exactly these folders of a root.
    fn watch(&mut self, root: &str, mut folders: BTreeSet<PathBuf>) {
        let mut mode = RecursiveMode::NonRecursive;
        if !cfg!(target_os = "linux") {
            (folders, mode) = ([PathBuf::from(root)].into(), RecursiveMode::Recursive);
        }
        let Some(state) = self.roots.get_mut(root) else { return };
        let before = std::mem::take(&mut state.watched);
        before.difference(&folders).for_each(|folder| self.unwatch(folder));
        let mut partly = self.watcher.is_none();
        let mut watched = BTreeSet::new();
        for folder in folders {
            // A folder that went away and came back has lost its watch, so even known ones are asked for again.
            match self.watcher.as_mut().map(|watcher| watcher.watch(&folder, mode)) {
                Some(Ok(())) => {
                    watched.insert(folder);
                }
                Some(Err(error)) if !folder.exists() => tracing::debug!("{}: {error}", folder.display()),
                _ => partly = true,
            }
        }
        if let Some(state) = self.roots.get_mut(root) {
            if partly && !state.partly {
                tracing::warn!("{root} is looked at once a minute: the system does not watch all of it");
            }
            (state.watched, state.partly) = (watched, partly);
        }
    }

    fn unwatch(&mut self, folder: &Path) {
        if let Some(watcher) = &mut self.watcher {
            let _ = watcher.unwatch(folder); // it may be gone
        }
    }
}

impl State {
    fn is_due(&self) -> bool {
        let changed =
            self.changed.is_some_and(|(first, last)| last.elapsed() >= QUIET || first.elapsed() >= BUSY);
        changed || self.passed.is_none_or(|passed| self.partly && passed.elapsed() >= UNWATCHED)
    }
}
