//! What was kept, in files.

use crate::kept::kept;
use learn::dataset::{Set, forget};
use learn::export::ExportError;
use serde_json::Value;
use std::collections::{BTreeMap, HashSet};
use std::fs;
use store::FeedbackKind;

fn rows(set: &Set, part: &str) -> Vec<Value> {
    let text = fs::read_to_string(set.path(part)).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn parts_share_no_topic_and_the_newest_validate() {
    let kept = kept();
    for n in 0..40 {
        // Four answers to each of ten questions, and turns that build on each other.
        let chat = kept.chat();
        let first =
            kept.say(chat, &format!("question {}", n % 10), &format!("This is the answer {n} of {n} here."));
        kept.up(first);
        kept.say(chat, &format!("and question {n}"), &format!("This builds upon {n} and goes on."));
    }
    let export = kept.export();
    let set = export.write(&kept.home.path().join("datasets/mine"), "mine").unwrap();
    let (train, valid) = (rows(&set, "train"), rows(&set, "valid"));
    let topics =
        |rows: &[Value]| rows.iter().map(|row| row["topic"].as_u64().unwrap()).collect::<HashSet<_>>();
    assert!(topics(&train).is_disjoint(&topics(&valid)));
    assert!(!valid.is_empty() && train.len() > 3 * valid.len(), "{} and {}", train.len(), valid.len());
    assert_eq!(train.len() + valid.len(), export.kept().count());
    let newest = |rows: &[Value]| {
        let mut newest = BTreeMap::new();
        for row in rows {
            let (topic, time) = (row["topic"].as_u64().unwrap(), row["time"].as_str().unwrap().to_owned());
            let entry: &mut String = newest.entry(topic).or_default();
            *entry = entry.clone().max(time);
        }
        newest.into_values().collect::<Vec<_>>()
    };
    // Two topics may end in the same millisecond.
    assert!(newest(&train).iter().max() <= newest(&valid).iter().max());
    let read = set.read("train").unwrap();
    assert_eq!(read.len(), train.len());
    assert!(read.iter().zip(&train).all(|(example, row)| example.given == example.messages.len() - 1
        && f64::from(example.weight) == row["weight"].as_f64().unwrap()));
}

#[test]
fn a_row_knows_its_conversation_and_goes_with_it() {
    let kept = kept();
    let chat = kept.chat();
    let answer = kept.say(chat, "write a commit message", "Updated.");
    kept.react(answer, FeedbackKind::Edited, Some("fix: close the file"));
    kept.pair("what else?", "Nothing else, that is all.");
    let datasets = kept.home.path().join("datasets");
    let set = kept.export().write(&datasets.join("mine"), "mine").unwrap();
    let all = || rows(&set, "train").into_iter().chain(rows(&set, "valid")).collect::<Vec<_>>();
    let row = all().into_iter().find(|row| row["chat"] == chat.to_string()).unwrap();
    assert_eq!((row["signal"].as_str(), row["weight"].as_f64()), (Some("edited"), Some(2.0)));
    assert_eq!(row["messages"][1]["content"], "fix: close the file");
    assert_eq!(forget(&datasets, &chat.to_string()).unwrap(), 1);
    assert_eq!(all().len(), 1);
}

#[test]
fn nothing_to_learn_is_said_and_leaves_the_old_set() {
    let kept = kept();
    let good = kept.pair("what is good?", "Whatever helps is good.");
    let folder = kept.home.path().join("datasets/mine");
    kept.export().write(&folder, "mine").unwrap();
    kept.react(good, FeedbackKind::Down, None);
    let error = kept.export().write(&folder, "mine").unwrap_err();
    assert!(matches!(error, ExportError::Nothing { looked_at: 1 }), "{error}");
    assert_eq!(Set::open(&folder).unwrap().read("train").unwrap().len(), 1);
}

#[test]
fn the_report_counts_every_answer() {
    let kept = kept();
    kept.pair("one?", "The first of all numbers.");
    kept.pair("two?", "ok");
    let export = kept.export();
    let counts = export.counts();
    assert_eq!((counts.looked_at, counts.kept), (2, 1));
    assert_eq!(counts.dropped["short"] + counts.signals["silence"], 2);
    let lines = export.lines();
    assert_eq!((lines.len(), lines[1].why.as_str()), (2, "it has less than 3 tokens"));
}

#[test]
fn an_adapter_is_named_when_its_conversation_goes() {
    let kept = kept();
    let chat = kept.chat();
    kept.say(chat, "what is learned?", "This answer is what is learned.");
    let folder = kept.home.path().join("datasets/mine");
    let set = kept.export().write(&folder, "mine").unwrap();
    let adapter: learn::adapters::Manifest = serde_json::from_value(serde_json::json!({
        "version": 1, "id": "a1", "name": "mine", "created": "2026-11-27T00:00:00Z",
        "base": {"name": "tiny", "sha256": "0", "architecture": "llama"}, "sha256": "0", "bytes": 1, "data": null, "recipe": {},
        "parent": null, "scores": {},
    }))
    .unwrap();
    assert_eq!(learn::export::credit(&kept.store, &adapter, &learn::dataset::Chosen::Set(set)).unwrap(), 1);
    assert_eq!(kept.store.chats().remove(chat).unwrap().adapters, ["a1"]);
}
