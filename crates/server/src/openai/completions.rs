//! Text that goes on: raw completions, and text between a prefix and a suffix.

use super::answers::{Answers, News};
use super::logprobs::{self, CompletionLogprobs};
use super::stream::{self, Chunks};
use super::types::{
    Envelope, Finish, Generation, MAX_CHOICES, MAX_TOKENS, Timings, Usage, check_range, or_default,
};
use super::{models, unsupported};
use crate::body::{Checked, JsonBody, typed};
use crate::error::{ApiError, GateErrors, GenerationErrors};
use crate::state::Shared;
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use engine::Engine;
use engine::model::Model;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::sync::Arc;
use utoipa::ToSchema;

/// New tokens where a request does not say: OpenAI's default for this route.
const DEFAULT_MAX_TOKENS: u32 = 16;

/// A text to go on with.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct CompletionRequest {
    /// The text before the answer.
    prompt: Prompt,
    /// The text after the answer: the model fills the middle. Only for models that were trained for it, and
    /// not with token ids.
    suffix: Option<String>,
    /// At most this many new tokens.
    #[schema(minimum = 1, maximum = 1_000_000, default = 16)]
    max_tokens: Option<u32>,
    /// Sends the log-probability of every token, and this many of the most likely ones.
    #[schema(minimum = 0, maximum = 5)]
    logprobs: Option<u32>,
    /// Sends the prompt before the answer. Not together with `logprobs` or `suffix`.
    #[serde(default, deserialize_with = "or_default")]
    echo: bool,
    #[serde(flatten)]
    generation: Generation,
}

/// One prompt or several, as text or as token ids.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(
    untagged,
    expecting = "expected a string, an array of strings, an array of token ids or an array of such arrays"
)]
enum Prompt {
    /// One text.
    Text(String),
    /// Several texts.
    Texts(Vec<String>),
    /// One prompt of token ids.
    Tokens(Vec<u32>),
    /// Several prompts of token ids.
    TokenArrays(Vec<Vec<u32>>),
}

impl Prompt {
    fn len(&self) -> usize {
        match self {
            Prompt::Text(_) | Prompt::Tokens(_) => 1,
            Prompt::Texts(texts) => texts.len(),
            Prompt::TokenArrays(arrays) => arrays.len(),
        }
    }
}

impl Checked for CompletionRequest {
    fn check_fields(body: &Value) -> Result<(), ApiError> {
        unsupported::check_completion(body)?;
        // Once more by itself: in a flattened struct the name of a wrong field is lost.
        typed::<Generation>(body).map(drop)
    }

    fn check_values(&self) -> Result<(), ApiError> {
        check_range("max_tokens", self.max_tokens, 1..=MAX_TOKENS)?;
        check_range("logprobs", self.logprobs, 0..=5)?;
        self.generation.check()?;
        let choices = self.prompt.len().saturating_mul(self.generation.n.unwrap_or(1) as usize);
        if !(1..=MAX_CHOICES).contains(&choices) {
            let message =
                format!("one request makes 1 to {MAX_CHOICES} answers (prompts × n), not {choices}");
            return Err(ApiError::invalid("prompt", message));
        }
        let tokens = matches!(self.prompt, Prompt::Tokens(_) | Prompt::TokenArrays(_));
        match (self.suffix(), self.echo) {
            (Some(_), true) => Err(ApiError::unsupported("echo", "echo does not go together with suffix")),
            (Some(_), _) if tokens => {
                Err(ApiError::unsupported("suffix", "suffix needs a prompt of text, not of token ids"))
            }
            (_, true) if self.logprobs.is_some() => {
                Err(ApiError::unsupported("echo", "echo does not go together with logprobs"))
            }
            _ => Ok(()),
        }
    }
}

impl CompletionRequest {
    /// An empty suffix is none.
    fn suffix(&self) -> Option<&str> {
        self.suffix.as_deref().filter(|suffix| !suffix.is_empty())
    }

    /// The tokens of every prompt.
    fn prompts(&self, model: &Model) -> Result<Vec<Vec<u32>>, ApiError> {
        let encode = |text: &String| match self.suffix() {
            Some(suffix) => model.fim_prompt(text, suffix),
            None => model.text_prompt(text),
        };
        let all = match &self.prompt {
            Prompt::Text(text) => encode(text).map(|tokens| vec![tokens]),
            Prompt::Texts(texts) => texts.iter().map(encode).collect(),
            Prompt::Tokens(tokens) => Ok(vec![tokens.clone()]),
            Prompt::TokenArrays(arrays) => Ok(arrays.clone()),
        };
        all.map_err(|error| ApiError::from_text(&error, "prompt"))
    }

    /// What stands before each answer.
    fn echoes(&self, model: &Model) -> Vec<String> {
        let decode = |tokens: &Vec<u32>| model.tokenizer.decode(tokens, false);
        match &self.prompt {
            _ if !self.echo => vec![String::new(); self.prompt.len()],
            Prompt::Text(text) => vec![text.clone()],
            Prompt::Texts(texts) => texts.clone(),
            Prompt::Tokens(tokens) => vec![decode(tokens)],
            Prompt::TokenArrays(arrays) => arrays.iter().map(decode).collect(),
        }
    }
}

/// A complete answer, or a piece of one.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Completion {
    #[serde(flatten)]
    envelope: Envelope,
    /// The answers; answer `i` belongs to prompt `i / n`. In a stream, news of one of them.
    choices: Vec<CompletionChoice>,
    /// Tokens. In a stream, in the last chunk where it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    usage: Option<Usage>,
    /// Times. In a stream, in the chunk that ends the last answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    timings: Option<Timings>,
}

/// One answer.
#[derive(Debug, Serialize, ToSchema)]
struct CompletionChoice {
    /// Which one.
    index: usize,
    /// Its text.
    text: String,
    /// Where they were asked for.
    #[schema(required)]
    logprobs: Option<CompletionLogprobs>,
    /// Why it ended.
    #[schema(required)]
    finish_reason: Option<Finish>,
}

/// Complete a text
///
/// The same request and reply as OpenAI's `completions`. The prompt goes to the model as it is, without a
/// chat template. With `suffix`, the model fills the middle.
#[utoipa::path(post, operation_id = "create_completion", path = "/v1/completions", tag = "Completions", request_body = CompletionRequest, responses(
    (status = 200, description = "The answer: whole, or with `stream` a chunk in each event.",
        content((Completion = "application/json"), (Completion = "text/event-stream"))),
    GateErrors, GenerationErrors,
))]
pub(crate) async fn create(
    State(shared): State<Arc<Shared>>,
    JsonBody(request): JsonBody<CompletionRequest>,
) -> Result<Response, ApiError> {
    let choice = models::choice(&shared.served, request.generation.model.as_deref())?;
    let engine = shared.engine()?;
    let adapter = shared.adapter(&engine, choice).await?;
    let logprobs = request.logprobs.map(|top| top as usize);
    let max_tokens = Some(request.max_tokens.unwrap_or(DEFAULT_MAX_TOKENS));

    let (request, prompts, echoes) = tokens(&shared, &engine, request).await?;
    let generation = request.generation;
    let requests = |prompt: &Vec<u32>| generation.requests(prompt, max_tokens, logprobs, adapter.as_ref());
    let requests: Vec<_> = prompts.iter().flat_map(requests).collect();
    let n = generation.n();
    let mut answers = Answers::submit(&engine, requests, n, "prompt")?;
    let envelope = Envelope::new("cmpl", &shared.served, generation.model.clone()).of("text_completion");
    let mut writer =
        Writer { engine, envelope, logprobs: logprobs.is_some(), echoes, n, offsets: vec![0; answers.len()] };
    if generation.stream {
        return Ok(stream::respond(shared, answers, writer, generation.include_usage()));
    }
    let complete = answers.collect().await?;
    answers.record(&shared.metrics);
    let choices = complete.into_iter().map(|answer| writer.choice(answer, true)).collect();
    let (usage, timings) = (Some(answers.usage()), Some(answers.timings()));
    Ok(Json(Completion { envelope: writer.envelope, choices, usage, timings }).into_response())
}

type Tokens = (CompletionRequest, Vec<Vec<u32>>, Vec<String>);

async fn tokens(
    shared: &Shared,
    engine: &Arc<Engine>,
    request: CompletionRequest,
) -> Result<Tokens, ApiError> {
    let model = Arc::clone(engine.model());
    let make = move || {
        let prompts = request.prompts(&model)?;
        let echoes = request.echoes(&model);
        Ok((request, prompts, echoes))
    };
    shared.tokenise(make).await
}

/// Writes answers as text completions.
struct Writer {
    engine: Arc<Engine>,
    envelope: Envelope,
    logprobs: bool,
    /// The text before each prompt's answers; empty without `echo`.
    echoes: Vec<String>,
    n: usize,
    /// Characters of each answer so far.
    offsets: Vec<usize>,
}

impl Writer {
    fn choice(&mut self, news: News, echo: bool) -> CompletionChoice {
        let finish_reason = news.finish();
        let logprobs = self.logprobs.then(|| {
            logprobs::completion(&self.engine.model().tokenizer, &news.tokens, &mut self.offsets[news.index])
        });
        let before = if echo { self.echoes[news.index / self.n].as_str() } else { "" };
        CompletionChoice {
            index: news.index,
            text: format!("{before}{}", news.text),
            logprobs,
            finish_reason,
        }
    }

    fn chunk(&self, choices: Vec<CompletionChoice>) -> Completion {
        Completion { envelope: self.envelope.clone(), choices, usage: None, timings: None }
    }
}

impl Chunks for Writer {
    type Chunk = Completion;

    fn opening(&self, answers: usize) -> Vec<Completion> {
        let opening = |index: usize| {
            let text = self.echoes[index / self.n].clone();
            self.chunk(vec![CompletionChoice { index, text, logprobs: None, finish_reason: None }])
        };
        (0..answers).map(opening).collect()
    }

    fn news(&mut self, news: News, timings: Option<Timings>) -> Option<Completion> {
        let telling =
            !news.text.is_empty() || news.end.is_some() || (self.logprobs && !news.tokens.is_empty());
        telling.then(|| {
            let choice = self.choice(news, false);
            Completion { timings, ..self.chunk(vec![choice]) }
        })
    }

    fn usage(&self, usage: Usage) -> Completion {
        Completion { usage: Some(usage), ..self.chunk(Vec::new()) }
    }
}
