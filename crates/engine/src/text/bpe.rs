//! Byte-level BPE, the tokenizer of GPT-2, Llama 3, Qwen and SmolLM2.

use super::TextError;
use super::merge::{Merger, NONE};
use super::split::Split;
use super::vocab::{Kind, Vocab};
use hashbrown::HashMap;
use std::borrow::Cow;
use unicode_normalization_alignments::{UnicodeNormalization, is_nfc};

/// Byte-level BPE: words are bytes, and pairs are joined in the order in which training found them.
///
/// Written out instead of taken from the `tokenizers` crate: that needs 28 ms to take in SmolLM2's vocabulary
/// and 170 ms for Qwen's (this: 7 and 35, measured side by side), cuts words with a backtracking regex engine,
/// and nothing in it keeps a merge from ending in a control token.
pub(super) struct Bpe {
    split: Split,
    /// The single-byte tokens; `NONE` where the vocabulary lacks one.
    bytes: [u32; 256],
    /// (left, right) to (rank, joined).
    merges: HashMap<(u32, u32), (u32, u32)>,
}

impl Bpe {
    /// `merges` are pairs of byte-level texts with a space between, best first.
    pub(super) fn new<'a>(
        split: Split,
        vocab: &Vocab,
        merges: impl ExactSizeIterator<Item = &'a str>,
    ) -> Result<Self, TextError> {
        let mut bpe = Bpe { split, bytes: [NONE; 256], merges: HashMap::with_capacity(merges.len()) };
        for byte in 0..=255u8 {
            bpe.bytes[byte as usize] = vocab.find(&[byte]).unwrap_or(NONE);
        }
        let mut text = Vec::new();
        let mut last = 0;
        for (rank, merge) in merges.enumerate() {
            let (left, right) = merge.split_once(' ').ok_or(TextError::Merge(rank))?;
            text.clear();
            let known = decode(left, &mut text);
            let middle = text.len();
            // A rule with a part that is no token can never apply.
            if !(known && decode(right, &mut text)) {
                continue;
            }
            let parts = (bpe.find(vocab, &text[..middle]), bpe.find(vocab, &text[middle..]));
            // Ids follow the order of the rules as a rule: try the next one before searching.
            let joined = Some(last + 1).filter(|&id| vocab.is_piece(id, &text)).or_else(|| vocab.find(&text));
            if let (Some(left), Some(right), Some(joined)) = (parts.0, parts.1, joined) {
                bpe.merges.insert((left, right), (rank as u32, joined));
                last = joined;
            }
        }
        Ok(bpe)
    }

    /// The token of a piece of text; single bytes need no search.
    fn find(&self, vocab: &Vocab, piece: &[u8]) -> Option<u32> {
        match *piece {
            [byte] => Some(self.bytes[byte as usize]).filter(|&id| id != NONE),
            _ => vocab.find(piece),
        }
    }

    /// Appends the tokens of `text`. Bytes that have no token are left out, as Hugging Face's tokenizers do;
    /// only damaged vocabularies lack one.
    pub(super) fn encode(&self, vocab: &Vocab, text: &str, out: &mut Vec<u32>) {
        let text = self.normalise(text);
        let mut merger = Merger::default();
        // Words come again and again: where their tokens are in `out`.
        let mut seen: HashMap<&str, (usize, usize)> = HashMap::new();
        self.split.words(&text, |word| {
            if let Some(&(start, end)) = seen.get(word) {
                out.extend_from_within(start..end);
                return;
            }
            let start = out.len();
            self.encode_word(vocab, word, &mut merger, out);
            seen.insert(word, (start, out.len()));
        });
    }

    fn encode_word(&self, vocab: &Vocab, word: &str, merger: &mut Merger, out: &mut Vec<u32>) {
        // Llama 3's tokenizer takes a word that is a token as it is, without merging.
        if self.split == Split::Llama3
            && let Some(id) = vocab.find(word.as_bytes())
        {
            return out.push(id);
        }
        merger.clear();
        for (at, &byte) in word.as_bytes().iter().enumerate() {
            let id = self.bytes[byte as usize];
            if id != NONE {
                merger.push(id, at, 1);
            }
        }
        merger.run(|left, right| self.merges.get(&(left.id, right.id)).copied());
        out.extend(merger.symbols().map(|symbol| symbol.id));
    }

    /// Qwen's tokenizer composes characters first (NFC).
    fn normalise<'a>(&self, text: &'a str) -> Cow<'a, str> {
        if self.split != Split::Qwen2 || text.is_ascii() || is_nfc(text) {
            return Cow::Borrowed(text);
        }
        Cow::Owned(text.nfc().map(|(c, _)| c).collect())
    }
}

/// Bytes of a token of a byte-level vocabulary, and whether text can contain it.
pub(super) fn decode_token(text: &str, kind: Kind, out: &mut Vec<u8>) -> bool {
    let start = out.len();
    let plain = matches!(kind, Kind::Normal | Kind::Unused | Kind::Byte);
    if plain && decode(text, out) {
        return kind == Kind::Normal;
    }
    out.truncate(start);
    out.extend_from_slice(text.as_bytes());
    false
}

/// Bytes of a byte-level text; false where it has a character that stands for no byte.
fn decode(text: &str, out: &mut Vec<u8>) -> bool {
    text.chars().all(|c| {
        let byte = BYTES.get(c as usize).copied().flatten();
        out.extend(byte);
        byte.is_some()
    })
}

/// GPT-2's alphabet: printable bytes stand for themselves, the others are the characters from U+0100 on.
static BYTES: [Option<u8>; 0x144] = {
    let mut bytes = [None; 0x144];
    let (mut byte, mut next) = (0usize, 0x100usize);
    while byte < 256 {
        if matches!(byte, 0x21..=0x7e | 0xa1..=0xac | 0xae..=0xff) {
            bytes[byte] = Some(byte as u8);
        } else {
            bytes[next] = Some(byte as u8);
            next += 1;
        }
        byte += 1;
    }
    bytes
};
