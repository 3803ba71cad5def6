//! The messages of a chat request, and what the model's template sees of them.

use super::tools::Call;
use crate::error::ApiError;
use engine::text::Message;
use serde::Deserialize;
use utoipa::ToSchema;

/// Messages of one request.
const MAX_MESSAGES: usize = 4096;

/// One message.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct ChatMessage {
    /// Who says it.
    role: Role,
    /// What is said.
    #[serde(default)]
    #[schema(required, nullable = false)]
    content: Option<Content>,
    /// Calls that the assistant made.
    #[serde(default)]
    #[schema(nullable = false)]
    tool_calls: Option<Vec<Call>>,
}

/// Who speaks. `developer` is another word for `system`.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Role {
    System,
    Developer,
    User,
    Assistant,
    Tool,
}

/// Text, or parts that are joined by line breaks.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(untagged, expecting = "expected a string or an array of parts")]
enum Content {
    /// Plain text.
    Text(String),
    /// Parts.
    Parts(Vec<Part>),
}

/// One part of a message. Only text is supported.
#[derive(Debug, Deserialize, ToSchema)]
struct Part {
    /// `text`.
    #[serde(rename = "type")]
    #[schema(example = "text", pattern = "^text$")]
    kind: String,
    /// The text.
    #[serde(default)]
    #[schema(required, nullable = false)]
    text: Option<String>,
}

/// Refuses what the template could not show the model.
pub(crate) fn check(messages: &[ChatMessage]) -> Result<(), ApiError> {
    if messages.is_empty() || messages.len() > MAX_MESSAGES {
        let message = format!("messages needs 1 to {MAX_MESSAGES} messages");
        return Err(ApiError::invalid("messages", message));
    }
    messages.iter().enumerate().try_for_each(|(index, message)| check_one(index, message))
}

fn check_one(index: usize, message: &ChatMessage) -> Result<(), ApiError> {
    let calls = message.tool_calls.as_ref().is_some_and(|calls| !calls.is_empty());
    if calls && !matches!(message.role, Role::Assistant) {
        let param = format!("messages[{index}].tool_calls");
        return Err(ApiError::invalid(param, "only the assistant calls tools"));
    }
    let param = format!("messages[{index}].content");
    match &message.content {
        None if calls => Ok(()),
        None => Err(ApiError::invalid(param, "a message needs content: a string or an array of text parts")),
        Some(Content::Text(_)) => Ok(()),
        Some(Content::Parts(parts)) => {
            parts.iter().enumerate().try_for_each(|(at, part)| match (part.kind.as_str(), &part.text) {
                ("text", Some(_)) => Ok(()),
                ("text", None) => {
                    Err(ApiError::invalid(format!("{param}[{at}].text"), "a text part needs text"))
                }
                (other, _) => {
                    let message = format!("parts of type '{other}' are not supported here, only text");
                    Err(ApiError::unsupported(format!("{param}[{at}].type"), message))
                }
            })
        }
    }
}

impl From<ChatMessage> for Message {
    fn from(message: ChatMessage) -> Message {
        let role = match message.role {
            Role::System | Role::Developer => "system",
            Role::User => "user",
            Role::Assistant => "assistant",
            Role::Tool => "tool",
        };
        let mut content = match message.content {
            None => String::new(),
            Some(Content::Text(text)) => text,
            Some(Content::Parts(parts)) => {
                let texts: Vec<String> = parts.into_iter().filter_map(|part| part.text).collect();
                texts.join("\n")
            }
        };
        for call in message.tool_calls.iter().flatten() {
            let line = if content.is_empty() { "" } else { "\n" };
            content.push_str(&format!("{line}{}", call.written()));
        }
        Message { role: role.to_owned(), content }
    }
}
