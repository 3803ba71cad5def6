//! Conversations in and out: our own files, and those of ChatGPT, Open WebUI and ShareGPT.
//!
//! A file comes from anywhere. What it says about itself is data: an instruction of the role `system` in it is kept
//! beside the conversation and never instructs a model, and its answers count as another machine's.

mod chatgpt;
mod export;
mod import;
mod open_webui;
mod own;
mod sharegpt;
mod tree;

use crate::{FeedbackKind, Role, Time};
pub use import::Imported;
use serde_json::Value;

/// A conversation of a file.
#[derive(Clone, Debug, PartialEq)]
pub struct Conversation {
    /// The program that has written it.
    pub program: Program,
    /// Its name there.
    pub id: Option<String>,
    /// What it is about.
    pub title: String,
    /// When it was begun.
    pub created: Option<Time>,
    /// The model that has answered.
    pub model: Option<String>,
    /// Folder of the project that it is about.
    pub project: Option<String>,
    /// Instructions of the role `system`, as information.
    pub system: Vec<String>,
    /// Parents before children.
    pub turns: Vec<Turn>,
    /// The end of the branch that is shown, as a place in `turns`.
    pub leaf: Option<usize>,
    /// Messages that hold no text, or belong nowhere.
    pub left_out: usize,
    /// The user says that all of it is his own: answers may be learned from, and reactions count. No file says so.
    pub own: bool,
}

/// A message of a file.
#[derive(Clone, Debug, PartialEq)]
pub struct Turn {
    /// The message before it, as a place in the list.
    pub parent: Option<usize>,
    /// Who speaks; never `system`.
    pub role: Role,
    /// What is said.
    pub text: String,
    /// When.
    pub created: Option<Time>,
    /// The place of the answer that this one was written in the place of.
    pub edit_of: Option<usize>,
    /// What the user thought of it.
    pub feedback: Vec<(FeedbackKind, Option<String>)>,
    /// A piece of it is of a file, a page, a tool or another machine.
    pub foreign: bool,
}

/// A program that writes conversations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Program {
    /// hone, the system before it, and others with `messages` of `role` and `content`.
    Hone,
    /// `conversations.json`: a `mapping` of nodes.
    ChatGpt,
    /// An export of chats: a `history` of messages.
    OpenWebUi,
    /// `conversations` of `from` and `value`.
    ShareGpt,
}

impl Program {
    /// As it stands in [`crate::Chat::origin`].
    pub fn as_str(self) -> &'static str {
        match self {
            Program::Hone => "hone",
            Program::ChatGpt => "chatgpt",
            Program::OpenWebUi => "open-webui",
            Program::ShareGpt => "sharegpt",
        }
    }
}

/// Messages that a conversation may have.
const MOST_TURNS: usize = 100_000;

impl Conversation {
    /// Recognises a row of a file and reads it; the error says what is wrong with it.
    pub fn read(row: &Value) -> Result<Conversation, String> {
        let Value::Object(fields) = row else { return Err("it is no JSON object".into()) };
        let read = if fields.contains_key("mapping") {
            chatgpt::read(fields)
        } else if fields.get("chat").is_some_and(Value::is_object) || fields.contains_key("history") {
            open_webui::read(fields)
        } else if fields.contains_key("conversations") {
            sharegpt::read(fields)
        } else if fields.contains_key("messages") {
            own::read(fields)
        } else {
            let known = "`messages`, `mapping`, `chat` or `conversations`";
            return Err(format!("it is no conversation: {known} is missing"));
        }?;
        if read.turns.len() > MOST_TURNS {
            return Err(format!("it has more than {MOST_TURNS} messages"));
        }
        Ok(read)
    }
}

type Fields = serde_json::Map<String, Value>;

/// A text of at most `most` characters without control characters; blank is none.
fn line(value: Option<&Value>, most: usize) -> Option<String> {
    let text = value?.as_str()?;
    let line: String = text.chars().filter(|c| !c.is_control()).take(most).collect();
    Some(line.trim().to_owned()).filter(|line| !line.is_empty())
}

/// Seconds since 1970 or RFC 3339.
fn time(value: Option<&Value>) -> Option<Time> {
    match value? {
        Value::String(text) => Time::parse(text),
        // Some programs count milliseconds, which as seconds would be far in the future.
        Value::Number(number) => {
            let n = number.as_f64()?;
            Time::from_seconds(if n > 1e11 { n / 1e3 } else { n })
        }
        _ => None,
    }
}

/// Text, or the texts of parts.
fn content(value: Option<&Value>) -> String {
    match value {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(parts)) => {
            let text = |part: &Value| match part {
                Value::String(text) => Some(text.clone()),
                Value::Object(part) => part.get("text").and_then(Value::as_str).map(String::from),
                _ => None,
            };
            parts.iter().filter_map(text).filter(|text| !text.is_empty()).collect::<Vec<_>>().join("\n")
        }
        _ => String::new(),
    }
}

/// Who speaks, by any program's word; `Err` for an instruction, `None` for anything else.
fn role(word: &str) -> Option<Result<Role, ()>> {
    Some(match word {
        "user" | "human" | "prompter" => Ok(Role::User),
        "assistant" | "gpt" | "chatgpt" | "bing" | "bard" | "model" | "ai" | "bot" => Ok(Role::Assistant),
        "tool" | "function" | "observation" | "ipython" => Ok(Role::Tool),
        "system" | "developer" => Err(()),
        _ => return None,
    })
}

/// Something worth keeping: not blank, and not longer than a message may be.
fn is_text(text: &str) -> bool {
    !text.trim().is_empty() && text.len() <= crate::LONGEST
}
