//! What is read and written, with the allowed ranges.

use crate::error::ApiError;
use crate::state::{AppState, unix_now};
use engine::adapter::Loaded;
use engine::{FinishReason, Request, Sampling};
use serde::{Deserialize, Serialize};
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};
use utoipa::ToSchema;

/// Answers to one request, over all its prompts.
pub(crate) const MAX_CHOICES: usize = 64;
/// New tokens that a request may ask for; the context is the smaller limit.
pub(crate) const MAX_TOKENS: u32 = 1_000_000;
/// Stop strings of one request.
const MAX_STOPS: usize = 4;
/// Bytes of one stop string.
const MAX_STOP_BYTES: usize = 1024;

/// How to choose tokens, and what to send back. Chat and text completions share these.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub(crate) struct Generation {
    /// The model's id, as `/v1/models` lists it: `name` with the adapter in use, `name@base` without one,
    /// `name@adapter` with this one, by name or id. Without it, the model that is loaded.
    pub(crate) model: Option<String>,
    /// Sends the answer piece by piece as server-sent events, ended by `data: [DONE]`.
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) stream: bool,
    /// Only with `stream`.
    pub(crate) stream_options: Option<StreamOptions>,
    /// How many answers to make for each prompt.
    #[schema(minimum = 1, maximum = 8, default = 1)]
    pub(crate) n: Option<u32>,
    /// The answer ends before any of these.
    pub(crate) stop: Option<Stop>,
    /// Equal requests with equal seeds get equal answers, as long as equally much of the prompt is cached: a
    /// cached prompt is rounded differently. Answer `i` of several uses `seed + i`.
    pub(crate) seed: Option<i64>,
    /// 0 always takes the most likely token; more is more varied.
    #[schema(minimum = 0, maximum = 2, default = 0.7)]
    pub(crate) temperature: Option<f32>,
    /// Keeps the most likely tokens that have this probability together.
    #[schema(minimum = 0, maximum = 1, default = 0.95)]
    pub(crate) top_p: Option<f32>,
    /// Keeps this many of the most likely tokens; 0 or -1 keeps all.
    #[schema(minimum = -1, maximum = 1_000_000, default = 40)]
    pub(crate) top_k: Option<i64>,
    /// Drops tokens less likely than this share of the most likely one.
    #[schema(minimum = 0, maximum = 1, default = 0.05)]
    pub(crate) min_p: Option<f32>,
    /// Divides the logits of tokens that were seen; 1 is off.
    #[schema(minimum = 0.1, maximum = 10, default = 1.0)]
    pub(crate) repetition_penalty: Option<f32>,
    /// Subtracted once from the logits of tokens that were generated.
    #[schema(minimum = -2, maximum = 2, default = 0.0)]
    pub(crate) presence_penalty: Option<f32>,
    /// Subtracted for each occurrence from the logits of tokens that were generated.
    #[schema(minimum = -2, maximum = 2, default = 0.0)]
    pub(crate) frequency_penalty: Option<f32>,
}

/// What a stream also sends.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct StreamOptions {
    /// Sends one more chunk before `[DONE]`, with no choices and the `usage` of the request.
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) include_usage: bool,
}

/// One string, or up to four.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(untagged, expecting = "expected a string or an array of strings")]
pub(crate) enum Stop {
    /// One.
    One(String),
    /// Several.
    Many(Vec<String>),
}

/// `null` is as good as leaving a field out.
pub(crate) fn or_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// Refuses a value outside of `range`.
pub(crate) fn check_range<T>(field: &str, value: Option<T>, range: RangeInclusive<T>) -> Result<(), ApiError>
where
    T: PartialOrd + std::fmt::Display,
{
    match value {
        Some(value) if !range.contains(&value) => Err(ApiError::invalid(
            field,
            format!("{field} must be between {} and {}, got {value}", range.start(), range.end()),
        )),
        _ => Ok(()),
    }
}

impl Generation {
    pub(crate) fn check(&self) -> Result<(), ApiError> {
        check_range("n", self.n, 1..=8)?;
        check_range("temperature", self.temperature, 0.0..=2.0)?;
        check_range("top_p", self.top_p, 0.0..=1.0)?;
        check_range("top_k", self.top_k, -1..=1_000_000)?;
        check_range("min_p", self.min_p, 0.0..=1.0)?;
        check_range("repetition_penalty", self.repetition_penalty, 0.1..=10.0)?;
        check_range("presence_penalty", self.presence_penalty, -2.0..=2.0)?;
        check_range("frequency_penalty", self.frequency_penalty, -2.0..=2.0)?;
        if self.stream_options.is_some() && !self.stream {
            return Err(ApiError::invalid("stream_options", "stream_options needs \"stream\": true"));
        }
        let stops = self.stops();
        if stops.len() > MAX_STOPS {
            return Err(ApiError::invalid("stop", format!("stop takes up to {MAX_STOPS} strings")));
        }
        if stops.iter().any(|stop| stop.is_empty() || stop.len() > MAX_STOP_BYTES) {
            let message = format!("a stop string has 1 to {MAX_STOP_BYTES} bytes");
            return Err(ApiError::invalid("stop", message));
        }
        Ok(())
    }

    pub(crate) fn stops(&self) -> &[String] {
        match &self.stop {
            None => &[],
            Some(Stop::One(stop)) => std::slice::from_ref(stop),
            Some(Stop::Many(stops)) => stops,
        }
    }

    pub(crate) fn include_usage(&self) -> bool {
        self.stream_options.as_ref().is_some_and(|options| options.include_usage)
    }

    pub(crate) fn n(&self) -> usize {
        self.n.unwrap_or(1) as usize
    }

    /// One request to the engine for each answer to `prompt`.
    pub(crate) fn requests(
        &self,
        prompt: &[u32],
        max_tokens: Option<u32>,
        logprobs: Option<usize>,
        adapter: Option<&Arc<Loaded>>,
    ) -> Vec<Request> {
        let request = |index| Request {
            prompt: prompt.to_vec(),
            max_tokens: max_tokens.map(|n| n as usize),
            sampling: self.sampling(index),
            stop: self.stops().to_vec(),
            logprobs,
            adapter: adapter.cloned(),
            ..Request::default()
        };
        (0..self.n()).map(request).collect()
    }

    /// The sampling of answer `index` to one prompt.
    fn sampling(&self, index: usize) -> Sampling {
        let default = Sampling::default();
        Sampling {
            temperature: self.temperature.unwrap_or(default.temperature),
            top_k: self.top_k.map_or(default.top_k, |k| usize::try_from(k).unwrap_or(0)),
            top_p: self.top_p.unwrap_or(default.top_p),
            min_p: self.min_p.unwrap_or(default.min_p),
            repetition_penalty: self.repetition_penalty.unwrap_or(default.repetition_penalty),
            presence_penalty: self.presence_penalty.unwrap_or(default.presence_penalty),
            frequency_penalty: self.frequency_penalty.unwrap_or(default.frequency_penalty),
            seed: self.seed.map(|seed| seed.cast_unsigned().wrapping_add(index as u64)),
        }
    }
}

/// What every reply and every chunk begins with.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Envelope {
    /// The same in all chunks of a reply.
    #[schema(example = "chatcmpl-18c0b4f3a1d2e000")]
    id: String,
    /// What this is: `chat.completion`, `chat.completion.chunk` or `text_completion`.
    object: &'static str,
    /// When it was asked for, in seconds since 1970.
    created: u64,
    /// The model that answers.
    model: String,
}

impl Envelope {
    /// A new reply with an id that begins with `kind`.
    pub(crate) fn new(kind: &str, served: &AppState, asked: Option<String>) -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let start = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_micros() as u64);
        let id = format!("{kind}-{start:x}{:03x}", COUNT.fetch_add(1, Ordering::Relaxed) & 0xFFF);
        let model = asked.unwrap_or_else(|| served.name().to_owned());
        Envelope { id, object: "", created: unix_now(), model }
    }

    /// The same, for another kind of object.
    pub(crate) fn of(&self, object: &'static str) -> Self {
        Envelope { object, ..self.clone() }
    }
}

/// Why an answer ended: `stop` (the model ended its turn, or a stop string came), `length`, or `tool_calls`.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Finish {
    /// The model ended its turn, or a stop string came.
    Stop,
    /// The token limit, or the end of the context, was reached.
    Length,
    /// The model calls tools.
    ToolCalls,
}

impl Finish {
    /// `None` for an answer that was cut off, which is an error and not an end.
    pub(crate) fn from_engine(reason: FinishReason) -> Option<Finish> {
        match reason {
            FinishReason::Stop => Some(Finish::Stop),
            FinishReason::Length => Some(Finish::Length),
            FinishReason::Cancelled => None,
        }
    }
}

/// Tokens that the request cost.
#[derive(Clone, Copy, Debug, Default, Serialize, ToSchema)]
pub(crate) struct Usage {
    /// Tokens of the prompts, each counted once.
    pub(crate) prompt_tokens: usize,
    /// Tokens of all answers.
    pub(crate) completion_tokens: usize,
    /// Their sum.
    pub(crate) total_tokens: usize,
    /// More about the prompts.
    pub(crate) prompt_tokens_details: PromptTokensDetails,
}

/// More about the prompts.
#[derive(Clone, Copy, Debug, Default, Serialize, ToSchema)]
pub(crate) struct PromptTokensDetails {
    /// Tokens that did not have to be computed again.
    pub(crate) cached_tokens: usize,
}

/// Where the time went: an extension of hone. Of several answers, the longest times and the common rates.
#[derive(Clone, Copy, Debug, Default, Serialize, ToSchema)]
pub(crate) struct Timings {
    /// Waiting for a place, in milliseconds.
    pub(crate) queued_ms: f64,
    /// From there to the first token.
    pub(crate) prefill_ms: f64,
    /// From the first token to the last.
    pub(crate) decode_ms: f64,
    /// Prompt tokens computed in a second of prefill.
    pub(crate) prefill_tokens_per_second: f64,
    /// Tokens generated in a second of decoding.
    pub(crate) decode_tokens_per_second: f64,
}
