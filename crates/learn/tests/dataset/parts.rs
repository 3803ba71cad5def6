//! Splits, mixtures, and sets on disk.

use std::collections::HashSet;
use std::fs;

use learn::dataset::{
    DatasetError, Example, Manifest, Parts, Report, Set, Shares, Weighted, file_sha256, mix, split,
};
use proptest::prelude::*;

use crate::{examples, pair};

fn shares(valid: f64, test: f64) -> Shares {
    Shares { valid, test }
}

fn manifest() -> Manifest {
    Manifest::new("mine", 7, Some(Shares::default()), Vec::new(), Report::default())
}

fn digests(examples: &[Example]) -> HashSet<[u8; 32]> {
    examples.iter().map(Example::digest).collect()
}

#[test]
fn the_split_of_a_seed_is_what_it_was() {
    let text = |examples: &[Example]| -> Vec<String> {
        examples.iter().map(|example| example.messages[0].content.replace("question ", "")).collect()
    };
    let parts = split(examples(10), shares(0.2, 0.1), 42).unwrap();
    // From Python: sorted(range(10), key=lambda n: sha256(seed.to_bytes(8, "little") + digest(n))).
    assert_eq!(text(&parts.valid), SPLIT_OF_42[..2]);
    assert_eq!(text(&parts.test), SPLIT_OF_42[2..3]);
    assert_eq!(text(&parts.train), SPLIT_OF_42[3..]);
}

#[test]
fn nine_in_ten_are_for_training() {
    for (rows, sizes) in
        [(0, (0, 0, 0)), (1, (1, 0, 0)), (2, (1, 1, 0)), (10, (9, 1, 0)), (2017, (1815, 202, 0))]
    {
        let parts = split(examples(rows), Shares::default(), 0).unwrap();
        assert_eq!((parts.train.len(), parts.valid.len(), parts.test.len()), sizes);
    }
    let parts = split(examples(1000), shares(0.1, 0.05), 0).unwrap();
    assert_eq!((parts.train.len(), parts.valid.len(), parts.test.len()), (850, 100, 50));
    for wrong in [shares(0.1, 0.9), shares(1.0, 0.0), shares(-0.1, 0.0), shares(0.0, f64::NAN)] {
        assert!(matches!(split(examples(10), wrong, 0), Err(DatasetError::Shares { .. })), "{wrong:?}");
    }
}

proptest! {
    #[test]
    fn a_split_deals_every_example_once(
        rows in 1..200_usize, seed: u64, valid in 0.0..0.5_f64, test in 0.0..0.49_f64, rotate: prop::sample::Index,
    ) {
        let all = examples(rows);
        let parts = split(all.clone(), shares(valid, test), seed).unwrap();
        let dealt: Vec<Example> = [&parts.train[..], &parts.valid, &parts.test].concat();
        prop_assert_eq!(dealt.len(), rows);
        prop_assert_eq!(digests(&dealt), digests(&all));
        prop_assert!(!parts.train.is_empty());
        let off = |part: usize, share: f64| (part as f64 - rows as f64 * share).abs() <= 1.0;
        prop_assert!(off(parts.valid.len(), valid) && off(parts.test.len(), test));
        // The order of the rows does not matter.
        let mut turned = all;
        turned.rotate_left(rotate.index(rows));
        prop_assert_eq!(split(turned, shares(valid, test), seed).unwrap(), parts);
    }

    #[test]
    fn a_mixture_holds_its_weights_and_leaks_nothing(
        a in 1..150_usize, b in 1..150_usize, weight in 0.05..0.95_f64, seed: u64, common in 0..40_usize,
    ) {
        let second: Vec<Example> =
            (0..b).map(|n| if n < common { examples(n + 1).pop().unwrap() } else { pair(&format!("b{n}"), "x") }).collect();
        let first = split(examples(a), Shares::default(), 1).unwrap();
        let second = split(second, shares(0.2, 0.1), 2).unwrap();
        let set = |parts: &Parts, weight| Weighted { parts: parts.clone(), weight: Some(weight) };
        let mixed = mix(vec![set(&first, weight), set(&second, 1.0 - weight)], seed).unwrap();
        let train = digests(&mixed.train);
        prop_assert_eq!(train.len(), mixed.train.len());
        for held in [&first.valid, &first.test, &second.valid, &second.test] {
            prop_assert!(train.is_disjoint(&digests(held)));
        }
        prop_assert!(digests(&mixed.valid).is_disjoint(&digests(&mixed.test)));
        let from_first = mixed.train.iter().filter(|e| first.train.contains(e)).count() as f64;
        let from_second = mixed.train.len() as f64 - from_first;
        if from_first > 0.0 && from_second > 0.0 {
            // Whole rows: each count is within one of its share.
            let unit = (from_first / weight).max(from_second / (1.0 - weight));
            prop_assert!((from_first - unit * weight).abs() <= 1.0 / (1.0 - weight) + 1.0);
            prop_assert!((from_second - unit * (1.0 - weight)).abs() <= 1.0 / weight + 1.0);
        }
    }
}

#[test]
fn a_set_is_written_and_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("deep/mine");
    let parts = split(examples(50), shares(0.1, 0.1), 3).unwrap();
    let set = Set::write(&place, &parts, manifest()).unwrap();
    let again = Set::open(&place).unwrap();
    assert_eq!(again.manifest, set.manifest);
    assert_eq!(again.parts().unwrap(), parts);
    let train = again.manifest.part("train").unwrap();
    assert_eq!(train.rows, 40);
    assert_eq!(file_sha256(&again.path("train")).unwrap(), (train.sha256.clone(), train.bytes));
    let first = fs::read_to_string(again.path("train")).unwrap();
    let line: serde_json::Value = serde_json::from_str(first.lines().next().unwrap()).unwrap();
    assert_eq!(
        (&line["messages"][0]["role"], &line["messages"][1]["role"]),
        (&"user".into(), &"assistant".into())
    );

    // Another set in its place: nothing is left of the old one, and the user's files are.
    fs::write(place.join("notes.txt"), "mine").unwrap();
    let fewer = split(examples(20), Shares::default(), 3).unwrap();
    Set::write(&place, &fewer, manifest()).unwrap();
    let mut names: Vec<_> =
        place.read_dir().unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    assert_eq!(names, ["manifest.json", "notes.txt", "train.jsonl", "valid.jsonl"]);
    assert_eq!(Set::open(&place).unwrap().parts().unwrap(), fewer);
}

#[test]
fn what_is_no_whole_set_is_not_taken_for_one() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path();
    assert!(matches!(Set::open(place), Err(DatasetError::NoSet(_))));
    let parts = split(examples(20), Shares::default(), 3).unwrap();
    let set = Set::write(place, &parts, manifest()).unwrap();
    fs::write(place.join("valid.jsonl"), "{}").unwrap();
    assert!(matches!(set.read("valid"), Err(DatasetError::Damaged { .. })));
    assert_eq!(set.read("train").unwrap(), parts.train);
    fs::remove_file(place.join("train.jsonl")).unwrap();
    assert!(matches!(set.read("train"), Err(DatasetError::Io { .. })));
    for text in ["", "{", "{\"version\":1}", "[]"] {
        fs::write(place.join("manifest.json"), text).unwrap();
        assert!(matches!(Set::open(place), Err(DatasetError::Damaged { .. })), "{text}");
    }
}

#[test]
fn nothing_is_replaced_by_a_set_that_cannot_be_written() {
    let folder = tempfile::tempdir().unwrap();
    let parts = split(examples(20), Shares::default(), 3).unwrap();
    Set::write(folder.path(), &parts, manifest()).unwrap();
    let nothing = Set::write(folder.path(), &Parts::default(), manifest());
    assert!(matches!(nothing, Err(DatasetError::Empty { .. })));
    assert_eq!(Set::open(folder.path()).unwrap().parts().unwrap(), parts);
    let file = folder.path().join("train.jsonl");
    assert!(
        matches!(Set::write(&file, &parts, manifest()), Err(DatasetError::Io { .. })),
        "a file in the way"
    );
}

const SPLIT_OF_42: [&str; 10] = ["8", "9", "4", "0", "2", "6", "5", "1", "7", "3"];
