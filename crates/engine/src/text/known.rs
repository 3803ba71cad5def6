//! Control tokens that files do not always declare: found by their text, as llama.cpp finds them.

use super::TextError;
use super::vocab::{Kind, Vocab};
use crate::gguf::Metadata;

/// Tokens with which a model fills in the middle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FimTokens {
    /// Comes before the text in front of the gap.
    pub prefix: u32,
    /// Comes before the text behind the gap.
    pub suffix: u32,
    /// After this one the model writes what belongs in the gap.
    pub middle: u32,
}

/// Control tokens by their role.
#[derive(Clone, Debug, Default)]
pub(super) struct Known {
    pub(super) bos: Option<u32>,
    pub(super) eos: Option<u32>,
    pub(super) unknown: Option<u32>,
    pub(super) fim: Option<FimTokens>,
    /// Tokens that end an answer, ascending.
    pub(super) ends: Vec<u32>,
}

const FIM_PREFIX: &[&str] = &["<|fim_prefix|>", "<fim_prefix>", "<fim-prefix>", "<PRE>", "▁<PRE>"];
const FIM_SUFFIX: &[&str] = &["<|fim_suffix|>", "<fim_suffix>", "<fim-suffix>", "<SUF>", "▁<SUF>"];
const FIM_MIDDLE: &[&str] = &["<|fim_middle|>", "<fim_middle>", "<fim-middle>", "<MID>", "▁<MID>"];

/// Tokens that end a turn or a text; the last line ends what was filled into a gap.
const ENDS: &[&str] = &[
    "<|im_end|>",
    "<|endoftext|>",
    "<|eot_id|>",
    "<|eom_id|>",
    "<|end_of_text|>",
    "<|end|>",
    "<end_of_turn>",
    "</s>",
    "<EOT>",
    "▁<EOT>",
    "<｜end▁of▁sentence｜>",
    "<|fim_pad|>",
    "<|repo_name|>",
    "<|file_sep|>",
];

/// What a token is, where the file says it too loosely: a text that looks like a control token is one,
/// unless the file says that it is plain text.
pub(super) fn kind(text: &str, declared: Option<Kind>) -> Kind {
    // Nearly all tokens are words.
    if !text.starts_with(['<', '▁']) {
        return declared.unwrap_or(Kind::Normal);
    }
    let framed = text.len() > 4 && text.starts_with("<|") && text.ends_with("|>");
    let listed = [FIM_PREFIX, FIM_SUFFIX, FIM_MIDDLE, ENDS].iter().any(|list| list.contains(&text));
    match declared {
        Some(Kind::UserDefined) | None if framed || listed => Kind::Control,
        Some(Kind::Normal) if framed && listed => Kind::Control,
        Some(kind) => kind,
        None => Kind::Normal,
    }
}

/// The ids that the metadata declares as control tokens: (key, id). Ids outside the vocabulary are left out,
/// as llama.cpp does: real files have such entries.
fn declared(metadata: &Metadata, key: &str, vocab_size: usize) -> Result<Option<u32>, TextError> {
    let key = format!("tokenizer.ggml.{key}_token_id");
    let id = metadata.find::<u32>(&key)?.filter(|&id| id != u32::MAX);
    match id {
        Some(id) if id as usize >= vocab_size => {
            tracing::warn!("ignoring {key} = {id}: the vocabulary has {vocab_size} tokens");
            Ok(None)
        }
        id => Ok(id),
    }
}

/// Ids that the metadata names as the ones that begin or end a text.
pub(super) fn declared_limits(metadata: &Metadata, vocab_size: usize) -> Result<Vec<u32>, TextError> {
    let mut ids = Vec::new();
    for key in ["bos", "eos", "eot", "eom"] {
        ids.extend(declared(metadata, key, vocab_size)?);
    }
    Ok(ids)
}

impl Known {
    pub(super) fn find(metadata: &Metadata, vocab: &Vocab) -> Result<Self, TextError> {
        let size = vocab.len();
        let controls: Vec<u32> = (0..size as u32).filter(|&id| vocab.kind(id) == Kind::Control).collect();
        let of = |id: &u32| vocab.bytes(*id);
        let named = |names: &[&str]| {
            names.iter().find_map(|name| controls.iter().find(|&id| of(id) == name.as_bytes()).copied())
        };
        let fim = |keys: [&str; 2], names: &[&str]| -> Result<Option<u32>, TextError> {
            let declared = declared(metadata, keys[0], size)?.or(declared(metadata, keys[1], size)?);
            Ok(declared.or(named(names)))
        };
        let fim = (
            fim(["fim_pre", "prefix"], FIM_PREFIX)?,
            fim(["fim_suf", "suffix"], FIM_SUFFIX)?,
            fim(["fim_mid", "middle"], FIM_MIDDLE)?,
        );
        let fim = match fim {
            (Some(prefix), Some(suffix), Some(middle)) => Some(FimTokens { prefix, suffix, middle }),
            _ => None,
        };
        let eos = declared(metadata, "eos", size)?;
        let mut ends: Vec<u32> = controls
            .iter()
            .copied()
            .filter(|id| ENDS.iter().any(|end| of(id) == end.as_bytes()))
            .chain(eos)
            .chain(declared(metadata, "eot", size)?)
            .chain(declared(metadata, "eom", size)?)
            .collect();
        ends.sort_unstable();
        ends.dedup();
        let bos = declared(metadata, "bos", size)?;
        // Text that has no token must not become one that begins or ends a text.
        let unknown = declared(metadata, "unknown", size)?.filter(|&id| vocab.kind(id) != Kind::Control);
        Ok(Known { bos, eos, unknown, fim, ends })
    }
}
