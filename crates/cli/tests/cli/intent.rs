//! `hone intent`, and what an embedding model may not be used for.

use crate::support::*;
use std::path::{Path, PathBuf};

/// A data folder with the embedding model, where it has been fetched.
fn with_embedding() -> Option<Hone> {
    let cached = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.cache/models/all-minilm-l6-v2");
    let from = std::env::var_os("HONE_TEST_EMBEDDING").map_or(cached, PathBuf::from);
    if !from.join("model.safetensors").is_file() {
        println!("skipped: no embedding model; set HONE_TEST_EMBEDDING");
        return None;
    }
    let hone = Hone::new();
    let to = hone.home().join("models/all-minilm-l6-v2");
    std::fs::create_dir_all(&to).unwrap();
    for file in ["model.safetensors", "config.json", "tokenizer.json", "manifest.json"] {
        std::fs::copy(from.join(file), to.join(file)).unwrap();
    }
    Some(hone)
}

#[test]
fn without_the_embedding_model_it_says_how_to_get_it() {
    let hone = Hone::new();
    let said = hone.fails(1, &["intent", "write a parser"]);
    assert!(said.contains("hone pull all-minilm-l6-v2"), "{said}");
    hone.fails(2, &["intent"]);
    hone.fails(2, &["intent", "a", "--correct", "poetry"]);
}

#[test]
fn messages_are_judged_one_a_line() {
    let Some(hone) = with_embedding() else { return };
    let lines =
        "Write a Python function that reverses a list.\n\nWhat is the latest version of Node.js?\nhello\n";
    let run = hone.run_with_input(&["intent", "--file", "-", "--json"], lines);
    assert_eq!(run.code, Some(0), "{run:?}");
    let rows: Vec<serde_json::Value> = run.stdout.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    let intents: Vec<&str> = rows.iter().map(|row| row["intent"].as_str().unwrap()).collect();
    assert_eq!(intents, ["code", "search", "chat"]);
    assert_eq!(rows[2]["text"], "hello");
    assert!(rows.iter().all(|row| (0.3..=1.0).contains(&row["confidence"].as_f64().unwrap())), "{rows:?}");
    assert!(hone.home().join("intent.cache").is_file());
    assert!(hone.fails(1, &["intent", "--file", "nowhere"]).contains("nowhere"));
    let bad = hone.home().join("bad");
    std::fs::write(&bad, b"fine\n\xff\n").unwrap();
    let run = hone.run(&["intent", "--json", "--file", bad.to_str().unwrap()]);
    assert!(run.code == Some(1) && run.stderr.contains("line 2"), "{run:?}");
}

#[test]
fn a_name_of_the_indexed_code_needs_code() {
    let Some(hone) = with_embedding() else { return };
    let project = hone.folder.path().join("shop");
    std::fs::create_dir(&project).unwrap();
    std::fs::write(project.join("tariff.py"), "def zebra_tariff(days):\n    return days * 7\n").unwrap();
    let needs = |text: &str| hone.json(&["intent", text, "--json"])["needs_code"].as_bool().unwrap();
    let about = "What is zebra_tariff?";
    assert!(!needs(about), "nothing is indexed yet");
    hone.ok(&["index", "add", "shop"]);
    assert!(needs(about));
    assert!(!needs("What is giraffe_tariff?"));
}

#[test]
fn a_correction_stays() {
    let Some(hone) = with_embedding() else { return };
    let text = "write me something nice about my garden";
    let judge = |hone: &Hone| hone.json(&["intent", text, "--json"])["intent"].as_str().unwrap().to_owned();
    let before = judge(&hone);
    let meant = if before == "search" { "code" } else { "search" };
    let at_once = hone.json(&["intent", text, "--json", "--correct", meant]);
    assert_eq!(at_once["intent"], meant);
    assert_eq!(judge(&hone), meant, "also in the next process");
}

#[test]
fn an_embedding_model_does_not_chat() {
    let Some(hone) = with_embedding() else { return };
    let name = "all-minilm-l6-v2";
    let listed = hone.json(&["list", "--json"]);
    assert_eq!((&listed[0]["name"], &listed[0]["kind"]), (&name.into(), &"embedding".into()));
    assert_eq!(hone.json(&["show", name, "--json"])["embedding_length"], 384);
    for args in [
        &["use", name][..],
        &["chat", "-p", "hi", "--model", name],
        &["serve", "--model", name, "--port", "0"],
    ] {
        let said = hone.fails(1, args);
        assert!(said.contains("embedding model"), "{args:?}: {said}");
    }
    hone.ok(&["rm", name]);
    assert_eq!(hone.json(&["list", "--json"]), serde_json::json!([]));
}
