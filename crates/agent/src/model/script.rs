//! A model that reads its answers from a script: it makes everything around a model testable.

use super::{Cancel, End, Finish, Heard, Model, ModelError, Prompt, Timings, ToolCall, Usage};
use serde_json::Value;
use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

/// One answer of a script.
#[derive(Clone, Debug)]
pub enum Line {
    /// These pieces of text.
    Text(Vec<String>),
    /// Calls of tools: names and arguments.
    Calls(Vec<(String, Value)>),
    /// It fails.
    Fails(ModelError),
}

impl Line {
    /// An answer, heard word by word.
    pub fn text(text: &str) -> Line {
        Line::Text(text.split_inclusive(' ').map(str::to_owned).collect())
    }

    /// One call.
    pub fn call(name: &str, arguments: Value) -> Line {
        Line::Calls(vec![(name.to_owned(), arguments)])
    }
}

/// Gives the lines of a script, one for each prompt, and keeps the prompts. A token is a word.
#[derive(Debug)]
pub struct ScriptedModel {
    window: usize,
    lines: Mutex<VecDeque<Line>>,
    prompts: Mutex<Vec<Prompt>>,
}

impl ScriptedModel {
    /// A model with a window of so many words.
    pub fn new(window: usize, lines: impl IntoIterator<Item = Line>) -> ScriptedModel {
        let lines = Mutex::new(lines.into_iter().collect());
        ScriptedModel { window, lines, prompts: Mutex::default() }
    }

    /// What it was asked so far.
    pub fn prompts(&self) -> Vec<Prompt> {
        self.prompts.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Model for ScriptedModel {
    fn name(&self) -> &str {
        "script"
    }

    fn window(&self) -> usize {
        self.window
    }

    fn count(&self, text: &str) -> usize {
        text.split_whitespace().count()
    }

    fn ask(&self, prompt: &Prompt, cancel: &Cancel, hear: &mut dyn FnMut(Heard)) -> Result<End, ModelError> {
        let asked = {
            let mut prompts = self.prompts.lock().unwrap_or_else(PoisonError::into_inner);
            prompts.push(prompt.clone());
            prompts.len()
        };
        let line = self.lines.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        let mut usage = Usage {
            prompt_tokens: prompt.messages.iter().map(|message| self.count(&message.text())).sum(),
            ..Usage::default()
        };
        let mut finish = Finish::Stop;
        match line {
            None => return Err(ModelError::Failed("the script has ended".to_owned())),
            Some(Line::Fails(error)) => return Err(error),
            Some(Line::Text(pieces)) => {
                for piece in pieces {
                    if cancel.is_set() {
                        finish = Finish::Cancelled;
                        break;
                    }
                    usage.completion_tokens += self.count(&piece);
                    hear(Heard::Text(piece));
                }
            }
            Some(Line::Calls(calls)) => {
                finish = Finish::ToolCalls;
                for (i, (name, arguments)) in calls.into_iter().enumerate() {
                    hear(Heard::Call(ToolCall { id: format!("call-{asked}-{i}"), name, arguments }));
                }
            }
        }
        Ok(End { finish, usage, timings: Timings::default() })
    }
}
