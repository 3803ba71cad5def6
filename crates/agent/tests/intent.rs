//! Judging messages, with an embedder of the test's own and with the real one.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test ends at the first surprise")]

use agent::intent::{Classifier, Intent, evaluate, held_out};
use knowledge::embed::{EmbedError, Embedder};
use knowledge::minilm::MiniLm;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Letters as a vector; counts the texts that it is asked for.
#[derive(Default)]
struct Letters(AtomicUsize);

impl Embedder for Letters {
    fn id(&self) -> &str {
        "letters"
    }

    fn dims(&self) -> usize {
        26
    }

    fn embed(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, EmbedError> {
        self.0.fetch_add(texts.len(), Ordering::Relaxed);
        Ok(texts
            .iter()
            .map(|text| {
                let mut counts = [0.01f32; 26];
                text.bytes()
                    .filter(u8::is_ascii_lowercase)
                    .for_each(|b| counts[usize::from(b - b'a')] += 1.0);
                let length = counts.iter().map(|c| c * c).sum::<f32>().sqrt();
                counts.iter().map(|c| c / length).collect()
            })
            .collect())
    }
}

/// An embedder that always fails.
struct Broken;

impl Embedder for Broken {
    fn id(&self) -> &str {
        "broken"
    }

    fn dims(&self) -> usize {
        1
    }

    fn embed(&self, _: &[&str]) -> Result<Vec<Vec<f32>>, EmbedError> {
        Err(EmbedError("broken".to_owned()))
    }
}

fn model() -> Option<PathBuf> {
    let cached = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.cache/models/all-minilm-l6-v2");
    let path = std::env::var_os("HONE_TEST_EMBEDDING").map_or(cached, PathBuf::from);
    if path.join("model.safetensors").is_file() {
        return Some(path);
    }
    println!("skipped: no embedding model at {}; set HONE_TEST_EMBEDDING", path.display());
    None
}

#[test]
fn held_out_messages_are_judged_as_the_issue_asks() {
    let Some(path) = model() else { return };
    let embedder = Arc::new(MiniLm::open(&path, "all-minilm-l6-v2", Some(2)).unwrap());
    let classifier = Classifier::open(embedder, &[], None).unwrap();
    let found = evaluate(&classifier, &held_out()).unwrap();
    println!("{found:?}");
    assert!(found.accuracy >= 0.95, "{found:?}");
    assert!(found.needs_code_accuracy >= 0.9, "{found:?}");
}

#[test]
fn a_correction_counts_at_once_and_near_it() {
    let mut classifier = Classifier::open(Arc::new(Letters::default()), &[], None).unwrap();
    let (text, near) = ("zz quux frobnicate the thing", "zz quux frobnicate the things");
    let before = classifier.judge(text).unwrap().intent;
    let meant = Intent::ALL.into_iter().find(|intent| *intent != before).unwrap();
    classifier.correct(&[(text.to_owned(), meant)]).unwrap();
    assert_eq!(classifier.judge(text).unwrap().intent, meant);
    assert!(classifier.judge(text).unwrap().confidence > 0.99);
    assert_eq!(classifier.judge(near).unwrap().intent, meant, "and for what is near");
    let other = Intent::ALL.into_iter().find(|intent| ![before, meant].contains(intent)).unwrap();
    classifier.correct(&[(text.to_owned(), meant), (text.to_owned(), other)]).unwrap();
    assert_eq!(classifier.judge(text).unwrap().intent, other, "the later one counts");
    classifier.correct(&[]).unwrap();
    assert_eq!(classifier.judge(text).unwrap().intent, before, "taken back");
}

#[test]
fn examples_are_embedded_once_and_a_bad_cache_is_made_anew() {
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("cache");
    let open = || {
        let letters = Arc::new(Letters::default());
        let classifier = Classifier::open(letters.clone(), &[], Some(&cache)).unwrap();
        let asked = letters.0.load(Ordering::Relaxed);
        (asked, classifier.judge("write a parser").unwrap())
    };
    let first = open();
    assert!(first.0 >= 600);
    assert_eq!(open(), (0, first.1));
    let good = std::fs::read(&cache).unwrap();
    for bad in [&b""[..], &good[..100], &vec![0xff; good.len()][..], &[&[1u8; 8][..], &good[8..]].concat()] {
        std::fs::write(&cache, bad).unwrap();
        assert_eq!(open(), first);
        assert_eq!(std::fs::read(&cache).unwrap(), good);
    }
    let nowhere = folder.path().join("no/such/folder/cache");
    assert!(Classifier::open(Arc::new(Letters::default()), &[], Some(&nowhere)).is_ok());
}

#[test]
fn hostile_messages_are_judged_and_a_broken_embedder_is_an_error() {
    let classifier = Classifier::open(Arc::new(Letters::default()), &[], None).unwrap();
    for text in
        ["", " ", "\0", "\u{202e}x", &"a".repeat(1 << 20), &"a b ".repeat(1 << 18), &"写".repeat(1 << 16)]
    {
        let found = classifier.judge(text).unwrap();
        assert!((0.0..=1.0).contains(&found.confidence));
    }
    assert!(Classifier::open(Arc::new(Broken), &[], None).is_err());
}
