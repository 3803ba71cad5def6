//! Tokens with a role, and the chat template: `tokenizer_config.json`, `generation_config.json` and others.

use super::tokenizer::Vocabulary;
use super::{ImportError, files};
use crate::gguf::MetadataBuilder;
use crate::text::ChatTemplate;
use serde_json::Value;
use std::path::Path;

/// Adds the ids of special tokens, whether a text begins with one, and the chat template.
pub(super) fn write(
    folder: &Path,
    config: &Value,
    vocabulary: &Vocabulary,
    metadata: &mut MetadataBuilder,
) -> Result<(), ImportError> {
    let tokenizer = files::find_json(folder, "tokenizer_config.json")?.unwrap_or_default();
    let generation = files::find_json(folder, "generation_config.json")?.unwrap_or_default();
    let named = |role: &str| {
        let entry = &tokenizer[format!("{role}_token")];
        let text = entry.as_str().or(entry["content"].as_str())?;
        vocabulary.ids.get(text).copied()
    };
    let known = |id: &u32| vocabulary.ids.values().any(|other| other == id);
    let configured = |role: &str| ids(config, role).into_iter().find(known);

    let bos = named("bos").or_else(|| configured("bos"));
    let eos = named("eos").or_else(|| configured("eos"));
    let unknown = vocabulary.unknown.as_ref().and_then(|text| vocabulary.ids.get(text).copied());
    let mut write = |key: &str, id: Option<u32>| {
        if let Some(id) = id {
            metadata.u32(&format!("tokenizer.ggml.{key}_token_id"), id);
        }
    };
    write("bos", bos);
    write("eos", eos);
    write("unknown", named("unk").or(unknown));
    write("padding", named("pad"));
    // An answer may end in more than one way; GGUF has two more places for that.
    let mut others: Vec<u32> = ids(&generation, "eos").into_iter().chain(ids(config, "eos")).collect();
    others.retain(|id| Some(*id) != eos && known(id));
    others.dedup();
    write("eot", others.first().copied());
    write("eom", others.iter().find(|id| Some(*id) != others.first()).copied());

    let template = vocabulary.first.as_ref().and_then(|text| vocabulary.ids.get(text));
    let by_template = bos.is_some() && template == bos.as_ref();
    let add_bos = tokenizer["add_bos_token"].as_bool().unwrap_or(by_template);
    metadata.bool("tokenizer.ggml.add_bos_token", add_bos);
    if let Some(template) = chat_template(folder, &tokenizer)? {
        ChatTemplate::new(&template)?;
        metadata.str("tokenizer.chat_template", &template);
    }
    Ok(())
}

/// `{role}_token_id`: nothing, a number or several.
fn ids(json: &Value, role: &str) -> Vec<u32> {
    let id = |value: &Value| value.as_u64().and_then(|id| u32::try_from(id).ok());
    match &json[format!("{role}_token_id")] {
        Value::Array(several) => several.iter().filter_map(id).collect(),
        one => id(one).into_iter().collect(),
    }
}

/// The template, which has been kept in three places over the years.
fn chat_template(folder: &Path, tokenizer: &Value) -> Result<Option<String>, ImportError> {
    if let Some(text) = files::find_text(folder, "chat_template.jinja")? {
        return Ok(Some(text));
    }
    let apart = files::find_json(folder, "chat_template.json")?.unwrap_or_default();
    let template = if apart.is_null() { &tokenizer["chat_template"] } else { &apart["chat_template"] };
    let named = || {
        let default = template.as_array()?.iter().find(|entry| entry["name"] == "default")?;
        default["template"].as_str()
    };
    Ok(template.as_str().or_else(named).map(str::to_owned))
}
