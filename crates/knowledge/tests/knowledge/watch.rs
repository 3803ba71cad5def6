//! Changes are found while a server runs.

use crate::support::{Fixture, add};
use knowledge::index::Options;
use knowledge::search::Query;
use knowledge::watch::Watch;
use std::fs;
use std::sync::Arc;
use std::time::{Duration, Instant};

#[test]
fn changes_reach_the_index_without_a_command() {
    let fixture = Fixture::new(&[("a.rs", "fn alpha() {}"), (".gitignore", "out/\n")]);
    let knowledge = Arc::new(fixture.knowledge());
    add(&knowledge, &fixture.root());
    let watch = Watch::start(knowledge.clone(), Options::default());
    let becomes = |word: &str, there: bool| {
        let began = Instant::now();
        while began.elapsed() < Duration::from_secs(30) {
            let hits = knowledge.search(&Query::new(word, 5)).unwrap().hits;
            if hits.iter().any(|hit| hit.passage.text.contains(word)) == there {
                return true;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        false
    };
    fixture.write("b.rs", "fn beta() {}");
    assert!(becomes("beta", true), "a new file");
    fixture.write("a.rs", "fn gamma() {}");
    assert!(becomes("gamma", true) && becomes("alpha", false), "a changed file");
    fixture.write("new/deep/c.rs", "fn delta() {}");
    assert!(becomes("delta", true), "a new folder");
    fixture.write("new/deep/d.rs", "fn epsilon() {}");
    assert!(becomes("epsilon", true), "a file in a new folder");
    fs::remove_dir_all(fixture.root().join("new")).unwrap();
    assert!(becomes("delta", false), "a folder that is gone");
    fixture.write("out/made.rs", "fn zeta() {}");
    fixture.write("e.rs", "fn eta() {}");
    assert!(becomes("eta", true) && becomes("zeta", false), "an ignored folder");
    drop(watch);
}
