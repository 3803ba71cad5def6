//! An answer as server-sent events.

use agent::ToolCall;
use agent::model::{End, Finish, Heard, Timings, Usage};
use serde::Deserialize;
use serde_json::Value;

/// Longest event.
const MOST_EVENT: usize = 1 << 20;
/// Bytes of a whole answer.
const MOST: usize = 32 << 20;
/// Calls of one answer.
const MOST_CALLS: usize = 64;

/// What came so far.
#[derive(Debug, Default)]
pub(super) struct Stream {
    /// The beginning of a line.
    line: Vec<u8>,
    bytes: usize,
    calls: Vec<Part>,
    finish: Option<Finish>,
    usage: Usage,
    timings: Timings,
}

/// A call whose arguments come in pieces.
#[derive(Debug, Default)]
struct Part {
    id: String,
    name: String,
    arguments: String,
}

#[derive(Deserialize)]
struct Event {
    #[serde(default)]
    choices: Vec<Choice>,
    #[serde(default)]
    usage: Option<Tokens>,
    #[serde(default)]
    timings: Option<Value>,
    #[serde(default)]
    error: Option<Value>,
}

#[derive(Deserialize)]
struct Choice {
    #[serde(default)]
    delta: Delta,
    #[serde(default)]
    finish_reason: Option<String>,
}

#[derive(Default, Deserialize)]
struct Delta {
    #[serde(default)]
    content: Option<String>,
    #[serde(default)]
    tool_calls: Option<Vec<CallDelta>>,
}

#[derive(Deserialize)]
struct CallDelta {
    #[serde(default)]
    index: usize,
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    function: FunctionDelta,
}

#[derive(Default, Deserialize)]
struct FunctionDelta {
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    arguments: Option<String>,
}

#[derive(Deserialize)]
struct Tokens {
    #[serde(default)]
    prompt_tokens: usize,
    #[serde(default)]
    completion_tokens: usize,
    #[serde(default)]
    prompt_tokens_details: Option<Value>,
}

impl Stream {
    /// Takes bytes; the end of the answer once it is complete.
    pub(super) fn push(&mut self, bytes: &[u8], hear: &mut dyn FnMut(Heard)) -> Result<Option<End>, String> {
        self.bytes += bytes.len();
        if self.bytes > MOST {
            return Err(format!("its answer has more than {MOST} bytes"));
        }
        for piece in bytes.split_inclusive(|&byte| byte == b'\n') {
            self.line.extend_from_slice(piece);
            if self.line.len() > MOST_EVENT {
                return Err(format!("an event of its answer has more than {MOST_EVENT} bytes"));
            }
            if piece.ends_with(b"\n") {
                let line = std::mem::take(&mut self.line);
                let line = String::from_utf8_lossy(&line);
                // Comments keep a connection open, other fields say nothing here.
                if let Some(data) = line.strip_prefix("data:").map(str::trim)
                    && !data.is_empty()
                {
                    if data == "[DONE]" {
                        return self.end(hear).map(Some);
                    }
                    self.event(data, hear)?;
                }
            }
        }
        Ok(None)
    }

    /// The connection has ended: an answer that did not say so is cut off.
    pub(super) fn end(&mut self, hear: &mut dyn FnMut(Heard)) -> Result<End, String> {
        let mut finish = self.finish.ok_or("the connection ended in the middle of the answer")?;
        for Part { id, name, arguments } in std::mem::take(&mut self.calls) {
            finish = Finish::ToolCalls;
            let text = if arguments.trim().is_empty() { "{}" } else { &arguments };
            // Arguments that are not JSON go on as text: the tool refuses them and the model hears why.
            let arguments = serde_json::from_str(text).unwrap_or_else(|_| Value::from(text));
            hear(Heard::Call(ToolCall { id, name, arguments }));
        }
        Ok(End { finish, usage: self.usage, timings: self.timings })
    }

    fn event(&mut self, data: &str, hear: &mut dyn FnMut(Heard)) -> Result<(), String> {
        let event: Event = serde_json::from_str(data)
            .map_err(|error| format!("an event of its answer is wrong: {error}"))?;
        if let Some(error) = event.error.filter(|error| !error.is_null()) {
            let said = error["message"].as_str().or(error.as_str()).unwrap_or("it failed");
            return Err(said.chars().take(300).collect());
        }
        if let Some(tokens) = event.usage {
            let cached = tokens.prompt_tokens_details.and_then(|details| details["cached_tokens"].as_u64());
            self.usage = Usage {
                prompt_tokens: tokens.prompt_tokens,
                cached_tokens: cached.unwrap_or(0) as usize,
                completion_tokens: tokens.completion_tokens,
            };
        }
        if let Some(timings) = event.timings {
            let ms = |field: &str| timings[field].as_f64().unwrap_or(0.0);
            self.timings = Timings {
                queued_ms: ms("queued_ms"),
                prefill_ms: ms("prefill_ms"),
                decode_ms: ms("decode_ms"),
            };
        }
        for choice in event.choices.into_iter().take(1) {
            if let Some(text) = choice.delta.content.filter(|text| !text.is_empty()) {
                hear(Heard::Text(text));
            }
            for call in choice.delta.tool_calls.into_iter().flatten() {
                self.call(call)?;
            }
            self.finish = choice.finish_reason.as_deref().map(finish).or(self.finish);
        }
        Ok(())
    }

    fn call(&mut self, delta: CallDelta) -> Result<(), String> {
        if delta.index >= MOST_CALLS {
            return Err(format!("its answer calls more than {MOST_CALLS} tools"));
        }
        if self.calls.len() <= delta.index {
            self.calls.resize_with(delta.index + 1, Part::default);
        }
        let part = &mut self.calls[delta.index];
        part.id = delta.id.filter(|id| !id.is_empty()).unwrap_or_else(|| std::mem::take(&mut part.id));
        part.name.push_str(&delta.function.name.unwrap_or_default());
        part.arguments.push_str(&delta.function.arguments.unwrap_or_default());
        Ok(())
    }
}

fn finish(reason: &str) -> Finish {
    match reason {
        "length" => Finish::Length,
        "tool_calls" | "function_call" => Finish::ToolCalls,
        _ => Finish::Stop,
    }
}

/// The end of an answer that nobody wants any more.
pub(super) fn cancelled() -> End {
    End { finish: Finish::Cancelled, usage: Usage::default(), timings: Timings::default() }
}
