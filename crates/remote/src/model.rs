//! A model elsewhere, behind any base URL that speaks the OpenAI API. It is trusted with the prompt and with nothing
//! else: its answer is bounded and checked.

mod stream;
mod wire;

use crate::key::{Endpoint, EndpointError};
use crate::out::{self, Answer, Out, OutError};
use agent::model::{Cancel, End, Heard, Prompt};
use agent::{Model, ModelError, Provenance};
use reqwest::header::{CONTENT_TYPE, HeaderValue};
use reqwest::{Client, Method, Request};
use std::future::Future;
use std::time::Duration;
use stream::Stream;

/// Bytes of an error that are read.
const MOST_ERROR: usize = 64 << 10;
/// How long a cancelled answer may go unnoticed.
const GLANCE: Duration = Duration::from_millis(20);

/// How a remote model is used.
#[derive(Clone, Debug, PartialEq)]
pub struct RemoteOptions {
    /// The model's id there.
    pub model: String,
    /// Tokens that prompt and answer have together.
    pub window: usize,
    /// How long nothing may come: a long prompt takes its time before the first token.
    pub silence: Duration,
}

/// A model behind a base URL.
#[derive(Debug)]
pub struct RemoteModel {
    endpoint: Endpoint,
    options: RemoteOptions,
    client: Client,
    out: Out,
}

impl RemoteModel {
    /// The model at an endpoint, which the user set.
    pub fn new(endpoint: Endpoint, options: RemoteOptions, out: Out) -> Result<RemoteModel, EndpointError> {
        let builder = if endpoint.is_loopback() { out::client().no_proxy() } else { out::client() };
        let client = builder.build().map_err(|_| EndpointError::Address(endpoint.host().to_owned()))?;
        Ok(RemoteModel { endpoint, options, client, out })
    }

    fn request(&self, prompt: &Prompt) -> Request {
        let mut request = Request::new(Method::POST, self.endpoint.url("chat/completions"));
        let key = self.endpoint.bearer(request.url());
        let headers = request.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Some(key) = key {
            headers.insert("authorization", key);
        }
        *request.body_mut() = Some(wire::body(&self.options.model, prompt).to_string().into());
        request
    }

    async fn answer(
        &self,
        request: Request,
        cancel: &Cancel,
        hear: &mut dyn FnMut(Heard),
    ) -> Result<End, ModelError> {
        let sent = self.out.open(&self.client, request, "model", &self.options.model);
        let Some(response) = self.wait(cancel, sent).await? else { return Ok(stream::cancelled()) };
        let mut response = response.map_err(|error| self.unreachable(error))?;
        if response.status() != 200 {
            return Err(self.refusal(response, cancel).await);
        }
        let kind = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
        if !kind.starts_with("text/event-stream") {
            let host = self.endpoint.host();
            return Err(ModelError::Failed(format!("{host} does not stream: it answered with {kind:?}")));
        }
        let mut stream = Stream::default();
        loop {
            let Some(chunk) = self.wait(cancel, response.chunk()).await? else {
                return Ok(stream::cancelled());
            };
            let chunk = chunk.map_err(|error| self.unreachable(error))?;
            let complete = match &chunk {
                Some(bytes) => stream.push(bytes, hear),
                None => stream.end(hear).map(Some),
            };
            let failed = |why| ModelError::Failed(format!("{}: {why}", self.endpoint.host()));
            if let Some(end) = complete.map_err(failed)? {
                response.complete();
                return Ok(end);
            }
        }
    }

    /// Waits for `work` as long as it is allowed; `None` once `cancel` is set. Dropping the work ends the request.
    async fn wait<T>(&self, cancel: &Cancel, work: impl Future<Output = T>) -> Result<Option<T>, ModelError> {
        let stopped = async {
            while !cancel.is_set() {
                tokio::time::sleep(GLANCE).await;
            }
        };
        tokio::select! {
            biased;
            () = stopped => Ok(None),
            done = tokio::time::timeout(self.options.silence, work) => match done {
                Ok(done) => Ok(Some(done)),
                Err(_) => {
                    let (host, silence) = (self.endpoint.host(), self.options.silence);
                    Err(ModelError::Unreachable(format!("{host} sent nothing for {silence:?}")))
                }
            },
        }
    }

    async fn refusal(&self, mut response: Answer, cancel: &Cancel) -> ModelError {
        let status = response.status();
        let mut body = Vec::new();
        while body.len() < MOST_ERROR
            && let Ok(Some(Ok(Some(chunk)))) = self.wait(cancel, response.chunk()).await
        {
            body.extend_from_slice(&chunk);
        }
        wire::refusal(self.endpoint.host(), self.endpoint.has_key(), status, &body)
    }

    fn unreachable(&self, error: OutError) -> ModelError {
        match error {
            OutError::Offline => ModelError::Unreachable(error.to_string()),
            error => ModelError::Unreachable(format!("{} cannot be reached: {error}", self.endpoint.host())),
        }
    }
}

impl Model for RemoteModel {
    fn name(&self) -> &str {
        &self.options.model
    }

    fn origin(&self) -> Provenance {
        Provenance::Remote
    }

    fn window(&self) -> usize {
        self.options.window
    }

    /// Its tokenizer is not known: three bytes a token is more than most take for code and prose.
    fn count(&self, text: &str) -> usize {
        text.len().div_ceil(3)
    }

    fn ask(&self, prompt: &Prompt, cancel: &Cancel, hear: &mut dyn FnMut(Heard)) -> Result<End, ModelError> {
        out::block_on(self.answer(self.request(prompt), cancel, hear))
            .map_err(|error| self.unreachable(error))?
    }
}
