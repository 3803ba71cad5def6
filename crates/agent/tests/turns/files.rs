//! What an indexed folder does to a turn, with the real index: its names need code, and `read_file` stays inside.

use crate::make::*;
use agent::model::Line;
use agent::seam::Intent;
use agent::*;
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use std::sync::Arc;

/// An index of one folder, in another one.
fn indexed(root: &Path) -> (Arc<knowledge::Knowledge>, tempfile::TempDir) {
    let home = tempfile::tempdir().unwrap();
    let index = knowledge::Knowledge::open(&home.path().join("index.db"), None).unwrap();
    index.add(root, &Default::default(), &mut |_| true).unwrap();
    (Arc::new(index), home)
}

fn read(index: &Arc<knowledge::Knowledge>, arguments: Value) -> (String, bool) {
    let rims = Rims { index: Some(index.clone()), ..Rims::default() };
    let played = play(rims, ask("hi"), [Line::call("read_file", arguments), Line::text("ok")]);
    let step = played.kept.steps.into_iter().find_map(|step| match step {
        Step::Returned { message, ok, .. } => Some((message.text(), ok)),
        _ => None,
    });
    step.unwrap()
}

#[test]
fn lines_of_indexed_files_are_read() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("src")).unwrap();
    fs::write(folder.path().join("src/a.rs"), "one\ntwo\nthree\n").unwrap();
    let (index, _home) = indexed(folder.path());
    let (text, ok) = read(&index, json!({"path": "src/a.rs", "first_line": 2, "last_line": 3}));
    assert!(ok && text.contains("place=\"src/a.rs:2-3\"") && text.contains(">\ntwo\nthree\n<"), "{text}");
    let (text, ok) = read(&index, json!({"path": "src/a.rs", "first_line": 9}));
    assert!(!ok && text.contains("has 3 lines"), "{text}");
}

#[test]
fn a_message_that_names_indexed_code_is_answered_with_it() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("tariff.py"), "def zebra_tariff(days):\n    return days * 7\n").unwrap();
    let (index, _home) = indexed(folder.path());
    let searched = |text: &str| {
        let intent = judged(Intent::Chat, false);
        let rims =
            Rims { index: Some(index.clone()), intent, hits: vec![hit("tariff.py", "7")], ..Rims::default() };
        let played = play(rims, ask(text), [Line::text("ok")]);
        let needs = played.ears.events.iter().find_map(|event| match event {
            TurnEvent::Intent { judgement, .. } => Some(judgement.needs_code),
            _ => None,
        });
        let queries = played.rims.queries.lock().unwrap().clone();
        assert_eq!(needs, Some(!queries.is_empty()), "what is told is what is done");
        !queries.is_empty()
    };
    assert!(searched("What does zebra_tariff compute?"));
    assert!(!searched("What does giraffe_tariff compute?"));
}

#[test]
fn in_a_project_what_is_near_is_taken_without_being_asked_for() {
    let sources = |project: bool, intent: Intent, similarity: Option<f32>| {
        let mut near = hit("fuse.rs", "ranks");
        near.why.similarity = similarity;
        let rims = Rims { intent: judged(intent, false), hits: vec![near], ..Rims::default() };
        let project = project.then(|| "/home/me/project".into());
        let played = play(rims, Ask { project, ..ask("How are ranks fused?") }, [Line::text("ok")]);
        played.prompts[0].messages.iter().filter(|message| message.text().contains("fuse.rs")).count()
    };
    assert_eq!(sources(true, Intent::Chat, Some(0.5)), 1);
    assert_eq!(sources(true, Intent::Chat, Some(0.2)), 0, "it is about something else");
    assert_eq!(sources(true, Intent::Chat, None), 0, "a word that is there too says little");
    assert_eq!(sources(true, Intent::Search, Some(0.5)), 0, "the web is asked");
    assert_eq!(sources(false, Intent::Chat, Some(0.5)), 0);
}

#[test]
#[cfg(unix)]
fn nothing_else_is_read() {
    use std::os::unix::fs::symlink;
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("key"), "TOP SECRET").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    fs::create_dir(root.join("src")).unwrap();
    fs::write(root.join(".env"), "TOP SECRET").unwrap();
    fs::write(root.join("big"), "TOP SECRET".repeat(200_000)).unwrap();
    fs::write(root.join("binary"), b"TOP SECRET\0").unwrap();
    symlink(outside.path().join("key"), root.join("link")).unwrap();
    symlink(outside.path(), root.join("way")).unwrap();
    symlink("../../..", root.join("src/up")).unwrap();
    rustix_fifo(&root.join("pipe"));
    let absolute = outside.path().join("key").to_string_lossy().into_owned();
    let name = outside.path().file_name().unwrap().to_string_lossy().into_owned();
    let (index, _home) = indexed(root);
    let mut paths: Vec<String> = [
        "link",
        "way/key",
        ".env",
        "big",
        "binary",
        "pipe",
        "src",
        "",
        ".",
        "..",
        "/etc/passwd",
        "src/../../key",
    ]
    .map(str::to_owned)
    .to_vec();
    paths.extend([
        absolute,
        format!("../{name}/key"),
        format!("src/up/{name}/key"),
        format!("./../{name}/key"),
    ]);
    paths.extend(
        ["src\\..\\key", "C:/key", "file:///etc/passwd", "link\0", "//etc/passwd", "src//a", "..%2fkey"]
            .map(str::to_owned),
    );
    for path in paths {
        let (text, ok) = read(&index, json!({ "path": path }));
        assert!(!ok && !text.contains("TOP"), "{path}: {text}");
    }
}

#[cfg(unix)]
fn rustix_fifo(path: &std::path::Path) {
    let made = std::process::Command::new("mkfifo").arg(path).status();
    assert!(made.is_ok_and(|status| status.success()), "mkfifo");
}

/// A file that is swapped for a link while it is read, over and over.
#[test]
#[cfg(unix)]
fn a_race_of_links_leads_nowhere() {
    use std::sync::atomic::{AtomicBool, Ordering};
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("file"), "TOP SECRET").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().to_owned();
    fs::create_dir(root.join("dir")).unwrap();
    fs::write(root.join("dir/file"), "harmless").unwrap();
    std::os::unix::fs::symlink(outside.path(), root.join("evil")).unwrap();
    let (index, _home) = indexed(&root);
    let stop = AtomicBool::new(false);
    let (mut good, mut tried) = (0, 0);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                for (from, to) in [("dir", "away"), ("evil", "dir"), ("dir", "evil"), ("away", "dir")] {
                    fs::rename(root.join(from), root.join(to)).unwrap();
                }
            }
        });
        // On a busy machine the other thread may not run for a while.
        while tried < 2000 || (good == 0 || good == tried) && tried < 1_000_000 {
            let (text, ok) = read(&index, json!({"path": "dir/file"}));
            assert!(!text.contains("TOP"), "{text}");
            good += usize::from(ok);
            tried += 1;
        }
        stop.store(true, Ordering::Relaxed);
    });
    assert!(good > 0 && good < tried, "both happened: {good} of {tried}");
}
