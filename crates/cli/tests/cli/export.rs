//! `hone export`, what decides about it (`hone chats rate`, `edit`, `learn`), and `hone data build --from-index`.

use crate::support::Hone;
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use std::process::Command;

/// Conversations of the user's own, each of one question and answer, by their ids in the file.
fn import(hone: &Hone, pairs: &[(&str, &str, Value)]) {
    let rows = pairs.iter().enumerate().map(|(n, (question, answer, feedback))| {
        json!({"id": n.to_string(), "title": question, "created": format!("2026-11-0{}T10:00:00Z", n + 1), "messages": [
            {"role": "user", "content": question}, {"role": "assistant", "content": answer, "feedback": feedback}]})
    });
    let text: String = rows.map(|row| row.to_string() + "\n").collect();
    fs::write(hone.folder.path().join("own.jsonl"), text).unwrap();
    assert_eq!(
        hone.json(&["chats", "import", "--mine", "own.jsonl", "--json"])["imported"],
        json!(pairs.len())
    );
}

fn id(hone: &Hone, title: &str) -> String {
    let chats = hone.json(&["chats", "list", "--json"]);
    let found = chats.as_array().unwrap().iter().find(|chat| chat["title"] == title).unwrap();
    found["id"].as_str().unwrap().to_owned()
}

fn reasons(report: &Value) -> Vec<&str> {
    report["examples"].as_array().unwrap().iter().map(|e| e["reason"].as_str().unwrap()).collect()
}

#[test]
fn conversations_become_a_set_with_a_reason_for_each_answer() {
    let hone = Hone::new();
    let empty = hone.run(&["export"]);
    assert!(empty.code == Some(1) && empty.stderr.contains("none of 0 answers"), "{empty:?}");
    let secret = "ghp_Zk3mQ8vXw2Lr7Tn5Yb1Hs9Dc4Fg6Jp0aUeiO";
    let header = format!("curl -H 'Authorization: Bearer {secret}' is what I use, why?");
    let up = json!([{"kind": "up"}]);
    import(
        &hone,
        &[
            ("how do I sort?", "Call sort() on the list.", up.clone()),
            ("write a commit message", "Updated the code.", json!([])),
            (&header, "Because the server wants to know who asks.", up),
            ("show me code", "```python\ndef f(:\n    pass\n```", json!([])),
            ("what is private?", "This here is private, I think.", json!([])),
        ],
    );
    let commit = id(&hone, "write a commit message");
    hone.ok(&["chats", "edit", &commit, "--text", "fix(parser): accept empty input"]);
    assert!(
        hone.fails(1, &["chats", "edit", &commit, "--text", "fix(parser): accept empty input"])
            .contains("as it was")
    );
    hone.ok(&["chats", "learn", "off", &id(&hone, "what is private?")]);

    let dry = hone.ok(&["export", "--dry-run", "--all"]);
    assert!(
        dry.starts_with("6 answers, 2 to learn from\n")
            && dry.contains("there is a secret in it (GitHub token)"),
        "{dry}"
    );
    assert!(!hone.home().join("datasets").exists());
    let report = hone.json(&["export", "--name", "mine", "--json"]);
    assert_eq!(reasons(&report), ["up", "replaced", "secret", "broken-code", "conversation-out", "edited"]);
    assert_eq!((&report["kept"], &report["signals"]["edited"]), (&json!(2), &json!(1)));
    let set = hone.home().join("datasets/mine");
    let text: String = ["train.jsonl", "valid.jsonl", "manifest.json"]
        .map(|name| fs::read_to_string(set.join(name)).unwrap())
        .concat();
    assert!(
        text.contains("fix(parser): accept empty input") && !text.contains("Updated the code."),
        "{text}"
    );
    assert!(!text.contains(secret) && !report.to_string().contains(secret));
    assert!(hone.ok(&["data", "view", "mine"]).contains("[assistant]"));

    assert_eq!(hone.json(&["export", "-o", "out", "--min-weight", "2", "--json"])["kept"], 1);
    assert_eq!(hone.json(&["export", "-n", "--since", "2026-11-02", "--json"])["looked_at"], 5);
    hone.fails(2, &["export", "--since", "yesterday"]);
    hone.fails(2, &["export", "--min-weight", "-1"]);

    let gone = hone.json(&["chats", "rm", &commit, "--yes", "--json"]);
    assert_eq!(gone[0]["training_rows"], 1);
    assert!(!fs::read_to_string(set.join("train.jsonl")).unwrap().contains("fix(parser)"));
}

#[test]
fn answers_are_rated_and_edited() {
    let hone = Hone::new();
    import(&hone, &[("how do I sort?", "Call sort() on the list.", json!([]))]);
    let chat = id(&hone, "how do I sort?");
    let fate = || reasons(&hone.json(&["export", "-n", "--json"])).join(" ");
    for (rating, expected) in [("up", "up"), ("down", "disliked"), ("none", "silence"), ("kept", "kept")] {
        hone.ok(&["chats", "rate", &chat, rating]);
        assert_eq!(fate(), expected);
    }
    hone.fails(2, &["chats", "rate", &chat, "great"]);
    assert!(hone.fails(1, &["chats", "rate", &chat, "up", "--message", "ffffff"]).contains("no answer of"));
    hone.fails(2, &["chats", "edit", &chat, "--text", " "]);
    let run = hone.run_with_input(&["chats", "edit", &chat, "--file", "-", "--json"], "Use sorted(list).");
    let branch = serde_json::from_str::<Value>(&run.stdout).unwrap()["branch"].as_str().unwrap().to_owned();
    assert_eq!(fate(), "replaced edited");
    assert!(hone.ok(&["chats", "show", &chat]).contains("Use sorted(list)."));
    let other = &branch[branch.len() - 8..];
    hone.ok(&["chats", "rate", &chat, "down", "--message", other]);
    assert_eq!(fate(), "replaced disliked");
}

#[test]
fn what_was_imported_without_a_word_is_not_learned() {
    let hone = Hone::new();
    let row = json!({"id": "x", "title": "t", "messages": [{"role": "user", "content": "how do I sort?"},
        {"role": "assistant", "content": "Call sort() on it.", "feedback": [{"kind": "up"}]}]});
    fs::write(hone.folder.path().join("strange.json"), row.to_string()).unwrap();
    hone.ok(&["chats", "import", "strange.json"]);
    assert_eq!(reasons(&hone.json(&["export", "-n", "--json"])), ["foreign-text"]);
    let failed = hone.run(&["export"]);
    assert!(
        failed.code == Some(1) && failed.stdout.contains("foreign-text"),
        "the report says why: {failed:?}"
    );
}

fn git(folder: &Path, words: &[&str]) -> bool {
    let mut command = Command::new("git");
    command.args(["-c", "user.name=me", "-c", "user.email=me@host", "-c", "commit.gpgsign=false"]);
    command.arg("-C").arg(folder).args(words).output().is_ok_and(|done| done.status.success())
}

#[test]
fn indexed_code_becomes_examples_where_its_licence_allows() {
    let hone = Hone::new();
    let root = hone.folder.path().join("shop");
    fs::create_dir_all(root.join("vendor")).unwrap();
    let function = |n: usize, extra: &str| {
        format!(
            "# Adds {n} to a price and rounds it to cents.\ndef add_{n}(price):\n    total = price + {n}\n    total = total * 1\n{extra}    total = round(total, 2)\n    return total\n"
        )
    };
    for n in 0..12 {
        fs::write(root.join(format!("price{n}.py")), function(n, "")).unwrap();
    }
    fs::write(root.join("vendor/LICENSE"), "GNU GENERAL PUBLIC LICENSE Version 3").unwrap();
    fs::write(root.join("vendor/theirs.py"), function(100, "")).unwrap();
    fs::write(root.join("head.py"), format!("# SPDX-License-Identifier: GPL-2.0\n{}", function(101, "")))
        .unwrap();
    let versioned = git(&root, &["init", "-q"])
        && git(&root, &["config", "user.email", "me@host"])
        && git(&root, &["add", "."])
        && git(&root, &["commit", "-qm", "Add prices to the shop"]);
    fs::write(root.join("price0.py"), function(0, "    log(total)\n")).unwrap();
    let versioned = versioned && git(&root, &["commit", "-qam", "Log each of the totals"]);

    assert!(hone.fails(1, &["data", "build", "--from-index", "shop"]).contains("hone index add"));
    hone.ok(&["index", "add", "shop"]);
    let report = hone.json(&["data", "build", "--from-index", "shop", "--json"]);
    assert_eq!(
        (&report["examples"]["from_comments"], &report["examples"]["holes"]),
        (&json!(12), &json!(12))
    );
    assert_eq!(report["not_yours"], json!({"GPL": 1, "SPDX": 1}));
    match versioned {
        true => assert_eq!(report["examples"]["edits"], 1),
        false => println!("skipped: no git"),
    }
    let text = fs::read_to_string(hone.home().join("datasets/shop-code/train.jsonl")).unwrap();
    assert!(text.contains("def add_") && !text.contains("add_100") && !text.contains("add_101"));
    let all = hone.json(&["data", "build", "--from-index", "shop", "--mine", "--name", "all", "--json"]);
    assert_eq!(all["examples"]["from_comments"], 14);
    let model = crate::support::tiny("llama").display().to_string();
    let plan =
        |more: &[&str]| hone.json(&[&["learn", "--model", &model, "--dry-run", "--json"], more].concat());
    let learned = text.lines().count();
    assert_eq!(plan(&[])["learn"], 0, "code is learned where its folder is named, and nowhere else");
    assert_eq!(plan(&["--from-index", "shop"])["learn"], learned, "and none of the files that are held out");
    assert!(plan(&["--from-index", "shop", "--mine"])["learn"].as_u64().unwrap() > learned as u64);
    hone.fails(2, &["data", "build", "--from-index", "shop", "shop-code"]);
    hone.fails(2, &["data", "build"]);
}
