//! Tokens that stand alone, known by nothing but how random they are.

use super::Hit;
use super::letters::{Classes, entropy, is_hex};
use super::plain::{is_example, is_harmless_after, line_before};

/// Length of what may be a token; longer runs are data: images, maps, certificates.
const LENGTH: (usize, usize) = (20, 160);
/// Bits a character, at least.
const ENTROPY: f64 = 3.6;
/// How far before a token a word may say that it is harmless.
const NEAR: usize = 48;

pub(super) fn find(text: &str) -> Vec<Hit> {
    let mut hits = Vec::new();
    for (at, run) in runs(text) {
        if (LENGTH.0..=LENGTH.1).contains(&run.len()) && is_random(run) && !is_harmless(text, at, run) {
            hits.push(Hit { kind: "random token", range: at..at + run.len() });
        }
    }
    hits
}

/// Runs of the characters that tokens are made of.
fn runs(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let inside = |b: u8| b.is_ascii_alphanumeric() || b"_-+/=.~".contains(&b);
    let mut at = 0;
    std::iter::from_fn(move || {
        let bytes = text.as_bytes();
        while at < bytes.len() && !inside(bytes[at]) {
            at += 1;
        }
        let start = at;
        while at < bytes.len() && inside(bytes[at]) {
            at += 1;
        }
        (at > start).then(|| (start, &text[start..at]))
    })
    .map(|(at, run)| {
        let cut = run.trim_start_matches(['/', '.', '-', '=', '+']);
        (at + run.len() - cut.len(), cut.trim_end_matches(['.', '/', '-']))
    })
}

/// Letters of both cases and digits, changing often, in a part that is long enough.
fn is_random(run: &str) -> bool {
    if is_hex(run) || is_example(run) {
        return false;
    }
    let random = |part: &str| {
        let classes = Classes::of(part);
        let digits = classes.digit * 20 >= part.len() || classes.is_shuffled();
        let mixed = classes.lower > 0 && classes.upper > 0 && digits;
        mixed
            && part.len() >= LENGTH.0 - 4
            && classes.changes * 5 >= part.len() * 2
            && entropy(part) >= ENTROPY
    };
    // A path or a name with one random part is random there; one whose parts are all short is a path.
    run.split(['/', '.', '=']).any(|part| random(part) || part.split(['_', '-']).any(random)) || prefixed(run)
}

/// `word_` or `word-` and then random text of one case, as most makers of tokens have it.
fn prefixed(run: &str) -> bool {
    let Some(at) = run.rfind(['_', '-', '.']) else { return false };
    let (prefix, body) = (&run[..at], &run[at + 1..]);
    let classes = Classes::of(body);
    let word = !prefix.is_empty()
        && prefix.len() <= 24
        && prefix.bytes().all(|b| b.is_ascii_alphabetic() || b"_-.".contains(&b));
    word && body.len() >= 24
        && classes.digit * 8 >= body.len()
        && classes.lower + classes.upper >= 6
        && classes.changes * 3 >= body.len()
        && entropy(body) >= 3.2
        && body.bytes().all(|b| b.is_ascii_alphanumeric())
}

/// Hashes of lock files, public keys, data of images, file names of bundlers.
fn is_harmless(text: &str, at: usize, run: &str) -> bool {
    let before = line_before(text, at, NEAR);
    let lower = run.to_ascii_lowercase();
    let hashed = ["sha1-", "sha256-", "sha384-", "sha512-", "md5-", "h1:"]
        .iter()
        .any(|start| lower.starts_with(start));
    let file = [
        ".js", ".css", ".map", ".png", ".jpg", ".svg", ".woff2", ".html", ".ts", ".json", ".wasm", ".mjs",
        ".tgz", ".gz",
    ]
    .iter()
    .any(|ending| lower.ends_with(ending));
    hashed || file || run.starts_with("AAAA") || run.starts_with("MII") || is_harmless_after(before)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_tokens_are_found_and_hashes_are_not() {
        for text in [
            "why is q8Zt2Lm9Xw4Rb7YcHs5D refused?",
            "lin_api_q8Zt2Lm9Xw4Rb7YcHs5Dq8Zt2Lm9Xw",
            "svc-4f8a0b1c9d2e7f6a5b3c4d8e",
        ] {
            assert_eq!(find(text).len(), 1, "{text}");
        }
        for text in [
            "550e8400-e29b-41d4-a716-446655440000",
            "0cd0201f5abfb77e9afb5d3f21d1bd1d02d40aa1",
            "\"integrity\": \"sha512-q8Zt2Lm9Xw4Rb7YcHs5Dq8Zt2Lm9Xw4Rb7YcHs5Dq8Zt2Lm9Xw==\"",
            "getElementsByClassNameAndTagName2Strings",
            "src/components/UserProfile2/ProfileCard.tsx",
            "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIq8Zt2Lm9Xw4Rb7YcHs5D",
            "/assets/index-q8Zt2Lm9Xw4Rb7YcHs5D.js",
        ] {
            assert_eq!(find(text), [], "{text}");
        }
    }
}
