//! How well are secrets told from what only looks like them? Prints recall and precision, and holds them to the goals:
//! `cargo test --release -p learn --test secrets -- --nocapture`.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test ends at the first surprise")]

mod draw;
mod harmless;
mod own;
mod unnamed;

use draw::Draw;
use learn::secrets::find;
use std::collections::BTreeMap;

/// A kind of line, and how one is drawn.
type Kind = (&'static str, fn(&mut Draw) -> String);

/// Hits among lines, by kind.
fn hits(kinds: &[Kind], lines: usize, seed: u64) -> (usize, BTreeMap<&'static str, (usize, usize)>) {
    let mut draw = Draw::new(seed);
    let mut told: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    let mut hit = 0;
    for n in 0..lines {
        let (name, make) = kinds[n % kinds.len()];
        let line = make(&mut draw);
        let found = !find(&line).is_empty();
        let entry = told.entry(name).or_default();
        (entry.0, entry.1) = (entry.0 + usize::from(found), entry.1 + 1);
        hit += usize::from(found);
    }
    (hit, told)
}

/// Recall and precision, printed with the kinds that went wrong.
fn measure(name: &str, secrets: &[Kind], harmless: &[Kind], seed: u64) -> (f64, f64) {
    const LINES: usize = 1000;
    let ((right, found), (wrong, taken)) = (hits(secrets, LINES, seed), hits(harmless, LINES, seed + 1));
    let (recall, precision) = (right as f64 / LINES as f64, right as f64 / (right + wrong) as f64);
    println!(
        "{name}: recall {:.1} %, precision {:.1} % ({LINES} secrets, {LINES} others)",
        100.0 * recall,
        100.0 * precision
    );
    let missed = found.iter().filter(|(_, (hit, all))| hit < all);
    missed.for_each(|(kind, (hit, all))| println!("  {kind}: {hit} of {all} found"));
    let false_hits = taken.iter().filter(|(_, (hit, _))| *hit > 0);
    false_hits
        .for_each(|(kind, (hit, all))| println!("  not secret, but taken for one: {kind}, {hit} of {all}"));
    (recall, precision)
}

#[test]
fn secrets_of_the_rules_formats_are_found() {
    let (recall, precision) = measure("own formats", own::SECRETS, own::MENTIONS, 1);
    assert!(recall >= 0.99 && precision >= 0.95);
}

#[test]
fn secrets_of_other_formats_are_found() {
    let (recall, precision) = measure("held out", unnamed::SECRETS, harmless::LINES, 2026);
    assert!(recall >= 0.92 && precision >= 0.70);
}

#[test]
fn the_held_out_kinds_are_not_the_rules() {
    let named =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/src/secrets/formats.rs")).unwrap();
    for prefix in unnamed::PREFIXES {
        assert!(!named.contains(prefix), "{prefix}");
    }
}
