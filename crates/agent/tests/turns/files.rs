//! `read_file` stays inside the indexed folders.

use crate::make::*;
use agent::model::Line;
use agent::*;
use serde_json::{Value, json};
use std::fs;

fn read(rims: Rims, arguments: Value) -> (String, bool) {
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
    let rims = || Rims { roots: vec![folder.path().into()], ..Rims::default() };
    let (text, ok) = read(rims(), json!({"path": "src/a.rs", "first_line": 2, "last_line": 3}));
    assert!(ok && text.contains("place=\"src/a.rs:2-3\"") && text.contains(">\ntwo\nthree\n<"), "{text}");
    let (text, ok) = read(rims(), json!({"path": "src/a.rs", "first_line": 9}));
    assert!(!ok && text.contains("has 3 lines"), "{text}");
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
    fs::write(root.join("secret.env"), "TOP SECRET").unwrap();
    fs::write(root.join("big"), "TOP SECRET".repeat(200_000)).unwrap();
    fs::write(root.join("binary"), b"TOP SECRET\0").unwrap();
    symlink(outside.path().join("key"), root.join("link")).unwrap();
    symlink(outside.path(), root.join("way")).unwrap();
    symlink("../../..", root.join("src/up")).unwrap();
    rustix_fifo(&root.join("pipe"));
    let absolute = outside.path().join("key").to_string_lossy().into_owned();
    let name = outside.path().file_name().unwrap().to_string_lossy().into_owned();
    let mut paths: Vec<String> = [
        "link",
        "way/key",
        "secret.env",
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
        let rims = Rims { roots: vec![root.into()], ..Rims::default() };
        let (text, ok) = read(rims, json!({ "path": path }));
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
    fs::create_dir(root.join("real")).unwrap();
    fs::write(root.join("real/file"), "harmless").unwrap();
    std::os::unix::fs::symlink(outside.path(), root.join("evil")).unwrap();
    std::os::unix::fs::symlink("real", root.join("dir")).unwrap();
    let stop = AtomicBool::new(false);
    let (mut good, mut tried) = (0, 0);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                for target in ["real", "evil"] {
                    let new = root.join("new");
                    let _ = fs::remove_file(&new);
                    std::os::unix::fs::symlink(target, &new).unwrap();
                    fs::rename(&new, root.join("dir")).unwrap();
                }
            }
        });
        while tried < 2000 {
            let rims = Rims { roots: vec![root.clone()], ..Rims::default() };
            let (text, ok) = read(rims, json!({"path": "dir/file"}));
            assert!(!text.contains("TOP"), "{text}");
            good += usize::from(ok);
            tried += 1;
        }
        stop.store(true, Ordering::Relaxed);
    });
    assert!(good > 0 && good < tried, "both happened: {good} of {tried}");
}
