//! Tokens by id, and ids by text.

use super::TextError;
use hashbrown::{DefaultHashBuilder, HashTable};
use std::hash::BuildHasher;

/// What a token is, numbered as in `tokenizer.ggml.token_type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A piece of text.
    Normal = 1,
    /// Stands for text that has no token.
    Unknown = 2,
    /// Has a meaning instead of a text.
    Control = 3,
    /// A text that is never cut.
    UserDefined = 4,
    /// Fills up the vocabulary.
    Unused = 5,
    /// One raw byte.
    Byte = 6,
}

impl Kind {
    pub(super) fn from_id(id: i32) -> Self {
        match id {
            2 => Kind::Unknown,
            3 => Kind::Control,
            4 => Kind::UserDefined,
            5 => Kind::Unused,
            6 => Kind::Byte,
            _ => Kind::Normal,
        }
    }
}

/// The tokens: their bytes and kinds by id, and the ids of pieces of text by their bytes.
pub(super) struct Vocab {
    /// The bytes of all tokens, one after the other.
    bytes: Vec<u8>,
    /// Where each token ends in `bytes`.
    ends: Vec<u32>,
    kinds: Vec<Kind>,
    /// Pieces of text only: no merge and no lookup can lead to a control token.
    pieces: HashTable<u32>,
    hasher: DefaultHashBuilder,
}

impl Vocab {
    /// `decode` appends a token's bytes to a buffer and tells whether text can contain this token.
    pub(super) fn new<'a>(
        tokens: impl ExactSizeIterator<Item = &'a str>,
        kinds: Vec<Kind>,
        decode: impl Fn(&str, Kind, &mut Vec<u8>) -> bool,
    ) -> Result<Self, TextError> {
        let mut vocab = Vocab {
            bytes: Vec::with_capacity(tokens.len() * 8),
            ends: Vec::with_capacity(tokens.len()),
            pieces: HashTable::with_capacity(tokens.len()),
            hasher: DefaultHashBuilder::default(),
            kinds,
        };
        for (id, token) in tokens.enumerate() {
            let is_piece = decode(token, vocab.kinds[id], &mut vocab.bytes);
            let end = u32::try_from(vocab.bytes.len()).map_err(|_| TextError::TooLarge {
                what: "the vocabulary",
                found: vocab.bytes.len(),
                limit: u32::MAX as usize,
            })?;
            vocab.ends.push(end);
            if is_piece {
                vocab.add_piece(id as u32);
            }
        }
        Ok(vocab)
    }

    /// Of two tokens with the same bytes the first is found.
    fn add_piece(&mut self, id: u32) {
        let Vocab { bytes, ends, pieces, hasher, .. } = self;
        let of = |id: u32| &bytes[span(ends, id)];
        let (hash, piece) = (hasher.hash_one(of(id)), of(id));
        if !piece.is_empty() && pieces.find(hash, |&other| of(other) == piece).is_none() {
            pieces.insert_unique(hash, id, |&other| hasher.hash_one(of(other)));
        }
    }

    /// The token whose text is exactly `piece`; never a control token.
    pub(super) fn find(&self, piece: &[u8]) -> Option<u32> {
        self.pieces.find(self.hasher.hash_one(piece), |&id| self.bytes(id) == piece).copied()
    }

    /// Whether `id` is a token that [`find`](Self::find) finds by these bytes, or another one of equal bytes.
    pub(super) fn is_piece(&self, id: u32, bytes: &[u8]) -> bool {
        self.kind(id) == Kind::Normal && self.bytes(id) == bytes
    }

    /// Bytes of a token; none for an id outside the vocabulary.
    pub(super) fn bytes(&self, id: u32) -> &[u8] {
        if (id as usize) < self.ends.len() { &self.bytes[span(&self.ends, id)] } else { &[] }
    }

    /// Kind of a token; `Unused` for an id outside the vocabulary.
    pub(super) fn kind(&self, id: u32) -> Kind {
        self.kinds.get(id as usize).copied().unwrap_or(Kind::Unused)
    }

    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }
}

fn span(ends: &[u32], id: u32) -> std::ops::Range<usize> {
    let start = if id == 0 { 0 } else { ends[id as usize - 1] };
    start as usize..ends[id as usize] as usize
}
