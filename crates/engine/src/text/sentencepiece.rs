//! SentencePiece's BPE, the tokenizer of Llama 2 and Mistral.

use super::TextError;
use super::merge::{Merger, NONE, Symbol};
use super::vocab::{Kind, Vocab};

/// SentencePiece's BPE: words are characters, and the pair whose token has the best score is joined first.
/// Characters without a token become bytes.
pub(super) struct SentencePiece {
    /// Rank of every token: 0 has the best score.
    ranks: Vec<u32>,
    /// The tokens `<0x00>` to `<0xFF>`; `NONE` where the vocabulary lacks one.
    bytes: [u32; 256],
    unknown: Option<u32>,
    /// Bytes of the longest token.
    longest: usize,
    /// Whether a text gets a space in front, so that its first word is like any other.
    add_prefix: bool,
}

impl SentencePiece {
    pub(super) fn new(
        vocab: &Vocab,
        scores: &[f32],
        unknown: Option<u32>,
        add_prefix: bool,
    ) -> Result<Self, TextError> {
        let tokens = vocab.len();
        if scores.len() != tokens {
            let key = "tokenizer.ggml.scores";
            return Err(TextError::Length { key, expected: tokens, found: scores.len() });
        }
        let mut bytes = [NONE; 256];
        let mut longest = 0;
        for id in 0..tokens as u32 {
            match (vocab.kind(id), vocab.bytes(id)) {
                (Kind::Byte, &[byte]) => bytes[byte as usize] = id,
                (Kind::Normal, piece) => longest = longest.max(piece.len()),
                _ => {}
            }
        }
        Ok(SentencePiece { ranks: ranks(scores), bytes, unknown, longest, add_prefix })
    }

    pub(super) fn adds_prefix(&self) -> bool {
        self.add_prefix
    }

    /// Appends the tokens of `text`, which begins a text or follows a control token.
    pub(super) fn encode(&self, vocab: &Vocab, text: &str, out: &mut Vec<u32>) -> Result<(), TextError> {
        let mut spaced = String::with_capacity(text.len() + 1);
        if self.add_prefix && !text.is_empty() {
            spaced.push(' ');
        }
        // The vocabulary's sign for a space is a space here, so the sign itself is one too.
        spaced.extend(text.chars().map(|c| if c == SPACE { ' ' } else { c }));
        let text = spaced.as_str();
        let piece = |symbol: &Symbol| &text[symbol.start as usize..][..symbol.len as usize];

        let mut merger = Merger::default();
        for (at, c) in text.char_indices() {
            let len = c.len_utf8();
            merger.push(vocab.find(&text.as_bytes()[at..at + len]).unwrap_or(NONE), at, len);
        }
        merger.run(|left, right| {
            let (start, len) = (left.start as usize, (left.len + right.len) as usize);
            if len > self.longest {
                return None;
            }
            let id = vocab.find(&text.as_bytes()[start..start + len])?;
            Some((self.ranks[id as usize], id))
        });
        let mut unknown = false;
        for symbol in merger.symbols() {
            if symbol.id != NONE {
                out.push(symbol.id);
                unknown = false;
            } else if piece(symbol).bytes().all(|byte| self.bytes[byte as usize] != NONE) {
                out.extend(piece(symbol).bytes().map(|byte| self.bytes[byte as usize]));
                unknown = false;
            } else {
                let id = self.unknown.ok_or_else(|| {
                    TextError::NoToken(piece(symbol).chars().next().unwrap_or(char::REPLACEMENT_CHARACTER))
                })?;
                // Unknown characters side by side are one unknown token.
                if !unknown {
                    out.push(id);
                }
                unknown = true;
            }
        }
        Ok(())
    }
}

/// Stands for a space in SentencePiece vocabularies.
const SPACE: char = '▁';

/// Bytes of a token of a SentencePiece vocabulary, and whether text can contain it.
pub(super) fn decode_token(text: &str, kind: Kind, out: &mut Vec<u8>) -> bool {
    let byte = || u8::from_str_radix(text.strip_prefix("<0x")?.strip_suffix('>')?, 16).ok();
    match kind {
        Kind::Byte if byte().is_some() => out.extend(byte()),
        Kind::Normal | Kind::Unused | Kind::Byte => {
            for (n, part) in text.split(SPACE).enumerate() {
                if n > 0 {
                    out.push(b' ');
                }
                out.extend_from_slice(part.as_bytes());
            }
        }
        _ => out.extend_from_slice(text.as_bytes()),
    }
    kind == Kind::Normal
}

/// Place of every score in their descending order; equal scores share one.
fn ranks(scores: &[f32]) -> Vec<u32> {
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]));
    let mut ranks = vec![0; scores.len()];
    let mut rank = 0;
    for (at, &id) in order.iter().enumerate() {
        if at > 0 && scores[order[at - 1]] != scores[id] {
            rank = at as u32;
        }
        ranks[id] = rank;
    }
    ranks
}
