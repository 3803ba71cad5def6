//! An answer as server-sent events.

use super::answers::{Answers, News};
use super::types::{Timings, Usage};
use crate::error::ApiError;
use crate::sse::{self, KEEP_ALIVE, event};
use crate::state::Shared;
use axum::body::Bytes;
use axum::response::Response;
use futures_util::stream::unfold;
use serde::Serialize;
use std::sync::Arc;
use tokio::time::timeout;

/// How one API writes its chunks.
pub(crate) trait Chunks: Send + 'static {
    /// What one event holds.
    type Chunk: Serialize;
    /// Sent at once, before the first token.
    fn opening(&self, answers: usize) -> Vec<Self::Chunk>;
    /// News of one answer, if there is something to tell. `timings` come with the last one.
    fn news(&mut self, news: News, timings: Option<Timings>) -> Option<Self::Chunk>;
    /// Sent last, where usage was asked for.
    fn usage(&self, usage: Usage) -> Self::Chunk;
}

/// An answer in progress, as the body of a response holds it: when the client goes, it is dropped.
struct Streaming<C> {
    shared: Arc<Shared>,
    answers: Answers,
    chunks: C,
    include_usage: bool,
    stage: Stage,
}

enum Stage {
    Opening,
    Answering,
    Over,
}

/// Sends the answers while they are made.
pub(crate) fn respond<C: Chunks>(
    shared: Arc<Shared>,
    answers: Answers,
    chunks: C,
    include_usage: bool,
) -> Response {
    let streaming = Streaming { shared, answers, chunks, include_usage, stage: Stage::Opening };
    sse::respond(unfold(streaming, async |mut streaming| {
        let bytes = streaming.next().await?;
        Some((bytes, streaming))
    }))
}

impl<C: Chunks> Streaming<C> {
    /// The next bytes of the body.
    async fn next(&mut self) -> Option<Bytes> {
        match self.stage {
            Stage::Opening => {
                self.stage = Stage::Answering;
                let opening = self.chunks.opening(self.answers.len());
                Some(opening.iter().map(event).collect::<Vec<_>>().concat().into())
            }
            Stage::Answering => Some(self.answering().await),
            Stage::Over => None,
        }
    }

    async fn answering(&mut self) -> Bytes {
        loop {
            match timeout(KEEP_ALIVE, self.answers.next()).await {
                Err(_) => return sse::WAITING,
                Ok(Ok(Some(news))) => {
                    let timings = self.answers.complete().then(|| self.answers.timings());
                    if let Some(chunk) = self.chunks.news(news, timings) {
                        return event(&chunk).into();
                    }
                }
                Ok(Ok(None)) => return self.closing(),
                Ok(Err(error)) => return self.broken(&error),
            }
        }
    }

    fn closing(&mut self) -> Bytes {
        self.stage = Stage::Over;
        self.answers.record(&self.shared.metrics);
        let usage = self.include_usage.then(|| event(&self.chunks.usage(self.answers.usage())));
        let mut bytes = usage.unwrap_or_default();
        bytes.extend_from_slice(b"data: [DONE]\n\n");
        bytes.into()
    }

    fn broken(&mut self, error: &ApiError) -> Bytes {
        self.stage = Stage::Over;
        event(&error.body()).into()
    }
}
