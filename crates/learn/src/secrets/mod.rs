//! Secrets in text: tokens by their published formats, and what looks like one by its place and its letters.
//!
//! Rules of `formats` go by prefix, alphabet and length; `assigned` by the word before a value (`API_KEY=…`), `bare` by
//! entropy alone; `plain` says what is no secret though it looks so: hashes, examples, code. All of it is linear in the text.

mod assigned;
mod bare;
mod formats;
mod letters;
mod plain;

use serde::Serialize;
use std::ops::Range;

/// A secret in a text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Hit {
    /// What it is: `GitHub token`.
    pub kind: &'static str,
    /// Where, in bytes.
    pub range: Range<usize>,
}

/// The secrets of a text, in order; no two of them overlap.
pub fn find(text: &str) -> Vec<Hit> {
    let mut hits = formats::find(text);
    hits.extend(assigned::find(text));
    hits.extend(bare::find(text));
    hits.sort_by_key(|hit| (hit.range.start, usize::MAX - hit.range.end));
    let mut end = 0;
    hits.retain(|hit| {
        let apart = hit.range.start >= end;
        end = end.max(hit.range.end);
        apart
    });
    hits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hits_are_in_order_and_apart() {
        let text = "A_TOKEN=ghp_Zk3mQ8vXw2Lr7Tn5Yb1Hs9Dc4Fg6Jp0aUeiO then postgres://app:s3cr-Et9x@db/x";
        let hits = find(text);
        assert_eq!(hits.len(), 2, "{hits:?}");
        assert!(hits[0].range.end <= hits[1].range.start);
        assert_eq!(&text[hits[1].range.clone()], "s3cr-Et9x");
    }

    #[test]
    fn any_text_is_looked_through() {
        for text in ["", "=", "key=", "é=ü", "password:\u{0}", "://:@", "🔑=🔑🔑🔑🔑🔑🔑🔑🔑🔑"]
        {
            assert_eq!(find(text), [], "{text}");
        }
    }
}
