//! Keeping an index up to date.

use crate::support::{Fixture, Hashed, add};
use knowledge::index::{Options, Progress};
use knowledge::passage::Passage;
use knowledge::search::Query;
use knowledge::{Knowledge, KnowledgeError};
use std::fs;
use std::path::Path;

fn found(knowledge: &Knowledge, text: &str) -> Vec<Passage> {
    knowledge.search(&Query::new(text, 10)).unwrap().hits.into_iter().map(|hit| hit.passage).collect()
}

/// Two functions that are too large to be joined.
fn source(first: &str, second: &str) -> String {
    let body = "    let value = compute(value) + 1;\n".repeat(12);
    format!("fn {first}(value: u64) {{\n{body}}}\n\nfn {second}(value: u64) {{\n{body}}}\n")
}

#[test]
fn changes_are_found_and_nothing_else_is_done() {
    let fixture = Fixture::new(&[("a.rs", &source("alpha", "beta")), ("b.md", "# Title\n\ngamma\n")]);
    let embedder = Hashed::new("one");
    let knowledge = fixture.with(&embedder);
    let report = add(&knowledge, &fixture.root());
    assert_eq!((report.files, report.changed, report.removed), (2, 2, 0));
    assert_eq!((report.passages, report.embedded), (3, 3));
    assert_eq!(found(&knowledge, "beta")[0].lines, (16, 29));

    let report = add(&knowledge, &fixture.root());
    assert_eq!((report.changed, report.embedded), (0, 0));

    // One function changes its name, the other one only moves.
    fixture.write("a.rs", "// A new line.\n\n".to_owned() + &source("delta", "beta"));
    let before = embedder.count();
    let report = add(&knowledge, &fixture.root());
    assert_eq!((report.changed, report.embedded), (1, 2)); // the comment and `delta`
    assert!(embedder.count() - before == 2);
    assert!(found(&knowledge, "alpha").iter().all(|p| !p.text.contains("alpha")));
    assert!(found(&knowledge, "delta")[0].text.contains("fn delta"));
    let beta = &found(&knowledge, "beta")[0];
    assert_eq!(beta.lines, (18, 31));
    assert!(beta.text.starts_with("fn beta"));

    fs::remove_file(fixture.root().join("b.md")).unwrap();
    let report = add(&knowledge, &fixture.root());
    assert_eq!((report.files, report.removed), (1, 1));
    assert!(found(&knowledge, "gamma").iter().all(|p| p.path == "a.rs"));
}

#[test]
fn the_same_content_with_another_time_is_only_touched() {
    let fixture = Fixture::new(&[("a.rs", "fn a() {}")]);
    let knowledge = fixture.knowledge();
    add(&knowledge, &fixture.root());
    let file = fs::File::options().write(true).open(fixture.root().join("a.rs")).unwrap();
    file.set_modified(std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000)).unwrap();
    let mut read = 0;
    let mut passes = |thorough| {
        read = 0;
        let options = Options { thorough, ..Options::default() };
        let report = knowledge.add(&fixture.root(), &options, &mut |progress| {
            read += u32::from(matches!(progress, Progress::Files(..)));
            true
        });
        (report.unwrap().changed, read)
    };
    assert_eq!(passes(false), (0, 1));
    assert_eq!(passes(false), (0, 0)); // its time is known now
    assert_eq!(passes(true), (0, 1));
}

#[test]
fn a_change_within_the_tick_of_the_clock_is_found() {
    let fixture = Fixture::new(&[("a.rs", "fn aaa() {}")]);
    let knowledge = fixture.knowledge();
    let time = fs::metadata(fixture.root().join("a.rs")).unwrap().modified().unwrap();
    add(&knowledge, &fixture.root());
    fixture.write("a.rs", "fn bbb() {}");
    fs::File::options().write(true).open(fixture.root().join("a.rs")).unwrap().set_modified(time).unwrap();
    assert_eq!(add(&knowledge, &fixture.root()).changed, 1);
}

#[test]
fn a_stopped_pass_keeps_what_is_done_and_goes_on() {
    let files: Vec<(String, String)> = (0..300)
        .map(|n| (format!("f{n:03}.rs"), source(&format!("first{n}"), &format!("second{n}"))))
        .collect();
    let fixture = Fixture::new(&[]);
    files.iter().for_each(|(path, text)| fixture.write(path, text));
    let embedder = Hashed::new("one");
    let knowledge = fixture.with(&embedder);
    for stop_at in [10, 200, 550, 590] {
        let mut steps = 0;
        let report = knowledge
            .add(&fixture.root(), &Options::default(), &mut |_| {
                steps += 1;
                steps < stop_at
            })
            .unwrap();
        assert!(report.stopped || stop_at > 200, "{stop_at}");
    }
    let report = add(&knowledge, &fixture.root());
    assert!(!report.stopped);
    let root = &knowledge.roots().unwrap()[0];
    assert_eq!((root.files, root.passages, root.vectors), (300, 600, 600));
    assert!(root.finished.is_some());
    assert_eq!(embedder.count(), 600);
}

#[test]
fn folders_go_in_and_out() {
    let fixture = Fixture::new(&[("one/a.rs", "fn alpha() {}"), ("two/b.rs", "fn beta() {}")]);
    let knowledge = fixture.knowledge();
    add(&knowledge, &fixture.root().join("one"));
    add(&knowledge, &fixture.root().join("two"));
    assert_eq!(knowledge.roots().unwrap().len(), 2);
    let two = fixture.root().join("two");
    let only = Query { project: Some(&two), ..Query::new("alpha beta fn", 9) };
    let hits = knowledge.search(&only).unwrap().hits;
    assert!(hits.iter().all(|hit| hit.passage.path == "b.rs") && !hits.is_empty());

    fs::remove_dir_all(fixture.root().join("one")).unwrap();
    knowledge.remove(&fixture.root().join("one")).unwrap();
    assert!(found(&knowledge, "alpha").is_empty());
    assert_eq!(knowledge.roots().unwrap().len(), 1);
    let twice = knowledge.remove(&fixture.root().join("one")).unwrap_err();
    assert!(matches!(twice, KnowledgeError::NotIndexed(_)), "{twice}");
    let outside = Query { project: Some(Path::new("/nowhere")), ..Query::new("x", 1) };
    assert!(knowledge.search(&outside).is_err());
}

#[test]
fn another_model_embeds_everything_again() {
    let fixture = Fixture::new(&[("a.rs", &source("alpha", "beta"))]);
    assert_eq!(add(&fixture.with(&Hashed::new("one")), &fixture.root()).embedded, 2);
    let two = Hashed::new("two");
    assert_eq!(add(&fixture.with(&two), &fixture.root()).embedded, 2);
    assert_eq!(add(&fixture.with(&two), &fixture.root()).embedded, 0);
    // Without a model nothing is lost.
    assert_eq!(add(&fixture.knowledge(), &fixture.root()).embedded, 0);
    assert_eq!(add(&fixture.with(&two), &fixture.root()).embedded, 0);
}

#[test]
fn odd_files_are_indexed_or_counted() {
    let fixture = Fixture::new(&[
        ("empty.rs", ""),
        ("blank.py", "\n\n\n"),
        ("größe.rs", "fn größe() {}"),
        ("z", "no ending"),
    ]);
    fixture.write("zero.bin", b"\0\0");
    fixture.write("one-line.js", "x=1;".repeat(200_000));
    fixture.write("latin.c", b"/* gr\xf6\xdfe */ int size;".as_slice());
    let knowledge = fixture.knowledge();
    let report = add(&knowledge, &fixture.root());
    assert_eq!(report.files, 6);
    assert_eq!(report.skipped.values().sum::<u64>(), 1);
    assert_eq!(found(&knowledge, "größe").len(), 2);
    assert_eq!(found(&knowledge, "ending")[0].path, "z");
}

#[test]
fn a_damaged_index_says_what_to_do() {
    let fixture = Fixture::new(&[]);
    fs::write(
        fixture.db(),
        "this is no database, and long enough to be taken for the head of one by mistake".repeat(99),
    )
    .unwrap();
    let error = Knowledge::open(&fixture.db(), None).err().unwrap().to_string();
    assert!(error.contains("delete it and run `hone index add`"), "{error}");
}
