//! Words and signs that say much about what a message asks for, as a few numbers.

/// Kinds of words, in the languages that people write to hone in.
const KINDS: [(&str, &str); 10] = [
    ("changes code", include_str!("lexicon/write.txt")),
    ("is a piece of code", include_str!("lexicon/code.txt")),
    ("asks to look something up", include_str!("lexicon/search.txt")),
    ("is about what is now", include_str!("lexicon/recent.txt")),
    ("asks for an explanation", include_str!("lexicon/explain.txt")),
    ("greets or thanks", include_str!("lexicon/greet.txt")),
    ("means what is the user's own", include_str!("lexicon/ours.txt")),
    ("is prose", include_str!("lexicon/prose.txt")),
    ("is about thinking", include_str!("lexicon/theory.txt")),
    ("points back", include_str!("lexicon/follow.txt")),
];

/// What says that no code is wanted.
const NO_CODE: [&str; 8] = [
    " no code ",
    " not write ",
    " without code ",
    " write code yet ",
    " don't write ",
    " concept ",
    " in words ",
    " explain ",
];

/// What may stand before the first word that counts.
const LEADS: &str = include_str!("lexicon/lead.txt");

/// Number of the features.
pub(super) const COUNT: usize = 3 * KINDS.len() + 22;

/// How much they count beside the embedding; chosen by cross-validation on the training examples.
const SCALE: f32 = 0.45;

/// The features of a message, given its words in lower case.
pub(super) fn features(text: &str, words: &[String]) -> Vec<f32> {
    let is = |kind: &str, word: &str| kind.split_whitespace().any(|known| known == word);
    let first = words.iter().take(12).find(|word| !is(LEADS, word)).map_or("", String::as_str);
    let lower: String = text.chars().take(2000).flat_map(char::to_lowercase).collect();
    // Languages without spaces have words inside of words.
    let inside = |kind: &str| {
        let wide = |known: &&str| known.chars().next().is_some_and(|c| c > '\u{2e80}');
        kind.split_whitespace().filter(wide).any(|known| lower.contains(known))
    };
    let mut found = Vec::with_capacity(COUNT);
    for (_, kind) in KINDS {
        let count = words.iter().filter(|word| is(kind, word)).count();
        found.push(truth(is(kind, first)));
        found.push(truth(count > 0 || inside(kind)));
        found.push(count.min(3) as f32 / 3.0);
    }
    found.extend(shape(text, &lower, words, first));
    found.iter_mut().for_each(|value| *value *= SCALE);
    found
}

/// What the message looks like.
fn shape(text: &str, lower: &str, words: &[String], first: &str) -> [f32; 22] {
    let one_of = |list: &str| truth(list.split(' ').any(|known| known == first));
    let link = lower.contains("http");
    let brackets = lower.chars().filter(|c| "(){};=<>[]".contains(*c)).count();
    let tokens = || text.split_whitespace().take(200);
    let number = |word: &String| word.bytes().all(|b| b.is_ascii_digit());
    let year = |word: &String| number(word) && word.len() == 4 && ("2020".."2100").contains(&word.as_str());
    let padded = format!(" {lower} ");
    let spaced = padded.replace(',', " ");
    let ours = words.windows(2).any(|pair| {
        matches!(pair[0].as_str(), "our" | "my" | "this" | "the")
            && "repo repository project codebase code app service server backend frontend module"
                .split(' ')
                .any(|w| w == pair[1])
    });
    [
        truth(text.trim_end().ends_with(['?', '？'])),
        truth(text.contains('\n')),
        truth(link),
        words.len().min(40) as f32 / 40.0,
        truth(words.len() <= 3),
        truth(words.len() <= 7),
        one_of(
            "what which who when where how why is are does do did has was wie wo qué qual cuál quel quelle",
        ),
        one_of("what"),
        one_of("how"),
        one_of("who when where wer qui quién кто 谁"),
        one_of("is are did has have does"),
        one_of("why warum pourquoi"),
        truth(!link && tokens().any(is_path)),
        truth(tokens().any(is_identifier)),
        brackets.min(10) as f32 / 10.0,
        truth(words.iter().any(year)),
        truth(words.iter().any(|word| number(word) && word.len() <= 2)),
        truth(ours),
        truth(padded.contains(" our ")),
        truth(padded.contains(" we ")),
        truth(NO_CODE.iter().any(|phrase| spaced.contains(phrase))),
        truth(link && !text.contains(['\n', '('])),
    ]
}

fn truth(holds: bool) -> f32 {
    f32::from(u8::from(holds))
}

/// `src/main.rs`, `utils.py`.
fn is_path(token: &str) -> bool {
    const ENDINGS: &str = "py rs js ts go c h cpp hpp java rb kt yml yaml json toml md xml tsx jsx lock css html sql sh cs php swift";
    let token = token.trim_matches(|c: char| !c.is_alphanumeric());
    let inner = |(a, b): (&str, &str)| !a.is_empty() && !b.is_empty();
    let ending = token
        .rsplit_once('.')
        .is_some_and(|(stem, end)| !stem.is_empty() && ENDINGS.split(' ').any(|known| known == end));
    ending || token.split_once('/').is_some_and(inner)
}

/// `snake_case`, `camelCase`, `Type::method`, anything in backticks.
fn is_identifier(token: &str) -> bool {
    let letters: Vec<char> = token.chars().take(100).collect();
    let inside = |w: &[char]| w[0].is_lowercase() && w[1].is_uppercase();
    let snake = |w: &[char]| w[0].is_alphanumeric() && w[1] == '_' && w[2].is_alphanumeric();
    token.contains("::")
        || token.contains('`')
        || letters.windows(2).any(inside)
        || letters.windows(3).any(snake)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_and_identifiers_are_seen() {
        for path in ["src/main.rs", "utils.py,", "`a.ts`", "docs/x"] {
            assert!(is_path(path), "{path}");
        }
        for word in ["and", "e.g.", "3.14", "end.", "/", "a/"] {
            assert!(!is_path(word), "{word}");
        }
        assert!(["get_user", "camelCase", "A::b", "`x`"].into_iter().all(is_identifier));
        assert!(!["plain", "Word", "_", "a_"].into_iter().any(is_identifier));
    }
}
