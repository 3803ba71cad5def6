//! `tokenizer.json` becomes the vocabulary of a GGUF file, as llama.cpp's `convert_hf_to_gguf.py` writes it.

use super::pieces;
use super::{ImportError, Note};
use crate::gguf::MetadataBuilder;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::HashMap;

/// What of a tokenizer the special tokens are looked up in.
#[derive(Debug)]
pub(super) struct Vocabulary {
    /// Ids by text.
    pub(super) ids: HashMap<String, u32>,
    /// The token that stands for text without one.
    pub(super) unknown: Option<String>,
    /// The token that the tokenizer puts in front of a text.
    pub(super) first: Option<String>,
}

#[derive(Deserialize)]
struct Json {
    #[serde(default)]
    added_tokens: Vec<Added>,
    #[serde(default)]
    normalizer: Value,
    #[serde(default)]
    pre_tokenizer: Value,
    #[serde(default)]
    post_processor: Value,
    model: Bpe,
}

#[derive(Deserialize)]
pub(super) struct Added {
    pub(super) id: u32,
    pub(super) content: String,
    #[serde(default)]
    special: bool,
    #[serde(default)]
    single_word: bool,
    #[serde(default)]
    lstrip: bool,
    #[serde(default)]
    rstrip: bool,
}

#[derive(Deserialize)]
pub(super) struct Bpe {
    #[serde(rename = "type")]
    kind: Option<String>,
    vocab: HashMap<String, u32>,
    #[serde(default)]
    pub(super) merges: Vec<Merge>,
    unk_token: Option<String>,
    #[serde(default)]
    byte_fallback: bool,
    #[serde(default)]
    ignore_merges: bool,
    continuing_subword_prefix: Option<String>,
    end_of_word_suffix: Option<String>,
    dropout: Option<f32>,
}

/// A merge rule: two texts, in older files with a space between.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum Merge {
    Pair(String, String),
    Line(String),
}

impl Merge {
    /// Both texts; `None` where there are not two.
    pub(super) fn parts(&self) -> Option<(&str, &str)> {
        match self {
            Merge::Pair(left, right) => Some((left, right)),
            Merge::Line(line) => line.split_once(' '),
        }
    }
}

/// Numbers of `tokenizer.ggml.token_type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Normal = 1,
    Unknown = 2,
    Control = 3,
    UserDefined = 4,
    Unused = 5,
    Byte = 6,
}

/// Most tokens; the largest vocabularies have 260,000.
const TOKEN_LIMIT: usize = 1 << 21;

/// Adds `tokenizer.ggml.{model,pre,tokens,token_type,merges,scores}` for an embedding of `rows` rows.
pub(super) fn write(
    json: &Value,
    rows: usize,
    metadata: &mut MetadataBuilder,
    notes: &mut Vec<Note>,
) -> Result<Vocabulary, ImportError> {
    let json = Json::deserialize(json).map_err(|error| ImportError::Json {
        file: "tokenizer.json".to_owned(),
        reason: error.to_string(),
    })?;
    check_model(&json.model)?;
    let sentence = json.model.byte_fallback;
    let (tokens, kinds) = list(&json, rows)?;
    notes.extend(
        json.added_tokens
            .iter()
            .filter(|token| token.lstrip || token.rstrip || token.single_word)
            .map(|token| Note::Greedy(token.content.chars().filter(|c| !c.is_control()).take(80).collect())),
    );
    if sentence {
        let prefix = pieces::prefix(&json.normalizer, &json.pre_tokenizer).map_err(ImportError::Tokenizer)?;
        if prefix == pieces::Prefix::First {
            notes.push(Note::PrefixEverywhere);
        }
        let scores = pieces::scores(&tokens, &kinds, &json.model).map_err(ImportError::Tokenizer)?;
        metadata.str("tokenizer.ggml.model", "llama").str("tokenizer.ggml.pre", "default");
        metadata.strings("tokenizer.ggml.tokens", &tokens).f32s("tokenizer.ggml.scores", &scores);
        metadata.bool("tokenizer.ggml.add_space_prefix", prefix != pieces::Prefix::None);
    } else {
        let pre = split(&json).map_err(ImportError::Tokenizer)?;
        let merges: Option<Vec<String>> = json
            .model
            .merges
            .iter()
            .map(|m| m.parts().map(|(left, right)| format!("{left} {right}")))
            .collect();
        let merges =
            merges.ok_or_else(|| ImportError::Tokenizer("a merge rule is not two tokens".to_owned()))?;
        metadata.str("tokenizer.ggml.model", "gpt2").str("tokenizer.ggml.pre", pre);
        metadata.strings("tokenizer.ggml.tokens", &tokens).strings("tokenizer.ggml.merges", &merges);
    }
    let kinds: Vec<i32> = kinds.iter().map(|kind| *kind as i32).collect();
    metadata.i32s("tokenizer.ggml.token_type", &kinds);
    let first = first_token(&json.post_processor);
    let added = json.added_tokens.into_iter().map(|token| (token.content, token.id));
    let unknown = json.model.unk_token;
    let ids = json.model.vocab.into_iter().chain(added).collect();
    Ok(Vocabulary { ids, unknown, first })
}

fn check_model(model: &Bpe) -> Result<(), ImportError> {
    let refuse = |why: &str| Err(ImportError::Tokenizer(why.to_owned()));
    let affix = |text: &Option<String>| text.as_ref().is_some_and(|text| !text.is_empty());
    match model.kind.as_deref() {
        None | Some("BPE") => {}
        Some(other) => {
            return refuse(&format!("its model is {:?} instead of BPE", other.get(..20).unwrap_or(other)));
        }
    }
    if affix(&model.continuing_subword_prefix) || affix(&model.end_of_word_suffix) {
        return refuse("its words have marks at their ends");
    }
    if model.dropout.is_some_and(|dropout| dropout > 0.0) {
        return refuse("it drops merges at random");
    }
    Ok(())
}

/// Texts and kinds by id, filled up to the rows of the embedding.
fn list(json: &Json, rows: usize) -> Result<(Vec<String>, Vec<Kind>), ImportError> {
    let refuse = |why: String| ImportError::Tokenizer(why);
    if rows > TOKEN_LIMIT {
        return Err(refuse(format!("{rows} tokens are more than any real vocabulary has")));
    }
    let (mut tokens, mut kinds) = (vec![String::new(); rows], vec![Kind::Unused; rows]);
    let mut put = |id: u32, text: &str, kind: Kind| {
        let outside = || refuse(format!("token {id} is outside of the embedding of {rows} rows"));
        let at = id as usize;
        let token = tokens.get_mut(at).ok_or_else(outside)?;
        if !token.is_empty() && token != text {
            return Err(refuse(format!("two tokens have the id {id}")));
        }
        text.clone_into(token);
        kinds[at] = kind;
        Ok::<(), ImportError>(())
    };
    for (text, id) in &json.model.vocab {
        let byte = json.model.byte_fallback && is_byte(text);
        put(*id, text, if byte { Kind::Byte } else { Kind::Normal })?;
    }
    for added in &json.added_tokens {
        put(added.id, &added.content, kind_of(added, &json.model))?;
    }
    for (id, text) in tokens.iter_mut().enumerate().filter(|(_, text)| text.is_empty()) {
        // Two tokens may not have one text.
        *text = format!("[PAD{id}]");
    }
    Ok((tokens, kinds))
}

fn kind_of(added: &Added, model: &Bpe) -> Kind {
    let text = added.content.as_str();
    let framed = |start, end| text.starts_with(start) && text.ends_with(end);
    // llama.cpp's list of what a control token looks like, whatever tokenizer.json calls it.
    let looks_special =
        framed("<|", "|>") || framed("<｜", "｜>") || framed("<unused", ">") || text == "<pad>";
    match added.special {
        true if model.byte_fallback && model.unk_token.as_deref() == Some(text) => Kind::Unknown,
        true => Kind::Control,
        false if looks_special => Kind::Control,
        false => Kind::UserDefined,
    }
}

/// Whether the text is `<0x00>` to `<0xFF>`.
fn is_byte(text: &str) -> bool {
    let digits = text.strip_prefix("<0x").and_then(|rest| rest.strip_suffix('>'));
    digits.is_some_and(|digits| digits.len() == 2 && u8::from_str_radix(digits, 16).is_ok())
}

const QWEN2: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const LLAMA3: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

/// The engine's name for how words are cut, by what tokenizer.json does: a guess would give wrong tokens.
fn split(json: &Json) -> Result<&'static str, String> {
    let steps = match &json.pre_tokenizer {
        Value::Object(step) if step.get("type").and_then(Value::as_str) == Some("Sequence") => {
            step["pretokenizers"].as_array().cloned().unwrap_or_default()
        }
        step => vec![step.clone()],
    };
    let byte_level = |step: &Value, regex: bool| {
        step["type"] == "ByteLevel" && step["add_prefix_space"] == false && uses_regex(step) == regex
    };
    let nfc = match json.normalizer["type"].as_str() {
        None => false,
        Some("NFC") => true,
        Some(other) => {
            return Err(format!("its normalizer {:?} is unknown", other.get(..40).unwrap_or(other)));
        }
    };
    let pattern = |step: &Value| {
        let isolated = step["type"] == "Split" && step["behavior"] == "Isolated" && step["invert"] != true;
        isolated.then(|| step["pattern"]["Regex"].as_str().unwrap_or_default().to_owned())
    };
    let whole_words = json.model.ignore_merges;
    let name = match steps.as_slice() {
        [last] if byte_level(last, true) && !nfc && !whole_words => Some("gpt-2"),
        [digits, last]
            if digits["type"] == "Digits"
                && digits["individual_digits"] == true
                && byte_level(last, true) =>
        {
            (!nfc && !whole_words).then_some("smollm")
        }
        [cut, last] if byte_level(last, false) => match pattern(cut).as_deref() {
            Some(QWEN2) if nfc && !whole_words => Some("qwen2"),
            Some(LLAMA3) if !nfc && whole_words => Some("llama-bpe"),
            _ => None,
        },
        _ => None,
    };
    name.ok_or_else(|| {
        let steps: String = json.pre_tokenizer.to_string().chars().take(300).collect();
        format!(
            "it cuts words in a way that is unknown (NFC {nfc}, whole words first {whole_words}): {steps}"
        )
    })
}

/// A `ByteLevel` step cuts words like GPT-2 unless it says that it does not.
fn uses_regex(step: &Value) -> bool {
    step["use_regex"] != false
}

/// The token that a template puts in front of a single text.
fn first_token(processor: &Value) -> Option<String> {
    let template = |step: &Value| {
        let first = step["single"].as_array()?.first()?.as_object()?;
        let id = first
            .get("SpecialToken")
            .and_then(Value::as_object)
            .and_then(|token: &Map<_, _>| token.get("id"));
        Some(id?.as_str()?.to_owned())
    };
    match processor["type"].as_str()? {
        "TemplateProcessing" => template(processor),
        "Sequence" => processor["processors"]
            .as_array()?
            .iter()
            .filter(|step| step["type"] == "TemplateProcessing")
            .find_map(template),
        _ => None,
    }
}
