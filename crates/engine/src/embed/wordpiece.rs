//! WordPiece as uncased BERT models have it: text is cleaned, lower-cased, stripped of accents, split at spaces and
//! punctuation, and each word becomes the longest pieces that the vocabulary has.
//!
//! Tokens are those of Hugging Face's `BertNormalizer`, `BertPreTokenizer` and `WordPiece`, with one difference: what
//! looks like a control token (`[SEP]`) is text like any other.

use crate::import::{ImportError, files};
use hashbrown::HashMap;
use serde_json::Value;
use std::path::Path;
use unicode_general_category::{GeneralCategory, get_general_category};
use unicode_normalization_alignments::UnicodeNormalization;

/// The tokenizer of one model.
#[derive(Debug)]
pub struct WordPiece {
    /// Pieces that begin a word.
    first: HashMap<Box<str>, u32>,
    /// Pieces that go on with one, without their `##`.
    inner: HashMap<Box<str>, u32>,
    /// Bytes of the longest piece.
    longest: usize,
    unknown: u32,
    begin: u32,
    end: u32,
}

/// Characters of the longest word that is looked up; longer ones are unknown.
const WORD_LIMIT: usize = 100;

const CONTINUED: &str = "##";

impl WordPiece {
    /// Reads `tokenizer.json`, whose tokens must be below `size`.
    pub(super) fn read(folder: &Path, size: usize) -> Result<WordPiece, ImportError> {
        let json = files::json(folder, "tokenizer.json")?;
        WordPiece::parse(&json, size).map_err(ImportError::Tokenizer)
    }

    fn parse(json: &Value, size: usize) -> Result<WordPiece, String> {
        let (model, normalizer) = (&json["model"], &json["normalizer"]);
        let kinds =
            [&normalizer["type"], &json["pre_tokenizer"]["type"], &model["continuing_subword_prefix"]];
        if kinds != ["BertNormalizer", "BertPreTokenizer", CONTINUED] {
            return Err("it is not that of a BERT model".to_owned());
        }
        let accents = normalizer["strip_accents"].as_bool();
        let flags = ["clean_text", "handle_chinese_chars", "lowercase"].map(|key| normalizer[key].as_bool());
        if flags != [Some(true); 3] || accents == Some(false) {
            return Err("it keeps case or accents".to_owned());
        }
        if model["max_input_chars_per_word"].as_u64() != Some(WORD_LIMIT as u64) {
            return Err(format!("its longest word has not {WORD_LIMIT} characters"));
        }
        let vocab = model["vocab"].as_object().ok_or("it has no vocabulary")?;
        let mut found = WordPiece {
            first: HashMap::with_capacity(vocab.len()),
            inner: HashMap::new(),
            longest: 0,
            unknown: 0,
            begin: 0,
            end: 0,
        };
        for (piece, id) in vocab {
            let id = id.as_u64().filter(|&id| id < size as u64);
            let id = id.ok_or_else(|| format!("a token has no number below {size}"))? as u32;
            let (map, text) = match piece.strip_prefix(CONTINUED) {
                Some(text) if !text.is_empty() => (&mut found.inner, text),
                _ => (&mut found.first, piece.as_str()),
            };
            map.insert(text.into(), id);
            found.longest = found.longest.max(text.len());
        }
        let special = |name: &str| found.first.get(name).copied().ok_or_else(|| format!("it has no {name}"));
        (found.unknown, found.begin, found.end) = (special("[UNK]")?, special("[CLS]")?, special("[SEP]")?);
        // Control tokens are no text.
        found.first.retain(|piece, _| !(piece.starts_with('[') && piece.ends_with(']') && piece.len() > 2));
        Ok(found)
    }

    /// Appends the tokens of a text to `out`: the beginning's, at most `limit` in all, the end's. What is past
    /// the limit is not looked at.
    pub fn encode(&self, text: &str, limit: usize, out: &mut Vec<u32>) {
        let most = out.len() + limit.max(2) - 1;
        out.push(self.begin);
        let mut word = Word::default();
        let mut chars = text.chars().flat_map(Cleaned::of).chain([Cleaned::Space]);
        while out.len() < most
            && let Some(next) = chars.next()
        {
            match next {
                Cleaned::Letter(c) => word.push(c),
                Cleaned::Space => self.pieces(&mut word, out),
                Cleaned::Alone(c) => {
                    self.pieces(&mut word, out);
                    word.push(c);
                    self.pieces(&mut word, out);
                }
            }
        }
        out.truncate(most);
        out.push(self.end);
    }

    /// Tokens of a text without limit, those of beginning and end included.
    pub fn count(&self, text: &str) -> usize {
        let mut tokens = Vec::new();
        self.encode(text, usize::MAX / 2, &mut tokens);
        tokens.len()
    }

    /// Appends `tokens` between those of beginning and end.
    pub(super) fn frame(&self, tokens: &[u32], out: &mut Vec<u32>) {
        out.push(self.begin);
        out.extend(tokens);
        out.push(self.end);
    }

    /// The pieces of a word, which is then empty.
    fn pieces(&self, word: &mut Word, out: &mut Vec<u32>) {
        let start = out.len();
        let mut rest = word.text.as_str();
        if word.chars > WORD_LIMIT {
            rest = "";
            out.push(self.unknown);
        }
        while !rest.is_empty() {
            let map = if out.len() == start { &self.first } else { &self.inner };
            let ends = (1..=rest.len().min(self.longest)).rev().filter(|&end| rest.is_char_boundary(end));
            let Some((end, id)) = ends.map(|end| (end, map.get(&rest[..end]))).find(|(_, id)| id.is_some())
            else {
                // One piece that is not there makes the whole word unknown.
                out.truncate(start);
                out.push(self.unknown);
                break;
            };
            out.extend(id);
            rest = &rest[end..];
        }
        *word = Word { text: std::mem::take(&mut word.text), chars: 0 };
        word.text.clear();
    }
}

/// A word in the making; of one that is too long only the length is kept.
#[derive(Default)]
struct Word {
    text: String,
    chars: usize,
}

impl Word {
    fn push(&mut self, c: char) {
        self.chars = self.chars.saturating_add(1);
        if self.chars <= WORD_LIMIT {
            self.text.push(c);
        }
    }
}

/// A character after cleaning.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Cleaned {
    Letter(char),
    Space,
    /// Punctuation or an ideograph: a word of its own.
    Alone(char),
}

impl Cleaned {
    /// What becomes of a character: nothing, itself, or several.
    fn of(c: char) -> impl Iterator<Item = Cleaned> {
        let kind = match c {
            'a'..='z' | '0'..='9' => Kind::Plain(Cleaned::Letter(c)),
            'A'..='Z' => Kind::Plain(Cleaned::Letter(c.to_ascii_lowercase())),
            ' ' | '\t' | '\n' | '\r' => Kind::Plain(Cleaned::Space),
            c if c.is_ascii_punctuation() => Kind::Plain(Cleaned::Alone(c)),
            '\0' | char::REPLACEMENT_CHARACTER => Kind::Nothing,
            c if is_other(c) => Kind::Nothing,
            c if c.is_whitespace() => Kind::Plain(Cleaned::Space),
            c if is_ideograph(c) => Kind::Plain(Cleaned::Alone(c)),
            c => Kind::Several(c),
        };
        let (plain, several) = match kind {
            Kind::Nothing => (None, None),
            Kind::Plain(cleaned) => (Some(cleaned), None),
            Kind::Several(c) => (None, Some(c)),
        };
        // Parts of a Hangul syllable and the like are letters; accents go; lower case may be several characters.
        let several = several.into_iter().flat_map(|c| {
            let parts: Vec<char> = std::iter::once(c).nfd().map(|(part, _)| part).collect();
            parts
        });
        let several = several.filter(|&part| get_general_category(part) != GeneralCategory::NonspacingMark);
        let several = several.flat_map(char::to_lowercase).map(|part| match part {
            part if part.is_whitespace() => Cleaned::Space,
            part if part.is_ascii_punctuation() || is_punctuation(part) => Cleaned::Alone(part),
            part => Cleaned::Letter(part),
        });
        plain.into_iter().chain(several)
    }
}

enum Kind {
    Nothing,
    Plain(Cleaned),
    Several(char),
}

fn is_other(c: char) -> bool {
    use GeneralCategory::*;
    matches!(get_general_category(c), Control | Format | Unassigned | PrivateUse | Surrogate)
}

fn is_punctuation(c: char) -> bool {
    use GeneralCategory::*;
    matches!(
        get_general_category(c),
        ConnectorPunctuation
            | DashPunctuation
            | OpenPunctuation
            | ClosePunctuation
            | InitialPunctuation
            | FinalPunctuation
            | OtherPunctuation
    )
}

/// The blocks of ideographs that BERT sets apart.
fn is_ideograph(c: char) -> bool {
    matches!(u32::from(c),
        0x4E00..=0x9FFF | 0x3400..=0x4DBF | 0x20000..=0x2A6DF | 0x2A700..=0x2B73F | 0x2B740..=0x2B81F
        | 0x2B920..=0x2CEAF | 0xF900..=0xFAFF | 0x2F800..=0x2FA1F)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokenizer() -> WordPiece {
        let words = [
            "[PAD]", "[UNK]", "[CLS]", "[SEP]", "un", "##aff", "##able", "hello", "!", "[", "]", "sep", "中",
        ];
        let vocab: serde_json::Map<String, Value> =
            words.iter().enumerate().map(|(id, word)| ((*word).to_owned(), id.into())).collect();
        let json = serde_json::json!({
            "normalizer": {"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true,
                "strip_accents": null, "lowercase": true},
            "pre_tokenizer": {"type": "BertPreTokenizer"},
            "model": {"type": "WordPiece", "continuing_subword_prefix": "##", "max_input_chars_per_word": 100,
                "vocab": vocab},
        });
        WordPiece::parse(&json, words.len()).unwrap()
    }

    fn tokens(text: &str, limit: usize) -> Vec<u32> {
        let mut out = vec![99];
        tokenizer().encode(text, limit, &mut out);
        assert_eq!(out.remove(0), 99, "what was there stays");
        out
    }

    #[test]
    fn words_become_their_longest_pieces() {
        assert_eq!(tokens("Unaffable hello!", 256), [2, 4, 5, 6, 7, 8, 3]);
        assert_eq!(tokens("unaffableness", 256), [2, 1, 3], "one piece is not there");
        assert_eq!(tokens("héllo\u{301}", 256), [2, 7, 3]);
        assert_eq!(tokens("hello中hello", 256), [2, 7, 12, 7, 3]);
        assert_eq!(tokens("", 256), [2, 3]);
    }

    #[test]
    fn control_tokens_cannot_be_written() {
        assert_eq!(tokens("[SEP]", 256), [2, 9, 11, 10, 3]);
        assert_eq!(tokens("\0he\u{200d}llo\u{fffd}", 256), [2, 7, 3]);
    }

    #[test]
    fn the_limit_counts_beginning_and_end() {
        let text = "hello ".repeat(1000);
        assert_eq!(tokens(&text, 5), [2, 7, 7, 7, 3]);
        assert_eq!(tokens("unaffable", 4), [2, 4, 5, 3], "also within a word");
        assert_eq!(tokenizer().count(&text), 1002);
        assert_eq!(tokens(&"x".repeat(1 << 20), 5), [2, 1, 3]);
    }

    #[test]
    fn other_tokenizers_are_refused() {
        for json in [serde_json::json!({}), serde_json::json!({"model": {"type": "BPE"}}), Value::Null] {
            assert!(WordPiece::parse(&json, 10).is_err(), "{json}");
        }
    }
}
