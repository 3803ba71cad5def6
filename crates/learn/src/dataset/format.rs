//! The shapes that rows come in, and how each becomes an [`Example`].

use std::fmt;
use std::str::FromStr;

use engine::text::Message;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::dataset::{DatasetError, Example};

/// The shape of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// `messages`: a list of `role` and `content`, as in OpenAI's API.
    Messages,
    /// `conversations`: a list of `from` and `value`.
    Sharegpt,
    /// `instruction`, `input` and `output`; the input, where there is one, follows the instruction after a
    /// blank line. `context` and `response` are other names of the last two.
    Alpaca,
    /// `prompt` and `completion`, `prompt` and `response`, or `question` and `answer`: texts, or lists of
    /// messages.
    PromptCompletion,
}

type Row = Map<String, Value>;

/// Columns that hold a conversation.
const CONVERSATIONS: [&str; 3] = ["messages", "conversations", "conversation"];
/// Columns of a question, and what its answer may be called.
const PAIRS: [(&str, &[&str]); 2] = [("prompt", &["completion", "response"]), ("question", &["answer"])];
const INPUTS: [&str; 2] = ["input", "context"];
const OUTPUTS: [&str; 2] = ["output", "response"];

impl Format {
    /// Every format, with its name.
    pub const NAMES: [(&str, Format); 4] = [
        ("alpaca", Format::Alpaca),
        ("sharegpt", Format::Sharegpt),
        ("messages", Format::Messages),
        ("prompt-completion", Format::PromptCompletion),
    ];

    /// The format that has the columns of this row.
    pub fn recognise(row: &Value) -> Option<Format> {
        let row = row.as_object()?;
        if let Some(turns) = CONVERSATIONS.iter().find_map(|name| row.get(*name)) {
            let sharegpt = turns.get(0).is_some_and(|turn| turn.get("from").is_some());
            return Some(if sharegpt { Format::Sharegpt } else { Format::Messages });
        }
        let has = |names: &[&str]| names.iter().any(|name| row.contains_key(*name));
        if has(&["instruction"]) && has(&OUTPUTS) {
            return Some(Format::Alpaca);
        }
        let pair = PAIRS.iter().any(|(question, answers)| has(&[question]) && has(answers));
        pair.then_some(Format::PromptCompletion)
    }

    /// The example that a row of this format holds; `None` where it says nothing, and otherwise what is wrong.
    pub(crate) fn example(self, row: &Value) -> Result<Option<Example>, String> {
        let row = row.as_object().ok_or("the row is no object")?;
        let messages = match self {
            Format::Messages => turns(column(row, &CONVERSATIONS)?, "role", "content")?,
            Format::Sharegpt => turns(column(row, &CONVERSATIONS)?, "from", "value")?,
            Format::Alpaca => alpaca(row)?,
            Format::PromptCompletion => pair(row)?,
        };
        Ok(complete(messages).map(|example| beside(row, example)))
    }
}

/// The messages as an example, if a question and an answer are there. A blank instruction says nothing and
/// goes; any other blank message makes the row an empty one.
fn complete(mut messages: Vec<Message>) -> Option<Example> {
    let blank = |message: &Message| message.content.trim().is_empty();
    messages.retain(|message| message.role != "system" || !blank(message));
    let answered = messages.iter().any(|message| message.role == "assistant");
    (answered && !messages.iter().any(blank)).then_some(Example::new(messages))
}

/// What `hone export` writes beside the messages. A blank instruction that went was never given.
fn beside(row: &Row, example: Example) -> Example {
    let given = row.get("given").and_then(Value::as_u64).map_or(0, |given| given as usize);
    let weight = row.get("weight").and_then(Value::as_f64).map_or(1.0, |weight| weight as f32);
    let weight = if weight.is_finite() && weight > 0.0 { weight } else { 1.0 };
    // The last answer is always one to learn.
    let last = example.messages.iter().rposition(|message| message.role == "assistant").unwrap_or(0);
    Example { given: given.min(last), weight, ..example }
}

fn alpaca(row: &Row) -> Result<Vec<Message>, String> {
    let instruction = text(column(row, &["instruction"])?, "instruction")?;
    let output = text(column(row, &OUTPUTS)?, "output")?;
    let input = column(row, &INPUTS).map_or(Ok(""), |value| text(value, "input"))?;
    // An input without an instruction is no task.
    let question = match (instruction.trim().is_empty(), input.trim().is_empty()) {
        (false, false) => format!("{instruction}\n\n{input}"),
        _ => instruction.to_owned(),
    };
    with_system(row, vec![message("user", &question), message("assistant", output)])
}

fn pair(row: &Row) -> Result<Vec<Message>, String> {
    let (name, answers) = PAIRS
        .into_iter()
        .find(|(question, _)| row.contains_key(*question))
        .ok_or("there is no `prompt` and no `question`")?;
    let mut messages = spoken(&row[name], "user", name)?;
    messages.extend(spoken(column(row, answers)?, "assistant", answers[0])?);
    with_system(row, messages)
}

/// A text of `role`, or a list of messages.
fn spoken(value: &Value, role: &str, name: &str) -> Result<Vec<Message>, String> {
    match value {
        Value::Array(_) => turns(value, "role", "content"),
        _ => Ok(vec![message(role, text(value, name)?)]),
    }
}

/// Puts the instruction of a row before its messages.
fn with_system(row: &Row, mut messages: Vec<Message>) -> Result<Vec<Message>, String> {
    if let Some(system) = row.get("system") {
        messages.insert(0, message("system", text(system, "system")?));
    }
    Ok(messages)
}

fn turns(list: &Value, role_key: &str, content_key: &str) -> Result<Vec<Message>, String> {
    let list = match list {
        Value::Array(list) => list.as_slice(),
        Value::Null => &[],
        _ => return Err("the conversation is no list".to_owned()),
    };
    let turn = |turn: &Value| {
        let turn = turn.as_object().ok_or("a turn is no object")?;
        let role = role(text(column(turn, &[role_key])?, role_key)?)?;
        if turn.get("tool_calls").is_some_and(|calls| !calls.is_null() && calls != &Value::Array(Vec::new()))
        {
            return Err("a turn calls tools, which cannot be learned yet".to_owned());
        }
        Ok(message(role, &content(column(turn, &[content_key])?, content_key)?))
    };
    list.iter().map(turn).collect()
}

/// A text, or a list of parts that are texts.
fn content(value: &Value, name: &str) -> Result<String, String> {
    let Value::Array(parts) = value else { return text(value, name).map(str::to_owned) };
    let part = |part: &Value| match (part.get("type").and_then(Value::as_str), part.get("text")) {
        (Some("text") | None, Some(value)) => text(value, "text").map(str::to_owned),
        _ => Err("a turn holds something else than text".to_owned()),
    };
    parts.iter().map(part).collect()
}

/// The role by any of its usual names.
fn role(name: &str) -> Result<&'static str, String> {
    match name {
        "system" | "developer" => Ok("system"),
        "user" | "human" => Ok("user"),
        "assistant" | "gpt" | "chatgpt" | "bot" | "model" => Ok("assistant"),
        "tool" | "function" | "observation" | "function_response" => Ok("tool"),
        other => Err(format!("`{}` is no role", other.escape_debug().take(40).collect::<String>())),
    }
}

/// The first of these columns that the row has.
fn column<'a>(row: &'a Row, names: &[&str]) -> Result<&'a Value, String> {
    names.iter().find_map(|name| row.get(*name)).ok_or_else(|| format!("there is no `{}`", names[0]))
}

/// A text; nothing where the value is missing.
fn text<'a>(value: &'a Value, name: &str) -> Result<&'a str, String> {
    match value {
        Value::String(text) => Ok(text),
        Value::Null => Ok(""),
        _ => Err(format!("`{name}` is no text")),
    }
}

fn message(role: &str, content: &str) -> Message {
    Message { role: role.to_owned(), content: content.to_owned() }
}

impl FromStr for Format {
    type Err = DatasetError;
    fn from_str(text: &str) -> Result<Format, DatasetError> {
        let found = Format::NAMES.into_iter().find(|(name, _)| *name == text);
        found.map(|(_, format)| format).ok_or_else(|| DatasetError::NoSuchFormat(text.to_owned()))
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = Format::NAMES.iter().find(|(_, format)| format == self).map_or("?", |(name, _)| name);
        f.write_str(name)
    }
}
