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
    play("conversation", &Hone::with_model(), tiny("llama").to_str().unwrap());
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
