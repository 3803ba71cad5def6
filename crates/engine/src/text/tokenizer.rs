//! A vocabulary, with its way to encode.

use super::TextError;
use super::bpe::{self, Bpe};
use super::decoder::text_of;
use super::known::{self, FimTokens, Known};
use super::sentencepiece::{self, SentencePiece};
use super::split::Split;
use super::vocab::{Kind, Vocab};
use crate::gguf::{Metadata, Strings};
use aho_corasick::{AhoCorasick, Input, MatchKind};
use std::ops::Range;

/// Text to tokens and back, as the model was trained with. Made from a file's metadata.
///
/// The tokens are those of Hugging Face's tokenizer of the same model.
pub struct Tokenizer {
    vocab: Vocab,
    algorithm: Algorithm,
    known: Known,
    add_bos: bool,
    /// Finds the tokens that are never cut in any text: user-defined ones.
    in_text: Option<Finder>,
    /// Finds these and control tokens.
    in_control: Option<Finder>,
}

/// Whose text is encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Special {
    /// Text of users, files, tools: never control tokens, whatever it contains.
    Text,
    /// Our own templates: `<|im_start|>` is one token.
    Control,
}

enum Algorithm {
    Bpe(Bpe),
    SentencePiece(SentencePiece),
}

/// Finds whole tokens in text: leftmost, then longest.
struct Finder {
    automaton: AhoCorasick,
    /// Token of every pattern.
    ids: Vec<u32>,
}

/// Longest text that is encoded at once.
const TEXT_LIMIT: usize = 16 << 20;
/// Most bytes of all control and user-defined tokens together: the automaton that finds them is far larger.
const SPECIAL_LIMIT: usize = 1 << 20;
/// Most bytes of one of them.
const SPECIAL_LENGTH: usize = 256;

impl Tokenizer {
    /// Reads the keys `tokenizer.ggml.*`.
    pub fn from_gguf(metadata: &Metadata) -> Result<Tokenizer, TextError> {
        let texts: Strings<'_> = metadata.require("tokenizer.ggml.tokens")?;
        if texts.len() == 0 {
            return Err(TextError::EmptyVocabulary);
        }
        let kinds = kinds(metadata, texts.clone())?;
        let add_bos: Option<bool> = metadata.find("tokenizer.ggml.add_bos_token")?;
        let (vocab, known, algorithm, default_bos);
        match metadata.require("tokenizer.ggml.model")? {
            "gpt2" => {
                let name = metadata.find("tokenizer.ggml.pre")?.unwrap_or("default");
                let split = Split::named(name).ok_or_else(|| TextError::Split(name.to_owned()))?;
                let merges: Strings<'_> = metadata.require("tokenizer.ggml.merges")?;
                vocab = Vocab::new(texts, kinds, bpe::decode_token)?;
                known = Known::find(metadata, &vocab)?;
                algorithm = Algorithm::Bpe(Bpe::new(split, &vocab, merges)?);
                default_bos = split == Split::Llama3;
            }
            "llama" => {
                let scores: Vec<f32> = metadata.require("tokenizer.ggml.scores")?;
                let prefix = metadata.find("tokenizer.ggml.add_space_prefix")?.unwrap_or(true);
                vocab = Vocab::new(texts, kinds, sentencepiece::decode_token)?;
                known = Known::find(metadata, &vocab)?;
                let pieces = SentencePiece::new(&vocab, &scores, known.unknown, prefix)?;
                algorithm = Algorithm::SentencePiece(pieces);
                default_bos = true;
            }
            other => return Err(TextError::Model(other.to_owned())),
        }
        Ok(Tokenizer {
            add_bos: add_bos.unwrap_or(default_bos) && known.bos.is_some(),
            in_text: Finder::new(&vocab, |kind| kind == Kind::UserDefined)?,
            in_control: Finder::new(&vocab, |kind| {
                matches!(kind, Kind::UserDefined | Kind::Control | Kind::Unknown)
            })?,
            vocab,
            algorithm,
            known,
        })
    }

    /// The tokens of `text`, without any that begin or end it.
    pub fn encode(&self, text: &str, special: Special) -> Result<Vec<u32>, TextError> {
        let finder = match special {
            Special::Text => &self.in_text,
            Special::Control => &self.in_control,
        };
        self.encode_parts(text, finder.as_ref(), |part, out| self.encode_plain(part, out))
    }

    /// The tokens of a rendered template: control tokens are those it spells out. `marker` is removed from the
    /// text between them, which then may spell one, but is text.
    pub(super) fn encode_rendered(&self, text: &str, marker: char) -> Result<Vec<u32>, TextError> {
        self.encode_parts(text, self.in_control.as_ref(), |part, out| {
            if !part.contains(marker) {
                return self.encode_plain(part, out);
            }
            out.append(&mut self.encode(&part.replace(marker, ""), Special::Text)?);
            Ok(())
        })
    }

    /// Cuts `text` at the tokens that `finder` finds; `plain` encodes the parts between them.
    fn encode_parts(
        &self,
        text: &str,
        finder: Option<&Finder>,
        plain: impl Fn(&str, &mut Vec<u32>) -> Result<(), TextError>,
    ) -> Result<Vec<u32>, TextError> {
        if text.len() > TEXT_LIMIT {
            return Err(TextError::TooLong { bytes: text.len(), limit: TEXT_LIMIT });
        }
        let mut out = Vec::with_capacity(text.len() / 3);
        let mut done = 0;
        for (token, id) in finder.iter().flat_map(|finder| finder.find(text)) {
            if token.start > done {
                plain(&text[done..token.start], &mut out)?;
            }
            out.push(id);
            done = token.end;
        }
        if done < text.len() {
            plain(&text[done..], &mut out)?;
        }
        Ok(out)
    }

    fn encode_plain(&self, text: &str, out: &mut Vec<u32>) -> Result<(), TextError> {
        match &self.algorithm {
            Algorithm::Bpe(bpe) => bpe.encode(&self.vocab, text, out),
            Algorithm::SentencePiece(pieces) => pieces.encode(&self.vocab, text, out)?,
        }
        Ok(())
    }

    /// The text of some tokens. Ids outside the vocabulary have none, bytes that are not UTF-8 become U+FFFD.
    pub fn decode(&self, ids: &[u32], skip_control: bool) -> String {
        let mut bytes = Vec::with_capacity(ids.len() * 4);
        for &id in ids.iter().filter(|&&id| !(skip_control && self.is_control(id))) {
            bytes.extend_from_slice(self.vocab.bytes(id));
        }
        let mut text = text_of(bytes, self.replaces_each_byte());
        if matches!(&self.algorithm, Algorithm::SentencePiece(p) if p.adds_prefix()) && text.starts_with(' ')
        {
            text.remove(0);
        }
        text
    }

    /// Bytes of one token: part of a text, or the name of a control token. None for an unknown id.
    pub fn token_bytes(&self, id: u32) -> &[u8] {
        self.vocab.bytes(id)
    }

    /// Whether the token has a meaning instead of a text.
    pub fn is_control(&self, id: u32) -> bool {
        matches!(self.vocab.kind(id), Kind::Control | Kind::Unknown)
    }

    /// Whether the token ends an answer: end of text, of turn, of message.
    pub fn is_end(&self, id: u32) -> bool {
        self.known.ends.binary_search(&id).is_ok()
    }

    /// The token that begins a text.
    pub fn bos(&self) -> Option<u32> {
        self.known.bos
    }

    /// Whether the model wants [`Tokenizer::bos`] in front of every text.
    pub fn add_bos(&self) -> bool {
        self.add_bos
    }

    /// The token that ends a text.
    pub fn eos(&self) -> Option<u32> {
        self.known.eos
    }

    /// Number of tokens.
    pub fn vocab_size(&self) -> usize {
        self.vocab.len()
    }

    /// The tokens for filling in the middle, where the model has them.
    pub fn fim(&self) -> Option<&FimTokens> {
        self.known.fim.as_ref()
    }

    /// Texts of the control tokens that a template can spell.
    pub(super) fn spelled(&self) -> impl Iterator<Item = &str> {
        let ids = self.in_control.as_ref().map_or(&[][..], |finder| &finder.ids);
        let ids = ids.iter().filter(|&&id| self.is_control(id));
        ids.filter_map(|&id| std::str::from_utf8(self.vocab.bytes(id)).ok())
    }

    /// Where in `text` the next control token begins that a template can spell, from byte `at` on.
    pub(super) fn next_spelled(&self, text: &str, mut at: usize) -> Option<usize> {
        let finder = self.in_control.as_ref()?;
        loop {
            let found = finder.automaton.find(Input::new(text).range(at..))?;
            if self.is_control(finder.ids[found.pattern().as_usize()]) {
                return Some(found.start());
            }
            // A control token may begin inside of a user-defined one.
            at = found.start() + text[found.start()..].chars().next().map_or(1, char::len_utf8);
        }
    }

    pub(super) fn replaces_each_byte(&self) -> bool {
        matches!(self.algorithm, Algorithm::SentencePiece(_))
    }
}

impl Finder {
    /// For the tokens of the wanted kinds; `None` where there are none. A control token of one character could
    /// not be told from text, so it is never found.
    fn new(vocab: &Vocab, wanted: impl Fn(Kind) -> bool) -> Result<Option<Finder>, TextError> {
        let size = |id: u32| vocab.bytes(id).len();
        let findable = |id: &u32| {
            let kind = vocab.kind(*id);
            let text = || std::str::from_utf8(vocab.bytes(*id)).unwrap_or_default();
            wanted(kind) && text().chars().nth(usize::from(kind != Kind::UserDefined)).is_some()
        };
        let ids: Vec<u32> = (0..vocab.len() as u32).filter(findable).collect();
        if ids.is_empty() {
            return Ok(None);
        }
        let too_large = |what, found, limit| TextError::TooLarge { what, found, limit };
        let (all, longest) = (ids.iter().map(|&id| size(id)).sum(), ids.iter().map(|&id| size(id)).max());
        if let Some(longest) = longest.filter(|&longest| longest > SPECIAL_LENGTH) {
            return Err(too_large("a control token", longest, SPECIAL_LENGTH));
        }
        if all > SPECIAL_LIMIT {
            return Err(too_large("the list of control tokens", all, SPECIAL_LIMIT));
        }
        let automaton = AhoCorasick::builder()
            .match_kind(MatchKind::LeftmostLongest)
            .build(ids.iter().map(|&id| vocab.bytes(id)))
            .map_err(|_| too_large("the list of control tokens", all, SPECIAL_LIMIT))?;
        Ok(Some(Finder { automaton, ids }))
    }

    /// Where whole tokens are in `text`, and which.
    fn find<'a>(&'a self, text: &'a str) -> impl Iterator<Item = (Range<usize>, u32)> + 'a {
        self.automaton.find_iter(text).map(|found| (found.range(), self.ids[found.pattern().as_usize()]))
    }
}

/// What every token is.
fn kinds(metadata: &Metadata, texts: Strings<'_>) -> Result<Vec<Kind>, TextError> {
    let key = "tokenizer.ggml.token_type";
    let declared: Option<Vec<i32>> = metadata.find(key)?;
    let expected = texts.len();
    if let Some(found) = declared.as_ref().map(Vec::len).filter(|&found| found != expected) {
        return Err(TextError::Length { key, expected, found });
    }
    let declared = |id: usize| declared.as_ref().map(|kinds| Kind::from_id(kinds[id]));
    let mut kinds: Vec<Kind> = texts.enumerate().map(|(id, text)| known::kind(text, declared(id))).collect();
    // `texts` may end early only in a file that was changed after it was checked.
    kinds.resize(expected, Kind::Unused);
    for id in known::declared_limits(metadata, expected)? {
        kinds[id as usize] = Kind::Control;
    }
    Ok(kinds)
}

impl std::fmt::Debug for Tokenizer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Tokenizer({} tokens)", self.vocab_size())
    }
}
