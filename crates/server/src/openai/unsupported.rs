//! Fields of OpenAI's and of other servers' APIs that would change the answer, and are not implemented.
//!
//! A client that sends one gets an error, unless the value asks for nothing. Other unknown fields do no harm
//! and are ignored.

use crate::error::ApiError;
use serde_json::Value;

/// Whether a value asks for nothing.
type Harmless = fn(&Value) -> bool;

/// Of both kinds of completions.
const COMMON: &[(&str, Harmless)] = &[
    ("logit_bias", is_empty),
    ("grammar", is_empty),
    ("json_schema", is_empty),
    ("guided_json", is_empty),
    ("guided_regex", is_empty),
    ("guided_choice", is_empty),
    ("guided_grammar", is_empty),
    ("structured_outputs", is_empty),
];

/// Of chats.
const CHAT: &[(&str, Harmless)] = &[
    ("functions", is_empty),
    ("function_call", |value| is_word(value, &["none", "auto"])),
    ("modalities", |value| value.as_array().is_some_and(|all| all.iter().all(|one| is_word(one, &["text"])))),
    ("audio", is_empty),
    ("web_search_options", |_| false),
    ("reasoning_effort", |value| is_word(value, &["none"])),
    ("verbosity", |value| is_word(value, &["medium"])),
    ("chat_template", is_empty),
    ("chat_template_kwargs", is_empty),
    ("continue_final_message", is_false),
];

/// Of text completions.
const COMPLETIONS: &[(&str, Harmless)] = &[("best_of", |value| value.as_u64() == Some(1))];

/// Refuses a chat that asks for what is not implemented.
pub(crate) fn check_chat(body: &Value) -> Result<(), ApiError> {
    check(body, CHAT)
}

/// Refuses a completion that asks for what is not implemented.
pub(crate) fn check_completion(body: &Value) -> Result<(), ApiError> {
    check(body, COMPLETIONS)
}

fn check(body: &Value, own: &[(&str, Harmless)]) -> Result<(), ApiError> {
    for (field, harmless) in COMMON.iter().chain(own) {
        if body.get(field).is_some_and(|value| !value.is_null() && !harmless(value)) {
            let message = format!("{field} is not supported here; leave it out");
            return Err(ApiError::unsupported(*field, message));
        }
    }
    Ok(())
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        Value::String(text) => text.is_empty(),
        _ => false,
    }
}

fn is_false(value: &Value) -> bool {
    *value == Value::Bool(false)
}

fn is_word(value: &Value, words: &[&str]) -> bool {
    value.as_str().is_some_and(|word| words.contains(&word))
}
