//! Log-probabilities in the two shapes of the API.

use engine::text::Tokenizer;
use engine::{TokenInfo, TopLogprob};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::Write;
use utoipa::ToSchema;

/// Of a chat.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ChatLogprobs {
    /// One entry for each token of the text.
    content: Vec<ChatLogprob>,
}

/// One token of a chat.
#[derive(Debug, Serialize, ToSchema)]
struct ChatLogprob {
    /// Its text.
    token: String,
    /// Natural logarithm of its probability under the model.
    logprob: f32,
    /// Its bytes: a token may be a part of a character.
    bytes: Vec<u8>,
    /// The most likely tokens, best first.
    top_logprobs: Vec<ChatTopLogprob>,
}

/// One alternative.
#[derive(Debug, Serialize, ToSchema)]
struct ChatTopLogprob {
    /// Its text.
    token: String,
    /// Natural logarithm of its probability under the model.
    logprob: f32,
    /// Its bytes.
    bytes: Vec<u8>,
}

/// The entries for `tokens`.
pub(crate) fn chat(tokenizer: &Tokenizer, tokens: &[TokenInfo]) -> ChatLogprobs {
    let alternative = |top: &TopLogprob| {
        let bytes = tokenizer.token_bytes(top.id).to_vec();
        ChatTopLogprob { token: lossy(&bytes), logprob: finite(top.logprob), bytes }
    };
    let entry = |token: &TokenInfo| {
        let bytes = tokenizer.token_bytes(token.id).to_vec();
        let top_logprobs = token.top.iter().map(alternative).collect();
        ChatLogprob {
            token: lossy(&bytes),
            logprob: finite(token.logprob.unwrap_or(0.0)),
            bytes,
            top_logprobs,
        }
    };
    ChatLogprobs { content: tokens.iter().map(entry).collect() }
}

/// Of a text completion: four lists of equal length.
#[derive(Debug, Default, Serialize, ToSchema)]
pub(crate) struct CompletionLogprobs {
    /// The text of each token; one that is a part of a character is written `bytes:\xe2\x82`.
    tokens: Vec<String>,
    /// Natural logarithm of its probability under the model.
    token_logprobs: Vec<f32>,
    /// The most likely tokens, and the one that was chosen.
    top_logprobs: Vec<BTreeMap<String, f32>>,
    /// Where each token begins, in characters of the text.
    text_offset: Vec<usize>,
}

/// The entries for `tokens`. `offset` is the characters before them, and is moved on.
pub(crate) fn completion(
    tokenizer: &Tokenizer,
    tokens: &[TokenInfo],
    offset: &mut usize,
) -> CompletionLogprobs {
    let mut lists = CompletionLogprobs::default();
    for token in tokens {
        let bytes = tokenizer.token_bytes(token.id);
        let logprob = finite(token.logprob.unwrap_or(0.0));
        let alternatives =
            token.top.iter().map(|top| (escaped(tokenizer.token_bytes(top.id)), finite(top.logprob)));
        let mut top: BTreeMap<String, f32> = alternatives.collect();
        top.insert(escaped(bytes), logprob);
        lists.tokens.push(escaped(bytes));
        lists.token_logprobs.push(logprob);
        lists.top_logprobs.push(top);
        lists.text_offset.push(*offset);
        // A character counts where it begins: continuation bytes are not counted.
        *offset += bytes.iter().filter(|byte| **byte & 0xC0 != 0x80).count();
    }
    lists
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn escaped(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => bytes.iter().fold("bytes:".to_owned(), |mut text, byte| {
            write!(text, "\\x{byte:02x}").expect("writing to a String does not fail");
            text
        }),
    }
}

/// JSON has no infinity; OpenAI writes -9999 for what cannot happen.
fn finite(logprob: f32) -> f32 {
    if logprob.is_finite() { logprob } else { -9999.0 }
}
