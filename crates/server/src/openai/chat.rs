//! Chats.

use super::answers::{Answers, News};
use super::logprobs::{self, ChatLogprobs};
use super::messages::{self, ChatMessage};
use super::stream::{self, Chunks};
use super::tools::{self, Call, Called, ResponseFormat, Tool, ToolChoice, Wanted};
use super::types::{Envelope, Finish, Generation, MAX_TOKENS, Timings, Usage, check_range, or_default};
use super::{models, unsupported};
use crate::body::{Checked, JsonBody, typed};
use crate::error::{ApiError, GateErrors, GenerationErrors};
use crate::state::Shared;
use agent::call::{CallParser, Piece};
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use engine::text::Message;
use engine::{Constraint, Engine};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use utoipa::ToSchema;

/// A chat to go on with.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct ChatRequest {
    /// The conversation so far.
    #[schema(min_items = 1, max_items = 4096)]
    messages: Vec<ChatMessage>,
    /// At most this many new tokens; without it, up to the end of the context.
    #[schema(minimum = 1, maximum = 1_000_000)]
    max_completion_tokens: Option<u32>,
    /// The older name of `max_completion_tokens`.
    #[schema(minimum = 1, maximum = 1_000_000)]
    max_tokens: Option<u32>,
    /// Sends the log-probability of every token.
    #[serde(default, deserialize_with = "or_default")]
    logprobs: bool,
    /// With `logprobs`: sends this many of the most likely tokens, too.
    #[schema(minimum = 0, maximum = 20)]
    top_logprobs: Option<u32>,
    /// Tools that the model may call.
    #[schema(max_items = 128)]
    tools: Option<Vec<Tool>>,
    /// Whether it calls one: `none`, `auto` (as it likes), `required`, or the one that it must call.
    tool_choice: Option<ToolChoice>,
    /// The form of the answer. Not together with tools.
    response_format: Option<ResponseFormat>,
    #[serde(flatten)]
    generation: Generation,
}

impl ChatRequest {
    fn wanted(&self) -> Result<Wanted, ApiError> {
        Wanted::new(self.tools.as_deref(), self.tool_choice.as_ref(), self.response_format.as_ref())
    }
}

impl Checked for ChatRequest {
    fn check_fields(body: &Value) -> Result<(), ApiError> {
        unsupported::check_chat(body)?;
        // Once more by itself: in a flattened struct the name of a wrong field is lost.
        typed::<Generation>(body).map(drop)
    }

    fn check_values(&self) -> Result<(), ApiError> {
        messages::check(&self.messages)?;
        self.wanted()?;
        check_range("max_completion_tokens", self.max_completion_tokens, 1..=MAX_TOKENS)?;
        check_range("max_tokens", self.max_tokens, 1..=MAX_TOKENS)?;
        check_range("top_logprobs", self.top_logprobs, 0..=20)?;
        if self.top_logprobs.is_some() && !self.logprobs {
            return Err(ApiError::invalid("top_logprobs", "top_logprobs needs \"logprobs\": true"));
        }
        self.generation.check()
    }
}

/// A complete answer.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ChatCompletion {
    #[serde(flatten)]
    envelope: Envelope,
    /// The answers.
    choices: Vec<ChatChoice>,
    /// Tokens.
    usage: Usage,
    /// Times.
    timings: Timings,
}

/// One answer.
#[derive(Debug, Serialize, ToSchema)]
struct ChatChoice {
    /// Which one.
    index: usize,
    /// What the model says.
    message: ChatAnswer,
    /// Where they were asked for.
    #[schema(required)]
    logprobs: Option<ChatLogprobs>,
    /// Why it ended.
    #[schema(required, nullable = false)]
    finish_reason: Option<Finish>,
}

/// What the model says.
#[derive(Debug, Serialize, ToSchema)]
struct ChatAnswer {
    /// `assistant`.
    #[schema(example = "assistant")]
    role: &'static str,
    /// The text; null where there are only calls.
    #[schema(required)]
    content: Option<String>,
    /// Tools that it calls.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    tool_calls: Option<Vec<Call>>,
}

/// A piece of an answer.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ChatChunk {
    #[serde(flatten)]
    envelope: Envelope,
    /// News of one answer; empty in the chunk that has the `usage`.
    choices: Vec<ChatChunkChoice>,
    /// In the last chunk, where it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    usage: Option<Usage>,
    /// In the chunk that ends the last answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    timings: Option<Timings>,
}

/// News of one answer.
#[derive(Debug, Serialize, ToSchema)]
struct ChatChunkChoice {
    /// Which one.
    index: usize,
    /// What is new.
    delta: ChatDelta,
    /// Of the new tokens, where they were asked for.
    #[schema(required)]
    logprobs: Option<ChatLogprobs>,
    /// Why it ended, in its last piece.
    #[schema(required)]
    finish_reason: Option<Finish>,
}

/// What is new.
#[derive(Debug, Default, Serialize, ToSchema)]
struct ChatDelta {
    /// `assistant`, in the first piece.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    role: Option<&'static str>,
    /// New text.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    content: Option<String>,
    /// Tools that it calls, each whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    tool_calls: Option<Vec<Call>>,
}

/// Answer a chat
///
/// The same request and reply as OpenAI's `chat/completions`. What would change the answer and is not
/// implemented (images, `logit_bias`, …) is refused, not ignored.
#[utoipa::path(post, operation_id = "create_chat_completion", path = "/v1/chat/completions", tag = "Completions", request_body = ChatRequest, responses(
    (status = 200, description = "The answer: whole, or with `stream` a chunk in each event.",
        content((ChatCompletion = "application/json"), (ChatChunk = "text/event-stream"))),
    GateErrors, GenerationErrors,
))]
pub(crate) async fn create(
    State(shared): State<Arc<Shared>>,
    JsonBody(request): JsonBody<ChatRequest>,
) -> Result<Response, ApiError> {
    let choice = models::choice(&shared.served, request.generation.model.as_deref())?;
    let engine = shared.engine()?;
    let adapter = shared.adapter(&engine, choice).await?;
    let wanted = request.wanted()?;
    let parsers = (0..request.generation.n()).map(|_| CallParser::new(wanted.names())).collect();
    let ChatRequest { messages, generation, .. } = request;
    let max_tokens = request.max_completion_tokens.or(request.max_tokens);
    let logprobs = request.logprobs.then(|| request.top_logprobs.unwrap_or(0) as usize);

    let (prompt, form) = prompt(&shared, &engine, messages, wanted).await?;
    let requests = generation.requests(&prompt, max_tokens, logprobs, adapter.as_ref());
    let n = requests.len();
    let mut answers = Answers::submit_formed(&engine, requests, form, n, "messages")?;
    let envelope = Envelope::new("chatcmpl", &shared.served, generation.model.clone());
    let mut writer = Writer { engine, envelope, logprobs: request.logprobs, parsers, called: vec![0; n] };
    if generation.stream {
        return Ok(stream::respond(shared, answers, writer, generation.include_usage()));
    }
    let complete = answers.collect().await?;
    answers.record(&shared.metrics);
    Ok(Json(writer.whole(complete, answers.usage(), answers.timings())).into_response())
}

async fn prompt(
    shared: &Shared,
    engine: &Arc<Engine>,
    messages: Vec<ChatMessage>,
    wanted: Wanted,
) -> Result<(Vec<u32>, Option<Constraint>), ApiError> {
    let model = Arc::clone(engine.model());
    let make = move || {
        let messages: Vec<Message> = messages.into_iter().map(Message::from).collect();
        let form = wanted.form(&model)?;
        let prompt =
            wanted.prompt(&model, messages).map_err(|error| ApiError::from_text(&error, "messages"))?;
        Ok((prompt, form))
    };
    shared.tokenise(make).await
}

/// Writes answers as chat completions.
struct Writer {
    engine: Arc<Engine>,
    envelope: Envelope,
    logprobs: bool,
    /// One for each answer.
    parsers: Vec<CallParser>,
    /// Calls of each answer so far.
    called: Vec<usize>,
}

impl Writer {
    /// New text of an answer as text and calls.
    fn split(&mut self, news: &News) -> (String, Vec<Call>) {
        static COUNT: AtomicU64 = AtomicU64::new(1);
        let parser = &mut self.parsers[news.index];
        let mut pieces = parser.push(&news.text);
        if news.end.is_some() {
            pieces.append(&mut parser.finish());
        }
        let (mut text, mut calls) = (String::new(), Vec::new());
        for piece in pieces {
            match piece {
                Piece::Text(new) => text.push_str(&new),
                Piece::Call { name, arguments } => {
                    let index = &mut self.called[news.index];
                    let id = format!("call_{:08x}", COUNT.fetch_add(1, Ordering::Relaxed));
                    let function = Called { name, arguments: arguments.to_string() };
                    calls.push(Call { index: Some(*index), id, kind: tools::function(), function });
                    *index += 1;
                }
            }
        }
        (text, calls)
    }

    /// Why the answer ended, if it did. Whoever calls tools waits for results.
    fn finish(&self, news: &News) -> Option<Finish> {
        match news.finish() {
            Some(Finish::Stop) if self.called[news.index] > 0 => Some(Finish::ToolCalls),
            other => other,
        }
    }

    fn whole(&mut self, answers: Vec<News>, usage: Usage, timings: Timings) -> ChatCompletion {
        let choice = |answer: News| {
            let (text, mut tool_calls) = self.split(&answer);
            tool_calls.iter_mut().for_each(|call| call.index = None);
            let content = (!text.is_empty() || tool_calls.is_empty()).then_some(text);
            let tool_calls = (!tool_calls.is_empty()).then_some(tool_calls);
            ChatChoice {
                index: answer.index,
                logprobs: self.logprobs(&answer),
                finish_reason: self.finish(&answer),
                message: ChatAnswer { role: "assistant", content, tool_calls },
            }
        };
        let choices = answers.into_iter().map(choice).collect();
        ChatCompletion { envelope: self.envelope.of("chat.completion"), choices, usage, timings }
    }

    fn logprobs(&self, news: &News) -> Option<ChatLogprobs> {
        self.logprobs.then(|| logprobs::chat(&self.engine.model().tokenizer, &news.tokens))
    }

    fn chunk(&self, choices: Vec<ChatChunkChoice>) -> ChatChunk {
        ChatChunk { envelope: self.envelope.of("chat.completion.chunk"), choices, usage: None, timings: None }
    }
}

impl Chunks for Writer {
    type Chunk = ChatChunk;

    fn opening(&self, answers: usize) -> Vec<ChatChunk> {
        let delta = || ChatDelta { role: Some("assistant"), content: Some(String::new()), tool_calls: None };
        let choice = |index| ChatChunkChoice { index, delta: delta(), logprobs: None, finish_reason: None };
        (0..answers).map(|index| self.chunk(vec![choice(index)])).collect()
    }

    fn news(&mut self, news: News, timings: Option<Timings>) -> Option<ChatChunk> {
        let (text, tool_calls) = self.split(&news);
        let said = !text.is_empty() || !tool_calls.is_empty();
        let telling = said || news.end.is_some() || (self.logprobs && !news.tokens.is_empty());
        telling.then(|| {
            let logprobs = self.logprobs(&news).filter(|_| !news.tokens.is_empty());
            let finish_reason = self.finish(&news);
            let content = (!text.is_empty() || (news.end.is_none() && tool_calls.is_empty())).then_some(text);
            let tool_calls = (!tool_calls.is_empty()).then_some(tool_calls);
            let delta = ChatDelta { role: None, content, tool_calls };
            let choice = ChatChunkChoice { index: news.index, delta, logprobs, finish_reason };
            ChatChunk { timings, ..self.chunk(vec![choice]) }
        })
    }

    fn usage(&self, usage: Usage) -> ChatChunk {
        ChatChunk { usage: Some(usage), ..self.chunk(Vec::new()) }
    }
}
