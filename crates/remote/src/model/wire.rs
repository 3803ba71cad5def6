//! Prompts and errors as the OpenAI API writes them.

use agent::model::{Choice, Prompt};
use agent::{Message, ModelError};
use serde_json::{Value, json};

/// The body of a request.
pub(super) fn body(model: &str, prompt: &Prompt) -> Value {
    let mut messages: Vec<Value> = prompt.messages.iter().map(message).collect();
    if !prompt.opening.is_empty() {
        // Servers of open models go on with a last message of the assistant.
        messages.push(json!({"role": "assistant", "content": prompt.opening}));
    }
    let mut body = json!({
        "model": model,
        "messages": messages,
        "stream": true,
        "stream_options": {"include_usage": true},
    });
    let sampling = &prompt.sampling;
    let fields = [
        ("temperature", sampling.temperature.map(Value::from)),
        ("top_p", sampling.top_p.map(Value::from)),
        // Servers read it as a signed number.
        ("seed", sampling.seed.map(|seed| Value::from(seed & i64::MAX as u64))),
        ("max_tokens", prompt.max_tokens.map(Value::from)),
    ];
    for (name, value) in fields {
        if let Some(value) = value {
            body[name] = value;
        }
    }
    if !prompt.tools.is_empty() {
        body["tools"] = prompt.tools.iter().map(|tool| tool.json()).collect();
        body["tool_choice"] = match &prompt.choice {
            Choice::Auto => "auto".into(),
            Choice::None => "none".into(),
            Choice::Required => "required".into(),
            Choice::Named(name) => json!({"type": "function", "function": {"name": name}}),
        };
    }
    body
}

fn message(message: &Message) -> Value {
    let mut json = json!({"role": message.role.as_str(), "content": message.text()});
    if !message.calls.is_empty() {
        let call = |call: &agent::ToolCall| {
            let arguments = call.arguments.to_string();
            json!({"id": call.id, "type": "function", "function": {"name": call.name, "arguments": arguments}})
        };
        json["tool_calls"] = message.calls.iter().map(call).collect();
    }
    if let Some(id) = &message.call_id {
        json["tool_call_id"] = id.as_str().into();
    }
    json
}

/// What a status and an error body mean.
pub(super) fn refusal(host: &str, has_key: bool, status: u16, body: &[u8]) -> ModelError {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let error = &body["error"];
    let said = error["message"].as_str().or(error.as_str()).or(body["message"].as_str()).unwrap_or_default();
    let said: String = said.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(300).collect();
    // OpenAI has a code for it, llama.cpp a type.
    let too_long = error["code"] == "context_length_exceeded" || error["type"] == "exceed_context_size_error";
    let said = if said.is_empty() { format!("status {status}") } else { said };
    match status {
        _ if too_long => ModelError::TooLong(format!("{host}: {said}")),
        413 => ModelError::TooLong(format!("{host}: {said}")),
        401 | 403 if has_key => ModelError::Refused(format!("{host} does not take the key: {said}")),
        401 | 403 => ModelError::Refused(format!("{host} wants a key: {said}")),
        404 => ModelError::Refused(format!("{host} does not know this model or address: {said}")),
        429 | 503 => ModelError::Busy(format!("{host} has too much to do: {said}")),
        300..=399 => ModelError::Refused(format!(
            "{host} answers with a redirect, which is not followed; check the address"
        )),
        400..=499 => ModelError::Refused(format!("{host} refuses the prompt: {said}")),
        _ => ModelError::Failed(format!("{host} failed: {said}")),
    }
}
