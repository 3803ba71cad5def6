//! `hone chat` in a real pseudo-terminal, which Python's standard library can make.

use crate::support::{Hone, finish, starter, tiny};
use std::path::Path;
use std::process::Command;

/// Runs `terminal.py` with one of its plays.
fn play(name: &str, hone: &Hone, model: &str) {
    let python = std::env::var("HONE_TEST_PYTHON").unwrap_or_else(|_| "python3".into());
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli/terminal.py");
    if cfg!(not(unix)) || Command::new(&python).arg("--version").output().is_err() {
        println!("skipped: a pseudo-terminal needs Unix and Python");
        return;
    }
    let mut command = Command::new(python);
    command.arg(script).args([name, env!("CARGO_BIN_EXE_hone"), model]);
    command.env("HONE_HOME", hone.home()).env_remove("HONE_MODEL").current_dir(hone.folder.path());
    let run = finish(command);
    assert_eq!(run.code, Some(0), "{}{}", run.stdout, run.stderr);
}

#[test]
fn a_conversation() {
    let hone = Hone::with_model();
    play("conversation", &hone, tiny("llama").to_str().unwrap());
    let chats = hone.json(&["chats", "list", "--json"]);
    assert_eq!(chats.as_array().unwrap().len(), 1, "/reset begins another one only with the next question");
    assert_eq!(chats[0]["title"], "first line");
    let shown = hone.json(&["chats", "show", chats[0]["id"].as_str().unwrap(), "--json"]);
    let messages = shown["messages"].as_array().unwrap();
    let roles: Vec<_> =
        messages.iter().map(|m| (m["role"].as_str().unwrap(), m["state"].as_str().unwrap())).collect();
    let turn = [("user", "complete"), ("assistant", "complete")];
    assert_eq!(roles, [turn, turn].concat());
    assert_eq!(
        messages[0]["spans"],
        serde_json::json!([{"text": "first line\nsecond line", "provenance": "user"}])
    );
    assert!(messages[1]["meta"]["timings"]["completion_tokens"].as_u64().unwrap() > 0, "{}", messages[1]);
    assert_eq!(messages[1]["spans"][0]["provenance"], "model");
    play("unsaved", &hone, tiny("llama").to_str().unwrap());
    assert_eq!(hone.json(&["chats", "list", "--json"]), chats, "--no-save keeps nothing");
}

#[test]
fn rules_are_taught_and_offered() {
    let Some(model) = starter() else { return };
    let hone = Hone::new();
    play("teaches", &hone, &model);
    let rules = hone.json(&["rules", "list", "--json"]);
    let state = |rule: &serde_json::Value| {
        (rule["state"].as_str() == Some("active"), rule["source"].as_str() == Some("chat"))
    };
    let states: Vec<_> = rules["rules"].as_array().unwrap().iter().map(state).collect();
    assert_eq!(states, [(true, true), (true, true), (false, true)], "{rules}");
    let chats = hone.json(&["chats", "list", "--json"]);
    let shown = hone.json(&["chats", "show", chats[0]["id"].as_str().unwrap(), "--json"]);
    let messages = shown["messages"].as_array().unwrap();
    assert_eq!(
        (&messages[1]["spans"][0]["provenance"], &messages[1]["state"]),
        (&"tool".into(), &"complete".into())
    );
    let used = messages[5]["meta"]["rules"].as_array().unwrap();
    assert_eq!(used.len(), 2, "{}", messages[5]);
    // A prompt outside of a terminal has them too.
    let answer = hone.json(&["chat", "-p", "hi", "--json", "--max-tokens", "2", "--model", &model]);
    assert_eq!(answer["rules"].as_array().unwrap(), used);
}

#[test]
fn leaving_with_ctrl_c_twice() {
    play("leave", &Hone::with_model(), tiny("llama").to_str().unwrap());
}

#[test]
fn ctrl_c_stops_the_answer_and_not_the_program() {
    let Some(model) = starter() else { return };
    play("stop", &Hone::new(), &model);
}

#[test]
fn a_killed_conversation_is_found_again() {
    let Some(model) = starter() else { return };
    let hone = Hone::new();
    play("killed", &hone, &model);
    let chats = hone.json(&["chats", "list", "--json"]);
    let shown = hone.ok(&["chats", "show", chats[0]["id"].as_str().unwrap()]);
    assert!(shown.contains("--- user\nTell me everything.\n"), "{shown}");
    assert!(shown.contains("--- assistant (interrupted)\n"), "{shown}");
}
