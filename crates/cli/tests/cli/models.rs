//! pull, list, show, use, rm.

use crate::support::{Hone, tiny};
use std::fs;

fn names(hone: &Hone) -> Vec<String> {
    let list = hone.json(&["list", "--json"]);
    list.as_array().unwrap().iter().map(|m| m["name"].as_str().unwrap().to_string()).collect()
}

#[test]
fn the_life_of_a_model() {
    let hone = Hone::new();
    assert!(names(&hone).is_empty());
    let path = tiny("qwen2");
    let pulled = hone.json(&["pull", path.to_str().unwrap(), "--json"]);
    assert_eq!(pulled["name"], "qwen2");
    assert_eq!(pulled["bytes"], fs::metadata(&path).unwrap().len());
    assert_eq!(pulled["sha256"].as_str().unwrap().len(), 64);
    assert_eq!(names(&hone), ["qwen2"]);

    let shown = hone.json(&["show", "--json"]);
    assert_eq!((&shown["name"], &shown["architecture"]), (&"qwen2".into(), &"qwen2".into()));
    assert!(shown["parameters"].as_u64().unwrap() > 0 && shown["context_length"].as_u64().unwrap() > 0);
    let stored = shown["path"].as_str().unwrap();
    assert_eq!(fs::read(stored).unwrap(), fs::read(&path).unwrap());
    assert!(hone.ok(&["show", "qwen2"]).contains("architecture"));

    hone.ok(&["rm", "qwen2"]);
    assert!(names(&hone).is_empty());
    assert!(!fs::exists(stored).unwrap());
    let said = hone.fails(1, &["show", "qwen2"]);
    assert!(said.contains("qwen2"), "{said}");
}

#[test]
fn the_first_model_is_chosen_and_use_changes_that() {
    let hone = Hone::with_model();
    hone.ok(&["pull", tiny("qwen3").to_str().unwrap()]);
    let chosen = || hone.json(&["show", "--json"])["name"].as_str().unwrap().to_string();
    assert_eq!(chosen(), "llama");
    hone.ok(&["use", "qwen3"]);
    assert_eq!(chosen(), "qwen3");
    let said = hone.fails(1, &["use", "nothing"]);
    assert!(said.contains("nothing"), "{said}");
    assert_eq!(chosen(), "qwen3");

    hone.ok(&["rm", "qwen3"]);
    let said = hone.fails(1, &["chat", "-p", "hi"]);
    assert!(said.contains("hone use") && said.contains("llama"), "{said}");
}

#[test]
fn the_catalogue_says_what_fits() {
    let hone = Hone::new();
    let catalogue = hone.json(&["pull", "--json"]);
    let starter = catalogue.as_array().unwrap().iter().find(|e| e["name"] == "smollm2-135m").unwrap();
    assert_eq!(starter["fits"], true);
    assert!(starter["bytes"].as_u64().unwrap() < starter["memory_bytes"].as_u64().unwrap());
    let table = hone.ok(&["pull"]);
    assert!(table.contains("qwen2.5-coder-7b") && table.contains("MEMORY"), "{table}");
}

#[test]
fn a_pull_that_cannot_work_says_why() {
    let hone = Hone::new();
    let page = hone.folder.path().join("page.gguf");
    fs::write(&page, "<html>Sign in first</html>").unwrap();
    for (source, reason) in [
        ("/nowhere/model.gguf", "/nowhere/model.gguf"),
        (page.to_str().unwrap(), "GGUF"),
        ("no-such-model", "no-such-model"),
        ("../../etc/passwd", "passwd"),
        ("smollm2-135m", "HONE_OFFLINE"),
        ("hf:owner/repo/file.gguf", "HONE_OFFLINE"),
    ] {
        let run = hone.run(&["-q", "pull", source]);
        assert!(run.stderr.contains(reason), "{source}: {run:?}");
        run.failed(1);
    }
    assert!(names(&hone).is_empty());
}

#[test]
fn what_commands_change_is_in_the_audit_log() {
    let hone = Hone::with_model();
    hone.ok(&["pull", tiny("qwen3").to_str().unwrap()]);
    hone.ok(&["use", "qwen3"]);
    hone.ok(&["rm", "llama"]);
    let code = hone.folder.path().join("code");
    fs::create_dir(&code).unwrap();
    fs::write(code.join("a.py"), "def add(a, b):\n    return a + b\n").unwrap();
    hone.ok(&["index", "add", code.to_str().unwrap()]);
    hone.ok(&["index", "rm", code.to_str().unwrap()]);
    hone.ok(&["remember", "Always use tabs."]);
    hone.ok(&["adapter", "use", "base"]);
    hone.ok(&["list"]); // changes nothing
    let log = store::Store::open(&hone.home()).unwrap().audit().list(99).unwrap();
    let told: Vec<&str> = log.iter().rev().map(|entry| entry.kind.as_str()).collect();
    let expected = [
        "model pulled",
        "model pulled",
        "model chosen",
        "model deleted",
        "folder indexed",
        "folder no longer indexed",
        "rule taught",
        "adapter in use",
    ];
    assert_eq!(told, expected);
    assert!(log.iter().all(|entry| entry.detail["by"] == "cli"), "{log:?}");
}
