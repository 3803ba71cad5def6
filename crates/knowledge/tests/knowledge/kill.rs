//! kill -9 in the middle of indexing: the next pass ends with the index that an undisturbed one gives.

use crate::support::{Fixture, Hashed, add};
use std::path::Path;
use std::process::Command;
use std::time::Duration;
use store::index::Index;

/// What the child indexes, and where; set for the child only.
const CHILD: &str = "HONE_TEST_INDEX_CHILD";

/// All passages without their ids, and whether each has a vector.
fn content(db: &Path) -> Vec<String> {
    let index = Index::open(db).unwrap();
    let mut all = Vec::new();
    for root in index.roots().unwrap() {
        for p in index.passages_of(root.id, None).unwrap() {
            let vector = index.vectors(&[p.id]).unwrap().remove(0);
            all.push(format!("{} {:?} {} {:?} {} {vector:?}", p.path, p.lines, p.kind, p.name, p.text));
        }
    }
    all
}

#[test]
fn a_killed_pass_is_gone_on_with() {
    if let Some(db) = std::env::var_os(CHILD) {
        let root = std::env::var_os("HONE_TEST_INDEX_ROOT").unwrap();
        let knowledge = knowledge::Knowledge::open(Path::new(&db), Some(Hashed::new("one"))).unwrap();
        add(&knowledge, Path::new(&root));
        return;
    }
    let fixture = Fixture::new(&[]);
    for n in 0..1500 {
        let body = format!("    value += {n};\n").repeat(20);
        fixture.write(
            &format!("d{}/f{n}.py", n % 7),
            format!("def first{n}(value):\n{body}\n\ndef second{n}(value):\n{body}"),
        );
    }
    let whole = fixture.folder.path().join("whole.db");
    add(&knowledge::Knowledge::open(&whole, Some(Hashed::new("one"))).unwrap(), &fixture.root());
    let expected = content(&whole);
    assert_eq!(expected.len(), 3000);

    let mut kills = 0;
    for round in 0..12 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "kill::a_killed_pass_is_gone_on_with", "--quiet"])
            .env(CHILD, fixture.db())
            .env("HONE_TEST_INDEX_ROOT", fixture.root())
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(20 + 35 * round));
        kills += u32::from(child.try_wait().unwrap().is_none());
        child.kill().unwrap();
        child.wait().unwrap();
    }
    add(&fixture.with(&Hashed::new("one")), &fixture.root());
    println!("{kills} of 12 killed while they worked");
    assert!(content(&fixture.db()) == expected, "the index differs after {kills} kills");
}
