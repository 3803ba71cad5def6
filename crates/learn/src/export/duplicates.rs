//! Near-duplicates (MinHash over groups of five words), and topics: what must not be torn apart by a split.

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};

/// Words of a group.
const GROUP: usize = 5;
/// Bands and rows of the signature: two texts of similarity 0.75 share a band in all but one of 100,000 cases.
const BANDS: usize = 32;
const ROWS: usize = 4;
/// From this Jaccard similarity on, texts are alike.
const ALIKE: f64 = 0.75;
/// Texts alike that a new one is compared with.
const MOST_ALIKE: usize = 16;

/// The groups of a text, as hashes.
pub(super) struct Shingles(HashSet<u64>);

impl Shingles {
    pub(super) fn of(text: &str) -> Shingles {
        let words: Vec<String> = words(text).collect();
        let groups = words.windows(GROUP.min(words.len().max(1)));
        Shingles(groups.map(|group| hash(&group)).collect())
    }

    fn likeness(&self, other: &Shingles) -> f64 {
        let shared = self.0.intersection(&other.0).count();
        let all = self.0.len() + other.0.len() - shared;
        if all == 0 { 1.0 } else { shared as f64 / all as f64 }
    }

    /// The smallest hash under each of many orders.
    fn signature(&self) -> [u64; BANDS * ROWS] {
        let mut least = [u64::MAX; BANDS * ROWS];
        for group in &self.0 {
            for (order, slot) in least.iter_mut().enumerate() {
                *slot = (*slot).min(mix(group ^ mix(order as u64 + 1)));
            }
        }
        least
    }
}

/// For each text the first one of its cluster. A pair is compared where their signatures share a band.
pub(super) fn clusters(texts: &[Shingles]) -> Vec<usize> {
    let mut groups = Groups::new(texts.len());
    let mut buckets: HashMap<(usize, u64), Vec<usize>> = HashMap::new();
    for (at, text) in texts.iter().enumerate() {
        for (band, rows) in text.signature().chunks(ROWS).enumerate() {
            let bucket = buckets.entry((band, hash(&rows))).or_default();
            let alike = bucket.iter().filter(|&&other| texts[other].likeness(text) >= ALIKE);
            let alike: Vec<usize> = alike.copied().collect();
            // Of many alike the first ones speak for the rest.
            if alike.len() < MOST_ALIKE {
                bucket.push(at);
            }
            alike.into_iter().for_each(|other| groups.join(other, at));
        }
    }
    (0..texts.len()).map(|at| groups.first(at)).collect()
}

/// Sets that are joined; each is known by its first member.
pub(super) struct Groups(Vec<usize>);

impl Groups {
    pub(super) fn new(count: usize) -> Groups {
        Groups((0..count).collect())
    }

    pub(super) fn first(&mut self, at: usize) -> usize {
        let mut root = at;
        while self.0[root] != root {
            root = self.0[root];
        }
        let mut step = at;
        while self.0[step] != root {
            step = std::mem::replace(&mut self.0[step], root);
        }
        root
    }

    pub(super) fn join(&mut self, a: usize, b: usize) {
        let (a, b) = (self.first(a), self.first(b));
        self.0[a.max(b)] = a.min(b);
    }
}

/// Words in lower case, without signs.
pub(super) fn words(text: &str) -> impl Iterator<Item = String> + '_ {
    let signs = |c: char| !(c.is_alphanumeric() || c == '_');
    text.split(signs).filter(|word| !word.is_empty()).map(str::to_lowercase)
}

fn hash(value: &impl Hash) -> u64 {
    // Its keys are constant: the same text has the same hash on every machine of one version.
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

/// The finaliser of MurmurHash3.
fn mix(mut x: u64) -> u64 {
    x = (x ^ x >> 33).wrapping_mul(0xff51_afd7_ed55_8ccd);
    x = (x ^ x >> 33).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    x ^ x >> 33
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(seed: u64, words: usize) -> String {
        (0..words as u64).map(|n| format!("w{} ", mix(seed << 32 | n) % 1000)).collect()
    }

    #[test]
    fn signatures_find_what_comparing_every_pair_finds() {
        // Families of a text and of versions with more and more words changed at the end.
        let mut texts = Vec::new();
        for family in 0..20 {
            let base = text(family, 60);
            for changed in [0, 2, 5, 9, 20] {
                let kept: Vec<&str> = base.split_whitespace().take(60 - changed).collect();
                texts.push(format!("{} {}", kept.join(" "), text(1000 + family, changed)));
            }
        }
        let shingles: Vec<Shingles> = texts.iter().map(|text| Shingles::of(text)).collect();
        let found = clusters(&shingles);
        for a in 0..texts.len() {
            for b in 0..a {
                let alike = shingles[a].likeness(&shingles[b]) >= ALIKE;
                assert!(!alike || found[a] == found[b], "{a} and {b} are alike");
                assert!(a / 5 == b / 5 || found[a] != found[b], "{a} and {b} are of two families");
            }
        }
    }

    #[test]
    fn short_texts_are_compared_as_a_whole() {
        let same = Shingles::of("Fix it!").likeness(&Shingles::of("fix IT"));
        assert_eq!((same, Shingles::of("fix it").likeness(&Shingles::of("fix that"))), (1.0, 0.0));
        assert_eq!(clusters(&[Shingles::of(""), Shingles::of("a b"), Shingles::of("")]), [0, 1, 0]);
    }
}
