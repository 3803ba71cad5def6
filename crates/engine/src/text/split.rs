//! Where words end.

use unicode_general_category::{GeneralCategory, get_general_category};

/// How a text is cut into words before byte pairs are merged; merges never cross a word's end.
///
/// These are the regular expressions of the models' own tokenizers, written out: each cuts any text in linear
/// time, which a backtracking engine does not (a long run of spaces is enough).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Split {
    /// ```text
    /// 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
    /// ```
    Gpt2,
    /// Every digit alone, `Gpt2` between the digits.
    SmolLm,
    /// `Llama3` with every digit alone.
    Qwen2,
    /// ```text
    /// (?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+
    /// ```
    Llama3,
    /// llama.cpp's choice where the file names none: punctuation alone, then `Gpt2`, then numbers alone, then
    /// digits by three.
    Default,
}

impl Split {
    /// By `tokenizer.ggml.pre`.
    pub(super) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "gpt-2" | "gpt2" | "phi-2" | "mpt" | "olmo" | "jina-v2-code" | "exaone4" => Split::Gpt2,
            "smollm" | "starcoder" | "refact" | "command-r" | "codeshell" => Split::SmolLm,
            "qwen2" | "deepseek-r1-qwen" | "megrez" => Split::Qwen2,
            "llama-bpe" | "llama3" | "llama-v3" | "falcon3" | "pixtral" => Split::Llama3,
            "default" => Split::Default,
            _ => return None,
        })
    }

    /// Calls `word` with every word of the text, in order; together they are the text.
    pub(super) fn words<'a>(self, text: &'a str, mut word: impl FnMut(&'a str)) {
        match self {
            Split::Gpt2 => each(text, gpt2, &mut word),
            Split::Qwen2 => each(text, |rest| llama3(rest, 1), &mut word),
            Split::Llama3 => each(text, |rest| llama3(rest, 3), &mut word),
            Split::SmolLm => each(text, digit_or_not, &mut |part| each(part, gpt2, &mut word)),
            Split::Default => each(text, punctuation_or_not, &mut |part| {
                each(part, gpt2, &mut |part| {
                    each(part, number_or_not, &mut |part| each(part, three_digits_or_not, &mut word))
                })
            }),
        }
    }
}

/// What the expressions distinguish.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Letter,
    Number,
    Space,
    Other,
}

fn class(c: char) -> Class {
    use GeneralCategory::*;
    match c {
        'a'..='z' | 'A'..='Z' => Class::Letter,
        '0'..='9' => Class::Number,
        _ if c.is_whitespace() => Class::Space,
        _ if c.is_ascii() => Class::Other,
        _ => match get_general_category(c) {
            UppercaseLetter | LowercaseLetter | TitlecaseLetter | ModifierLetter | OtherLetter => {
                Class::Letter
            }
            DecimalNumber | LetterNumber | OtherNumber => Class::Number,
            _ => Class::Other,
        },
    }
}

/// Cuts `text` by a function that gives the length of the first part; it must not be 0.
fn each<'a>(mut text: &'a str, first: impl Fn(&str) -> usize, part: &mut impl FnMut(&'a str)) {
    while !text.is_empty() {
        let (head, rest) = text.split_at(first(text));
        part(head);
        text = rest;
    }
}

/// Length of the characters at the start that are `of` some sort.
fn run(text: &str, of: impl Fn(char) -> bool) -> usize {
    text.find(|c| !of(c)).unwrap_or(text.len())
}

/// Length of the longest start in which every character answers like the first one.
fn alike(text: &str, of: impl Fn(char) -> bool) -> usize {
    let first = text.chars().next().is_some_and(&of);
    run(text, |c| of(c) == first)
}

fn gpt2(text: &str) -> usize {
    if let Some(len) = contraction(text, false) {
        return len;
    }
    let space = usize::from(text.starts_with(' '));
    let word = &text[space..];
    match word.chars().next().map(class) {
        None | Some(Class::Space) => spaces(text),
        Some(first) => space + run(word, |c| class(c) == first),
    }
}

fn llama3(text: &str, digits: usize) -> usize {
    if let Some(len) = contraction(text, true) {
        return len;
    }
    let mut chars = text.chars();
    let Some(first) = chars.next() else { return 0 };
    let word = chars.as_str();
    let letter = |c: char| class(c) == Class::Letter;
    match class(first) {
        Class::Letter => return run(text, letter),
        Class::Number => {
            return text
                .chars()
                .take(digits)
                .take_while(|&c| class(c) == Class::Number)
                .map(char::len_utf8)
                .sum();
        }
        _ if first != '\r' && first != '\n' && word.starts_with(letter) => {
            return first.len_utf8() + run(word, letter);
        }
        _ => {}
    }
    let space = usize::from(first == ' ');
    let other = run(&text[space..], |c| class(c) == Class::Other);
    if other > 0 {
        let len = space + other;
        return len + run(&text[len..], |c| c == '\r' || c == '\n');
    }
    let run = &text[..run(text, char::is_whitespace)];
    run.rfind(['\r', '\n']).map_or_else(|| spaces(text), |newline| newline + 1)
}

/// `\s+(?!\S)|\s+`: all the space at the end of a text, else all but the last character of it, else that one.
fn spaces(text: &str) -> usize {
    let len = run(text, char::is_whitespace);
    let last = text[..len].chars().next_back().map_or(0, char::len_utf8);
    if len == text.len() || len == last { len } else { len - last }
}

/// `'s|'t|'re|'ve|'m|'ll|'d`. Where case is ignored, the long s is an s too.
fn contraction(text: &str, ignore_case: bool) -> Option<usize> {
    let rest = text.strip_prefix('\'')?;
    let letter = |c: char| match c {
        'ſ' if ignore_case => 's',
        c if ignore_case => c.to_ascii_lowercase(),
        c => c,
    };
    let mut chars = rest.chars();
    let (first, second) = (chars.next()?, chars.next().map(letter));
    match (letter(first), second) {
        ('s' | 't' | 'm' | 'd', _) => Some(1 + first.len_utf8()),
        ('r' | 'v', Some('e')) | ('l', Some('l')) => Some(3),
        _ => None,
    }
}

/// Hugging Face's `Digits` asks Rust's own `is_numeric`.
fn digit_or_not(text: &str) -> usize {
    match text.chars().next() {
        Some(digit) if digit.is_numeric() => digit.len_utf8(),
        _ => run(text, |c| !c.is_numeric()),
    }
}

/// `[\p{P}$+<=>^~|]+` or what lies between.
fn punctuation_or_not(text: &str) -> usize {
    use GeneralCategory::*;
    alike(text, |c| match c {
        '$' | '+' | '<' | '=' | '>' | '^' | '~' | '|' => true,
        'a'..='z' | 'A'..='Z' | '0'..='9' | ' ' => false,
        _ => matches!(
            get_general_category(c),
            ConnectorPunctuation
                | DashPunctuation
                | OpenPunctuation
                | ClosePunctuation
                | InitialPunctuation
                | FinalPunctuation
                | OtherPunctuation
        ),
    })
}

/// `\p{N}+` or what lies between.
fn number_or_not(text: &str) -> usize {
    alike(text, |c| class(c) == Class::Number)
}

/// `[0-9][0-9][0-9]` or what lies between.
fn three_digits_or_not(text: &str) -> usize {
    let bytes = text.as_bytes();
    let three = bytes.windows(3).position(|three| three.iter().all(u8::is_ascii_digit));
    match three {
        Some(0) => 3,
        Some(at) => at,
        None => text.len(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn words(split: Split, text: &str) -> Vec<&str> {
        let mut words = Vec::new();
        split.words(text, |word| words.push(word));
        words
    }

    #[test]
    fn each_family_cuts_in_its_own_way() {
        let text = "I'LL pay  1234\u{a0}€\n\n  x's\t";
        assert_eq!(
            words(Split::Gpt2, text),
            ["I", "'", "LL", " pay", " ", " 1234", "\u{a0}", "€", "\n\n ", " x", "'s", "\t"]
        );
        assert_eq!(
            words(Split::SmolLm, text),
            ["I", "'", "LL", " pay", "  ", "1", "2", "3", "4", "\u{a0}", "€", "\n\n ", " x", "'s", "\t"]
        );
        assert_eq!(
            words(Split::Qwen2, text),
            ["I", "'LL", " pay", " ", " ", "1", "2", "3", "4", "\u{a0}", "€\n\n", " ", " x", "'s", "\t"]
        );
        assert_eq!(words(Split::Llama3, "o'ſt O'Re"), ["o", "'ſ", "t", " O", "'Re"]);
        assert_eq!(words(Split::Llama3, "1234567 a"), ["123", "456", "7", " a"]);
        assert_eq!(words(Split::Default, "a=1234 == x"), ["a", "=", "123", "4", " ", "==", " x"]);
    }

    proptest! {
        #[test]
        fn words_are_the_text(text in "(\\PC|[ \\r\\n\\t'0-9a-zA-Z]){0,40}") {
            for split in [Split::Gpt2, Split::SmolLm, Split::Qwen2, Split::Llama3, Split::Default] {
                prop_assert_eq!(words(split, &text).concat(), text.clone());
            }
        }
    }
}
