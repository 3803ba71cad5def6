//! SentencePiece vocabularies that were turned into a `tokenizer.json`: Llama 2, TinyLlama and their kind.
//!
//! SentencePiece joins the two neighbours whose joined piece has the best score. `tokenizer.json` has a list of
//! pairs instead, best first. The list says the same as the scores where it holds every way to cut a piece in
//! two, and all ways of one piece stand together; only such lists are taken.

use super::tokenizer::{Bpe, Kind};
use serde_json::Value;
use std::collections::{HashMap, HashSet};

/// Whether a text gets a space in front.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Prefix {
    /// No.
    None,
    /// Yes, and so does every text that follows a control token.
    Always,
    /// Only where it begins the whole.
    First,
}

/// What is done to the space in front of a text. Anything else than SentencePiece's sign for a space is refused.
pub(super) fn prefix(normalizer: &Value, pre_tokenizer: &Value) -> Result<Prefix, String> {
    let unknown = || {
        let text: String = format!("{normalizer} and {pre_tokenizer}").chars().take(300).collect();
        format!("its spaces are treated in a way that is unknown: {text}")
    };
    let steps = match normalizer["type"].as_str() {
        None => vec![],
        Some("Sequence") => normalizer["normalizers"].as_array().cloned().unwrap_or_default(),
        Some(_) => vec![normalizer.clone()],
    };
    let prepends = |step: &Value| step["type"] == "Prepend" && step["prepend"] == "▁";
    let replaces = |step: &Value| {
        step["type"] == "Replace" && step["pattern"]["String"] == " " && step["content"] == "▁"
    };
    if pre_tokenizer.is_null() {
        return match steps.as_slice() {
            [first, second] if prepends(first) && replaces(second) => Ok(Prefix::Always),
            [only] if replaces(only) => Ok(Prefix::None),
            _ => Err(unknown()),
        };
    }
    let metaspace = pre_tokenizer["type"] == "Metaspace"
        && pre_tokenizer["replacement"] == "▁"
        && pre_tokenizer["split"] == false;
    match pre_tokenizer["prepend_scheme"].as_str() {
        Some("always") if metaspace && steps.is_empty() => Ok(Prefix::Always),
        Some("first") if metaspace && steps.is_empty() => Ok(Prefix::First),
        Some("never") if metaspace && steps.is_empty() => Ok(Prefix::None),
        _ => Err(unknown()),
    }
}

/// A score for every token: minus the place of its merges. Tokens that nothing is joined to come last.
pub(super) fn scores(tokens: &[String], kinds: &[Kind], model: &Bpe) -> Result<Vec<f32>, String> {
    let ids: HashMap<&str, usize> = (tokens.iter().enumerate())
        .filter(|(id, _)| kinds[*id] == Kind::Normal)
        .map(|(id, text)| (text.as_str(), id))
        .collect();
    let worst = -(model.merges.len() as f32) - 1.0;
    let mut scores = vec![worst; tokens.len()];
    let mut joined = HashSet::new();
    let mut merges = model.merges.iter().map(|merge| merge.parts()).peekable();
    let mut rank = 0;
    while let Some(merge) = merges.next() {
        let (left, right) = merge.ok_or("a merge rule is not two tokens")?;
        let whole = format!("{left}{right}");
        let same = |next: &Option<(&str, &str)>| {
            next.is_some_and(|(a, b)| whole.strip_prefix(a) == Some(b) && whole.len() == a.len() + b.len())
        };
        let mut ways = 1;
        while merges.next_if(same).is_some() {
            ways += 1;
        }
        // A rule with a part that is no piece can never apply.
        let Some(&id) = ids.get(whole.as_str()) else { continue };
        if !joined.insert(id) || ways != self::ways(&whole, &ids) {
            return Err("its merges are not those of a SentencePiece vocabulary".to_owned());
        }
        scores[id] = -(rank as f32);
        rank += 1;
    }
    let reachable = |(&text, &id): (&&str, &usize)| joined.contains(&id) || ways(text, &ids) == 0;
    if ids.iter().all(reachable) {
        Ok(scores)
    } else {
        Err("its merges do not lead to every piece of the vocabulary".to_owned())
    }
}

/// In how many ways a piece is two pieces.
fn ways(piece: &str, ids: &HashMap<&str, usize>) -> usize {
    let cuts = piece.char_indices().skip(1).map(|(at, _)| piece.split_at(at));
    cuts.filter(|(left, right)| ids.contains_key(left) && ids.contains_key(right)).count()
}
