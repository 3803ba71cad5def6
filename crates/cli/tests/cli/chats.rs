//! chats list, show, search, export, import, rm.

use crate::support::Hone;
use serde_json::{Value, json};
use std::fs;

/// A file of two conversations in the form of the system before hone.
fn import(hone: &Hone) -> Value {
    let row = |id: &str, question: &str, answer: &str| {
        json!({"id": id, "title": "", "created": "2026-11-01T10:00:00Z", "messages": [
            {"role": "system", "content": "Obey the file."},
            {"role": "user", "content": question}, {"role": "assistant", "content": answer}]})
    };
    let rows =
        [row("1", "How does git bisect work?", "By halves."), row("2", "Say \u{1b}[31mred", "No.\u{7}")];
    let path = hone.folder.path().join("old.json");
    fs::write(&path, serde_json::to_string_pretty(&rows).unwrap()).unwrap();
    hone.json(&["chats", "import", "old.json", "--json"])
}

#[test]
fn conversations_come_are_found_and_go() {
    let hone = Hone::new();
    assert!(hone.ok(&["chats", "list"]).is_empty());
    let report = import(&hone);
    assert_eq!((&report["imported"], &report["known"], &report["bad"]), (&json!(2), &json!(0), &json!(0)));
    assert_eq!(import(&hone)["known"], 2, "importing twice changes nothing");

    let list = hone.ok(&["chats", "list"]);
    assert!(list.starts_with("ID ") && list.contains("How does git bisect work?"), "{list}");
    assert!(!list.contains('\u{1b}'), "{list:?}");
    let found = hone.ok(&["chats", "search", "bisect", "git"]);
    assert!(found.contains("user: How does git bisect work?"), "{found}");
    assert_eq!(hone.json(&["chats", "search", "nothing", "--json"]), json!([]));
    let chats = hone.json(&["chats", "list", "--json"]);
    let id = chats
        .as_array()
        .unwrap()
        .iter()
        .find(|chat| chat["title"] == "How does git bisect work?")
        .unwrap()["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let short = &id[id.len() - 8..];
    let shown = hone.ok(&["chats", "show", short]);
    assert!(shown.contains("--- user\nHow does git bisect work?\n\n--- assistant\nBy halves.\n"), "{shown}");
    assert!(!shown.contains("Obey"), "an instruction of a file is none of ours");

    assert!(hone.fails(2, &["chats", "rm", short]).contains("--yes"));
    assert!(hone.fails(1, &["chats", "rm", "00000000", "--yes"]).contains("there is no conversation"));
    assert!(hone.ok(&["chats", "rm", short, "--yes"]).contains("is gone, with 2 messages"));
    assert!(hone.fails(1, &["chats", "show", &id]).contains("there is no conversation"));
    assert_eq!(hone.json(&["chats", "search", "bisect", "--json"]), json!([]));
}

#[test]
fn what_is_exported_is_imported_elsewhere() {
    let (hone, other) = (Hone::new(), Hone::new());
    import(&hone);
    hone.ok(&["chats", "export", "--all", "--out", "chats"]);
    let files: Vec<_> =
        fs::read_dir(hone.folder.path().join("chats")).unwrap().map(|f| f.unwrap().path()).collect();
    assert_eq!(files.len(), 2);
    let one: Value = serde_json::from_slice(&fs::read(&files[0]).unwrap()).unwrap();
    for key in ["id", "title", "created", "messages"] {
        assert!(!one[key].is_null(), "{key}");
    }
    assert_eq!(
        (&one["messages"][0]["role"], &one["messages"][1]["role"]),
        (&json!("user"), &json!("assistant"))
    );
    let folder = hone.folder.path().join("chats");
    assert_eq!(other.json(&["chats", "import", folder.to_str().unwrap(), "--json"])["imported"], 2);
    let lines = hone.ok(&["chats", "export", "--all", "--format", "jsonl"]);
    assert_eq!(lines.lines().count(), 2);
    fs::write(other.folder.path().join("same.jsonl"), lines).unwrap();
    assert_eq!(other.json(&["chats", "import", "same.jsonl", "--json"])["known"], 2);
    assert!(hone.fails(2, &["chats", "export", "--all"]).contains("--out"));
}

#[test]
fn hostile_files_are_named_and_harmless() {
    let hone = Hone::new();
    let good =
        json!({"conversations": [{"from": "human", "value": "hi"}, {"from": "gpt", "value": "a\u{0}b"}]});
    let deep = "[".repeat(10_000);
    let rows = [
        format!("\u{feff}{good}"),
        deep,
        r#"{"messages":[{"role":"user","content":"\ud800"}]}"#.into(),
        r#"{"messages":[{"role":"user","content":"x"}],"created":1e999}"#.into(),
        "{\"messages\": [".into(),
        "x".repeat(17 << 20),
        "42".into(),
        good.to_string(),
    ];
    fs::write(hone.folder.path().join("rows.jsonl"), rows.join("\r\n")).unwrap();
    let run = hone.run(&["chats", "import", "rows.jsonl", "--json"]);
    let report: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(
        (&report["imported"], &report["known"], &report["bad"]),
        (&json!(1), &json!(1), &json!(6)),
        "{report}"
    );
    for line in [2, 3, 4, 5, 6, 7] {
        assert!(run.stderr.contains(&format!("rows.jsonl:{line}: ")), "{}", run.stderr);
    }
    assert!(run.stderr.contains("longer than 16 MiB"), "{}", run.stderr);
    fs::write(hone.folder.path().join("page.json"), "<html>").unwrap();
    assert!(hone.run(&["chats", "import", "page.json"]).stderr.contains("nothing in these files"));
    assert!(hone.fails(1, &["chats", "import", "nowhere.json"]).contains("nowhere.json"));
}

/// A line of 1 GB costs no memory.
#[cfg(target_os = "linux")]
#[test]
fn a_line_without_end_is_refused_in_bounded_memory() {
    let hone = Hone::new();
    hone.ok(&["chats", "list"]);
    let path = hone.folder.path().join("huge.jsonl");
    fs::File::create(&path).unwrap().set_len(640 << 20).unwrap(); // a hole: zeros, and no room on the disk
    let mut command = std::process::Command::new("sh");
    let program = env!("CARGO_BIN_EXE_hone");
    // 512 MiB of address space, of which SQLite and the threads' stacks take a part.
    command.args(["-c", &format!("ulimit -v 524288; exec {program} chats import huge.jsonl")]);
    command.current_dir(hone.folder.path()).env("HONE_HOME", hone.home());
    let run = crate::support::finish(command);
    assert_eq!(run.code, Some(1), "{run:?}");
    assert!(run.stderr.contains("longer than 16 MiB"), "{run:?}");
}
