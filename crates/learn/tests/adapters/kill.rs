//! A process that changes the adapters is killed at random moments. Whenever that is, exactly one adapter (or the base)
//! is in use, its file is the one that was added, and nothing that was reported done is lost.

use crate::make::{active, add, base};
use learn::adapters::{Base, Library};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

const CHILD: &str = "HONE_TEST_KILLED_IN";
const KILLS: u64 = 60;

/// A small generator of pseudo-random numbers (Steele et al., "Fast Splittable Pseudorandom Number Generators", 2014).
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % end
    }
}

/// What the child has reported: a line before each change and one after it.
#[derive(Default)]
struct Reports {
    /// In use after the last change that was done.
    done: Option<String>,
    /// Added, removed.
    added: Vec<String>,
    removed: Vec<String>,
    /// A change has begun and is not known to be done.
    begun: bool,
    /// What it removes.
    doomed: Option<String>,
}

#[test]
fn a_kill_at_any_moment_leaves_one_adapter_in_use() {
    let home = tempfile::tempdir().unwrap();
    let mut random = Random(1);
    let (mut before, mut changes) = (None, 0);
    for round in 0..KILLS {
        let reports = run_and_kill(home.path(), round, Duration::from_micros(random.below(80_000)));
        let library = Library::open(home.path()).unwrap();
        let found = active(&library, &base('a'));
        if !reports.begun {
            let expected = reports.done.clone().or(before);
            assert_eq!(found, expected.filter(|id| id != "-"), "round {round}");
        }
        let all = library.list().unwrap();
        all.iter().for_each(|manifest| library.verify(manifest).unwrap());
        assert!(found.iter().all(|id| all.iter().any(|manifest| manifest.id == *id)), "round {round}");
        for id in reports.added.iter().filter(|id| !reports.removed.contains(id)) {
            let doomed = reports.doomed.as_ref() == Some(id);
            assert!(doomed || all.iter().any(|manifest| manifest.id == *id), "round {round}: lost {id}");
        }
        before = found.or(Some("-".into()));
        changes += reports.added.len() + reports.removed.len();
    }
    assert!(changes > 0, "no child got as far as a change");
    println!("{KILLS} kills, {changes} changes reported");
}

/// Not a test of its own: what the killed process does.
#[test]
fn child() {
    let Some(home) = std::env::var_os(CHILD) else { return };
    let seed = std::env::var("HONE_TEST_SEED").unwrap().parse().unwrap();
    change_for_ever(Path::new(&home), &mut Random(seed));
}

fn change_for_ever(home: &Path, random: &mut Random) {
    let (library, base) = (Library::open(home).unwrap(), base('a'));
    let say = |line: String| {
        println!("{line}");
        std::io::stdout().flush().unwrap();
    };
    loop {
        let all = library.list().unwrap();
        let any = |random: &mut Random| all[random.below(all.len() as u64) as usize].clone();
        match random.below(6) {
            _ if all.len() < 3 => say(format!("added {}", add(&library, "x", base.clone()).id)),
            0 | 1 => say(format!("added {}", add(&library, "x", base.clone()).id)),
            2 | 3 => {
                say("begin".into());
                library.use_(&any(random)).unwrap();
                say(format!("done {}", in_use(&library, &base)));
            }
            4 => {
                say("begin".into());
                let _ = library.rollback(&base); // there may be nothing before
                say(format!("done {}", in_use(&library, &base)));
            }
            _ => {
                let doomed = any(random).id;
                say(format!("begin {doomed}"));
                library.rm(&doomed, true).unwrap();
                say(format!("removed {doomed}"));
                say(format!("done {}", in_use(&library, &base)));
            }
        }
    }
}

fn in_use(library: &Library, base: &Base) -> String {
    active(library, base).unwrap_or("-".into())
}

fn run_and_kill(home: &Path, seed: u64, after: Duration) -> Reports {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "kill::child", "--nocapture"])
        .env(CHILD, home)
        .env("HONE_TEST_SEED", seed.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut reports = Reports::default();
    for line in lines.map_while(Result::ok) {
        if line.starts_with("running") {
            // The child has begun: from here on the clock runs. What it says meanwhile waits in the pipe.
            std::thread::sleep(after);
            child.kill().unwrap();
        }
        reports.take(&line);
    }
    child.wait().unwrap();
    reports
}

impl Reports {
    fn take(&mut self, line: &str) {
        match line.split_once(' ').unwrap_or((line, "")) {
            ("begin", doomed) => {
                (self.begun, self.doomed) = (true, (!doomed.is_empty()).then(|| doomed.to_owned()));
            }
            ("added", id) => self.added.push(id.to_owned()),
            ("removed", id) => self.removed.push(id.to_owned()),
            ("done", id) => (self.begun, self.doomed, self.done) = (false, None, Some(id.to_owned())),
            _ => {}
        }
    }
}
