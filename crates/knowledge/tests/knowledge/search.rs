//! Finding passages.

use crate::support::{Fixture, Hashed, add};
use knowledge::search::{By, Note, Query};
use std::sync::atomic::Ordering;

const FILES: [(&str, &str); 4] = [
    (
        "src/net/retry.rs",
        "/// Waits longer after each failure.\npub fn backoff_delay(attempt: u32) -> u64 {\n    2u64.pow(attempt)\n}\n",
    ),
    ("src/parse.py", "class JsonReader:\n    def readValue(self):\n        return parse(self.text)\n"),
    ("docs/guide.md", "# Guide\n\n## Retrying\n\nRequests are retried after failures.\n"),
    ("other.txt", "Nothing to see here.\n"),
];

#[test]
fn words_are_found_in_all_their_forms() {
    let fixture = Fixture::new(&FILES);
    let knowledge = fixture.knowledge();
    add(&knowledge, &fixture.root());
    for (question, path) in [
        ("backoff delay", "src/net/retry.rs"),
        ("backoffDelay", "src/net/retry.rs"),
        ("BACKOFF_DELAY", "src/net/retry.rs"),
        ("where do we wait after a failing attempt?", "src/net/retry.rs"),
        ("read a value with the json reader", "src/parse.py"),
        ("JsonReader.readValue", "src/parse.py"),
        ("retry requests", "docs/guide.md"),
        ("\"quoted\" AND NOT (backoff*", "src/net/retry.rs"),
    ] {
        let answer = knowledge.search(&Query::new(question, 5)).unwrap();
        assert_eq!(answer.hits[0].passage.path, path, "{question}");
        assert_eq!(answer.note, Some(Note::NoEmbedder));
    }
    for nothing in ["", "   ", "?!", "zzzzz", "\0", "''\"\"", &"x".repeat(100_000)] {
        assert!(knowledge.search(&Query::new(nothing, 5)).unwrap().hits.is_empty(), "{nothing:.20}");
    }
}

#[test]
fn a_hit_says_where_it_is_and_why() {
    let fixture = Fixture::new(&FILES);
    let embedder = Hashed::new("one");
    let knowledge = fixture.with(&embedder);
    add(&knowledge, &fixture.root());
    let hit = knowledge.search(&Query::new("the backoff delay after failures", 1)).unwrap().hits.remove(0);
    assert_eq!(hit.passage.path, "src/net/retry.rs");
    assert_eq!(hit.passage.lines, (1, 4));
    assert_eq!(hit.passage.name.as_deref(), Some("backoff_delay"));
    assert_eq!(hit.passage.signature.as_deref(), Some("pub fn backoff_delay(attempt: u32) -> u64"));
    assert_eq!(hit.passage.language, "rust");
    assert_eq!(hit.why.words, Some(1));
    assert_eq!(hit.why.matched, ["backoff", "delay", "after", "failures"]);
    assert!(hit.why.vectors.is_some() && hit.why.similarity.unwrap() > 0.0);
}

#[test]
fn each_way_finds_by_itself() {
    let fixture = Fixture::new(&FILES);
    let embedder = Hashed::new("one");
    let knowledge = fixture.with(&embedder);
    add(&knowledge, &fixture.root());
    let by =
        |by| knowledge.search(&Query { by, ..Query::new("json reader value", 1) }).unwrap().hits.remove(0);
    let (words, vectors, both) = (by(By::Words), by(By::Vectors), by(By::Both));
    assert_eq!((words.why.words, words.why.vectors), (Some(1), None));
    assert_eq!((vectors.why.words, vectors.why.vectors), (None, Some(1)));
    assert_eq!((both.why.words, both.why.vectors), (Some(1), Some(1)));
    assert!(both.score > words.score && both.score > vectors.score);
}

#[test]
fn what_a_question_names_comes_first() {
    let fixture = Fixture::new(&FILES);
    // Many words of the question, often, and nothing of that name.
    let talk = "# Delays\n\nWhat does the backoff delay do? The backoff delay of a backoff is a delay.\n";
    fixture.write("docs/delays.md", talk.repeat(3));
    let embedder = Hashed::new("one");
    let knowledge = fixture.with(&embedder);
    add(&knowledge, &fixture.root());
    for (question, path) in [
        ("What does backoff_delay do? Is the delay a backoff delay?", "src/net/retry.rs"),
        ("What about the backoff delay in parse.py?", "src/parse.py"),
    ] {
        let hits = knowledge.search(&Query::new(question, 2)).unwrap().hits;
        assert_eq!(hits[0].passage.path, path, "{question}");
        assert_eq!((hits[0].why.words, hits.len()), (Some(1), 2));
    }
}

#[test]
fn a_model_that_fails_leaves_the_words() {
    let fixture = Fixture::new(&FILES);
    let embedder = Hashed::new("one");
    let knowledge = fixture.with(&embedder);
    add(&knowledge, &fixture.root());
    embedder.broken.store(true, Ordering::Relaxed);
    let answer = knowledge.search(&Query::new("backoff", 5)).unwrap();
    assert_eq!(answer.hits[0].passage.path, "src/net/retry.rs");
    assert!(matches!(answer.note, Some(Note::Failed(why)) if why.contains("the model is broken")));
}

#[test]
fn vectors_follow_the_index_while_it_is_searched() {
    let fixture = Fixture::new(&FILES);
    let embedder = Hashed::new("one");
    let (reading, writing) = (fixture.with(&embedder), fixture.with(&embedder));
    add(&writing, &fixture.root());
    let first = |text| {
        let query = Query { by: By::Vectors, ..Query::new(text, 1) };
        reading.search(&query).unwrap().hits.first().map(|hit| hit.passage.path.clone())
    };
    assert_eq!(first("json reader").unwrap(), "src/parse.py");
    fixture.write("src/parse.py", "class XmlWriter:\n    pass\n");
    fixture.write("new.py", "class JsonReader:\n    def json_reader(self): pass\n");
    add(&writing, &fixture.root());
    assert_eq!(first("json reader").unwrap(), "new.py");
    assert_eq!(first("xml writer").unwrap(), "src/parse.py");
    writing.remove(&fixture.root()).unwrap();
    assert_eq!(first("json reader"), None);
}

#[test]
fn the_same_lines_are_shown_once() {
    let fixture = Fixture::new(&FILES);
    fixture.write("copy/retry.rs", FILES[0].1);
    let knowledge = fixture.knowledge();
    add(&knowledge, &fixture.root());
    add(&knowledge, &fixture.root().join("src")); // a folder within a folder
    let hits = knowledge.search(&Query::new("backoff delay", 9)).unwrap().hits;
    let texts: Vec<&str> =
        hits.iter().map(|hit| hit.passage.text.as_str()).filter(|t| t.contains("backoff")).collect();
    assert_eq!(texts.len(), 1);
}
