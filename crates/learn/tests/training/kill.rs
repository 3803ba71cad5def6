//! A run that is killed at random moments and resumed ends with the very bits of one that was not.

use crate::make::{fingerprint, recipe, start, whole};
use learn::train::Recipe;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

const CHILD: &str = "HONE_TEST_TRAINS_IN";
const KILLS: u64 = 20;
const EXAMPLES: usize = 33;

/// Two trainings share the run: it may be killed between them too.
fn shared() -> Recipe {
    Recipe { members: 2, ..recipe() }
}

#[test]
fn twenty_kills_change_no_bit() {
    let (home, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let expected = fingerprint(&whole(other.path(), &shared(), EXAMPLES, 1));
    let (mut kills, mut rounds, mut state) = (0, 0, 12345u64);
    let found = loop {
        rounds += 1;
        assert!(rounds < 2000, "{kills} kills, and the run does not end");
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        // Once the kills are done the run may end.
        let after = (kills < KILLS).then(|| Duration::from_micros((state >> 40) % 60_000));
        match child_in(home.path(), after) {
            Some(found) if kills >= KILLS => break found,
            // It was quicker than the kill: begin again from nothing.
            Some(_) => std::fs::remove_dir_all(home.path().join("runs")).unwrap(),
            None => kills += 1,
        }
    };
    assert!(found == expected, "after {kills} kills");
    println!("{kills} kills in {rounds} rounds");
}

/// Not a test of its own: what the killed process does.
#[test]
fn child() {
    let Some(home) = std::env::var_os(CHILD) else { return };
    let (run, folder) = start(Path::new(&home), &shared(), EXAMPLES, 2).unwrap();
    println!("begun");
    let outcome = run.run(&mut || false, &mut |_| {}).unwrap();
    std::fs::write(folder.path().join("result"), fingerprint(&outcome)).unwrap();
}

/// Runs the child and kills it after a while; its result where it came to its end.
fn child_in(home: &Path, after: Option<Duration>) -> Option<String> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "kill::child", "--nocapture"])
        .env(CHILD, home)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    if let Some(after) = after {
        use std::io::{BufRead, BufReader};
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        for line in lines.map_while(Result::ok) {
            if line.contains("begun") {
                break;
            }
        }
        std::thread::sleep(after);
        child.kill().unwrap();
    }
    let ended = child.wait().unwrap().success();
    let result = home.join("runs/20261124-000000-0001/result");
    ended.then(|| std::fs::read_to_string(result).unwrap())
}
