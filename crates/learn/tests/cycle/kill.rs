//! A cycle that is killed at random moments, or cannot write: one adapter is in use, or none, and going on ends as if
//! nothing had been.

use crate::make::{base, examples, lenient, options, run, run_heard};
use learn::adapters::Library;
use learn::cycle::{Event, State};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const CHILD: &str = "HONE_TEST_LEARNS_IN";
const KILLS: u32 = 12;

#[test]
fn a_killed_cycle_leaves_one_adapter_in_use_or_none() {
    let other = tempfile::tempdir().unwrap();
    let began = Instant::now();
    let expected = run(other.path(), examples(0..40), options(lenient()), None).unwrap().adapter.unwrap();
    let whole = began.elapsed();
    let home = tempfile::tempdir().unwrap();
    let (mut kills, mut state) = (0, 7_u64);
    while kills < KILLS {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let share = f64::from((state >> 40) as u32) / f64::from(1 << 24);
        let ended = child_in(home.path(), Some(whole.mul_f64(1.3 * share)));
        let library = Library::open(home.path()).unwrap();
        let (all, active) = (library.list().unwrap(), library.active(&base().sha256).unwrap());
        assert!(all.len() <= 1, "a run gives one adapter");
        if let Some(active) = active {
            library.verify(&active).unwrap();
            assert_eq!(active.sha256, expected.sha256);
        }
        if ended {
            let state = State::read(home.path(), &base().sha256).unwrap();
            assert_eq!((all.len(), state.older.len()), (1, 1), "after {kills} kills");
            // Begin again from nothing.
            for part in ["runs", "adapters", "learn"] {
                std::fs::remove_dir_all(home.path().join(part)).unwrap();
            }
        } else {
            kills += 1;
        }
    }
    assert!(child_in(home.path(), None));
    let library = Library::open(home.path()).unwrap();
    assert_eq!(library.active(&base().sha256).unwrap().unwrap().sha256, expected.sha256);
    assert_eq!(library.list().unwrap().len(), 1);
}

#[test]
fn a_promotion_that_failed_half_way_is_gone_on_with_and_nothing_is_trained_again() {
    let state = format!("learn/{}.json", base().sha256);
    for file in ["adapters/active.json", &state] {
        let home = tempfile::tempdir().unwrap();
        let obstacle = home.path().join(file);
        let failed = run_heard(home.path(), examples(0..40), options(lenient()), &[], &mut |event| {
            if let Event::Judged(_) = event {
                std::fs::create_dir_all(&obstacle).unwrap();
            }
            false
        });
        assert!(failed.is_err(), "{file} cannot be written");
        std::fs::remove_dir(&obstacle).unwrap();
        let outcome = run_heard(home.path(), examples(0..40), options(lenient()), &[], &mut |event| {
            assert!(!matches!(event, Event::Train(_)), "{file}");
            false
        });
        let promoted = outcome.unwrap().adapter.unwrap();
        let library = Library::open(home.path()).unwrap();
        assert_eq!(library.active(&base().sha256).unwrap().unwrap().id, promoted.id, "{file}");
        assert_eq!(library.list().unwrap().len(), 1, "{file}");
        assert_eq!(State::read(home.path(), &base().sha256).unwrap().older.len(), 1, "{file}");
    }
}

/// Not a test of its own: what the killed process does.
#[test]
fn child() {
    let Some(home) = std::env::var_os(CHILD) else { return };
    run(Path::new(&home), examples(0..40), options(lenient()), None).unwrap();
}

/// Runs the child, kills it after a while, and says whether it came to its end.
fn child_in(home: &Path, after: Option<Duration>) -> bool {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "kill::child"])
        .env(CHILD, home)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    if let Some(after) = after {
        std::thread::sleep(after);
        let _ = child.kill();
    }
    child.wait().unwrap().success()
}
