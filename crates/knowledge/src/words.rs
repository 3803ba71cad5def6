//! Words of code and prose, so that `parseHttpRequest`, `parse_http_request` and "parse an HTTP request" meet.

/// Words that stand in every question and say nothing about code.
const STOP: [&str; 68] = [
    "a", "about", "all", "an", "and", "any", "are", "as", "at", "be", "by", "can", "code", "could", "did",
    "do", "does", "doing", "done", "find", "for", "from", "get", "gets", "given", "happen", "happens", "has",
    "have", "how", "i", "if", "in", "into", "is", "it", "its", "me", "my", "of", "on", "or", "our", "out",
    "place", "s", "show", "so", "some", "that", "the", "their", "them", "there", "they", "this", "to", "up",
    "used", "we", "what", "when", "where", "which", "who", "why", "with", "you",
];

/// Longest word that is indexed, in characters: what is longer is data.
const LONGEST: usize = 64;

/// The words of a text in lower case, in order. An identifier of several parts is there as a whole too.
pub fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    for identifier in text.split(|c: char| !c.is_alphanumeric() && c != '_') {
        let parts = parts(identifier);
        if parts.len() > 1 {
            push(&mut words, parts.concat());
        }
        parts.into_iter().for_each(|part| push(&mut words, part));
    }
    words
}

/// The distinct words of a question that are worth searching.
pub fn query_words(text: &str) -> Vec<String> {
    let mut kept: Vec<String> = Vec::new();
    let all = words(text);
    let telling = |word: &String| STOP.binary_search(&word.as_str()).is_err();
    // "what is it" is still searched for, as it stands.
    let only_stop = !all.iter().any(telling);
    for word in all.into_iter().filter(|word| only_stop || telling(word)) {
        if !kept.contains(&word) && kept.len() < 64 {
            kept.push(word);
        }
    }
    kept
}

/// Whether a word has several parts of letters, as names in code have and words of prose have not.
pub(crate) fn is_identifier(word: &str) -> bool {
    parts(word).iter().filter(|part| part.chars().all(char::is_alphabetic)).count() > 1
}

fn push(words: &mut Vec<String>, word: String) {
    if word.chars().count() <= LONGEST {
        words.push(word);
    }
}

/// `HTTPServer2Config` is `http`, `server`, `2`, `config`: cut at `_`, before a capital that starts a word, and
/// between letters and digits.
fn parts(identifier: &str) -> Vec<String> {
    let chars: Vec<char> = identifier.chars().collect();
    let mut parts = Vec::new();
    let mut part = String::new();
    for (i, &c) in chars.iter().enumerate() {
        let previous = i.checked_sub(1).map(|i| chars[i]);
        if c == '_' || previous.is_some_and(|p| boundary(p, c, chars.get(i + 1).copied())) {
            parts.extend((!part.is_empty()).then(|| std::mem::take(&mut part)));
        }
        if c != '_' {
            part.extend(c.to_lowercase());
        }
    }
    parts.extend((!part.is_empty()).then_some(part));
    parts
}

fn boundary(before: char, here: char, after: Option<char>) -> bool {
    let capital = here.is_uppercase()
        && (before.is_lowercase() || before.is_uppercase() && after.is_some_and(char::is_lowercase));
    capital || before.is_numeric() != here.is_numeric() && before != '_'
}

/// The last place at or before `at` where a text may be cut.
pub(crate) fn char_boundary(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_are_cut_and_kept_whole() {
        for (text, expected) in [
            ("parseHttpRequest", "parsehttprequest parse http request"),
            ("HTTPServer2Config", "httpserver2config http server 2 config"),
            ("snake_case_name", "snakecasename snake case name"),
            ("MAX_LEN", "maxlen max len"),
            ("__init__", "init"),
            ("std::fs::read", "std fs read"),
            ("größeÄndern Straße", "größeändern größe ändern straße"),
            ("a.b(c)", "a b c"),
            ("sha256", "sha256 sha 256"),
            ("_", ""),
            ("", ""),
        ] {
            assert_eq!(words(text).join(" "), expected, "{text}");
        }
    }

    #[test]
    fn questions_lose_words_that_say_nothing() {
        assert_eq!(query_words("How does the parser parse the parser?"), ["parser", "parse"]);
        assert_eq!(query_words("what is it"), ["what", "is", "it"]);
        assert!(STOP.is_sorted());
    }

    #[test]
    fn data_is_no_word() {
        assert!(words(&"a".repeat(65)).is_empty());
        assert_eq!(query_words(&(0..1000).map(|n| format!("w{n} ")).collect::<String>()).len(), 64);
    }
}
