//! The engine on this machine as a model.

use super::{
    Cancel, Choice, End, Finish, Heard, Message, Model, ModelError, Prompt, Timings, ToolCall, ToolSpec,
    Usage,
};
use crate::call::{self, CallParser, Piece};
use engine::adapter::Loaded;
use engine::text::Special;
use engine::{Constraint, Engine, Event, FinishReason, Request, SubmitError};
use serde_json::Value;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

/// How long a cancelled answer may go unnoticed.
const GLANCE: Duration = Duration::from_millis(20);

/// The engine, with or without an adapter.
#[derive(Clone, Debug)]
pub struct LocalModel {
    engine: Arc<Engine>,
    name: String,
    adapter: Option<Arc<Loaded>>,
}

impl LocalModel {
    /// The model that `engine` runs, under its public name.
    pub fn new(engine: Arc<Engine>, name: impl Into<String>, adapter: Option<Arc<Loaded>>) -> LocalModel {
        LocalModel { engine, name: name.into(), adapter }
    }

    fn request(&self, prompt: &Prompt) -> Result<Request, ModelError> {
        let model = self.engine.model();
        let tools: Vec<Value> = match prompt.choice {
            Choice::None => Vec::new(),
            _ => prompt.tools.iter().map(ToolSpec::json).collect(),
        };
        let mut messages: Vec<_> = prompt.messages.iter().map(written).collect();
        if !tools.is_empty() && !model.takes_tools() {
            tell(&mut messages, &tools);
        }
        let refused = |error: engine::text::TextError| ModelError::Refused(error.to_string());
        let mut tokens = model.chat_prompt_with_tools(&messages, &tools).map_err(refused)?;
        tokens.extend(model.tokenizer.encode(&prompt.opening, Special::Text).map_err(refused)?);
        let default = engine::Sampling::default();
        let asked = prompt.sampling;
        // The engine refuses what does not fit; here it is a limit, and the window is one too.
        let room = self.engine.context().saturating_sub(tokens.len()).max(1);
        Ok(Request {
            prompt: tokens,
            max_tokens: prompt.max_tokens.map(|most| most.min(room)),
            sampling: engine::Sampling {
                temperature: asked.temperature.unwrap_or(default.temperature),
                top_p: asked.top_p.unwrap_or(default.top_p),
                seed: asked.seed,
                ..default
            },
            adapter: self.adapter.clone(),
            ..Request::default()
        })
    }
}

/// Puts the tools into the system message.
fn tell(messages: &mut Vec<engine::text::Message>, tools: &[Value]) {
    let instructions = call::instructions(tools);
    match messages.first_mut() {
        Some(first) if first.role == "system" => {
            first.content = format!("{}\n\n{instructions}", first.content)
        }
        _ => messages.insert(0, engine::text::Message { role: "system".to_owned(), content: instructions }),
    }
}

/// The form of a call, where one is asked for.
fn form(model: &engine::Model, prompt: &Prompt) -> Result<Option<Constraint>, ModelError> {
    let asked = |tool: &&ToolSpec| match &prompt.choice {
        Choice::Auto | Choice::None => false,
        Choice::Required => true,
        Choice::Named(name) => tool.name == *name,
    };
    let tools: Vec<_> = prompt.tools.iter().filter(asked).collect();
    if tools.is_empty() {
        return Ok(None);
    }
    let tools: Vec<_> = tools.iter().map(|tool| (tool.name.clone(), tool.parameters.clone())).collect();
    model.tool_call(&tools).map(Some).map_err(|error| ModelError::Refused(error.to_string()))
}

impl Model for LocalModel {
    fn name(&self) -> &str {
        &self.name
    }

    fn window(&self) -> usize {
        self.engine.context()
    }

    fn count(&self, text: &str) -> usize {
        // A text that is too long to count is too long for every window.
        self.engine.model().tokenizer.encode(text, Special::Text).map_or(text.len(), |tokens| tokens.len())
    }

    fn ask(&self, prompt: &Prompt, cancel: &Cancel, hear: &mut dyn FnMut(Heard)) -> Result<End, ModelError> {
        let (sender, events) = mpsc::channel();
        let request = self.request(prompt)?;
        let form = form(self.engine.model(), prompt)?;
        let sent = move |event| drop(sender.send(event));
        let ticket = self.engine.submit_formed(request, form, sent).map_err(refused)?;
        let mut calls = CallParser::new(prompt.tools.iter().map(|tool| tool.name.as_str()));
        let mut called = false;
        let mut tell = |pieces: Vec<Piece>| {
            for piece in pieces {
                called |= matches!(piece, Piece::Call { .. });
                hear(heard(piece));
            }
        };
        loop {
            if cancel.is_set() {
                ticket.cancel();
            }
            match events.recv_timeout(GLANCE) {
                Err(RecvTimeoutError::Timeout) | Ok(Event::Prefill { .. }) => {}
                Ok(Event::Token { text, .. }) => tell(calls.push(&text)),
                Ok(Event::Done { text, reason, usage, timings }) => {
                    tell(calls.push(&text));
                    tell(calls.finish());
                    return Ok(end(reason, called, usage, timings));
                }
                Ok(Event::Failed(why)) => return Err(ModelError::Failed(why)),
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(ModelError::Failed("the engine has stopped; start hone again".to_owned()));
                }
            }
        }
    }
}

/// A message as the template takes it: calls are written as the model wrote them.
pub(crate) fn written(message: &Message) -> engine::text::Message {
    let mut content = message.text();
    for ToolCall { name, arguments, .. } in &message.calls {
        let line = if content.is_empty() { "" } else { "\n" };
        content.push_str(&format!("{line}{}", call::written(name, arguments)));
    }
    engine::text::Message { role: message.role.to_string(), content }
}

fn heard(piece: Piece) -> Heard {
    static COUNT: AtomicU64 = AtomicU64::new(1);
    match piece {
        Piece::Text(text) => Heard::Text(text),
        Piece::Call { name, arguments } => {
            let id = format!("call_{:08x}", COUNT.fetch_add(1, Ordering::Relaxed));
            Heard::Call(ToolCall { id, name, arguments })
        }
    }
}

fn end(reason: FinishReason, called: bool, usage: engine::Usage, timings: engine::Timings) -> End {
    let ms = |time: Duration| (time.as_secs_f64() * 1e6).round() / 1e3;
    End {
        finish: match reason {
            FinishReason::Cancelled => Finish::Cancelled,
            FinishReason::Length => Finish::Length,
            FinishReason::Stop if called => Finish::ToolCalls,
            FinishReason::Stop => Finish::Stop,
        },
        usage: Usage {
            prompt_tokens: usage.prompt_tokens,
            cached_tokens: usage.cached_tokens,
            completion_tokens: usage.completion_tokens,
        },
        timings: Timings {
            queued_ms: ms(timings.queued),
            prefill_ms: ms(timings.prefill),
            decode_ms: ms(timings.decode),
        },
    }
}

fn refused(error: SubmitError) -> ModelError {
    let why = error.to_string();
    match error {
        SubmitError::ContextLengthExceeded { .. } => ModelError::TooLong(why),
        SubmitError::Busy { .. } => ModelError::Busy(why),
        SubmitError::Stopped => ModelError::Failed(why),
        _ => ModelError::Refused(why),
    }
}
