//! One request on its way: its tokens so far, how the next one is chosen, and who listens.

use crate::adapter::{Adapter, Loaded};
use crate::cache::CacheKey;
use crate::constraint::Constraint;
use crate::sampler::{SampleError, Sampler};
use crate::text::{Decoder, Step, StopMatcher, Tokenizer};
use crate::ticket::CancelFlag;
use crate::{Event, FinishReason, Model, Request, SubmitError, Timings, Usage};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

/// What hears a request's events, on the engine's thread.
pub(crate) type Listener = Box<dyn FnMut(Event) + Send>;

/// A request, waiting or running.
pub(crate) struct Sequence {
    /// The prompt, then the answer.
    tokens: Vec<u32>,
    /// Length of `tokens` at which the answer ends at the latest.
    most: usize,
    ignore_eos: bool,
    background: bool,
    adapter: Option<Arc<Loaded>>,
    logprobs: Option<usize>,
    sampler: Sampler,
    decoder: Decoder,
    stop: StopMatcher,
    /// The form of the answer, and room for the logits that keep to it.
    form: Option<(Constraint, Vec<f32>)>,
    usage: Usage,
    clock: Clock,
    cancel: CancelFlag,
    listener: Listener,
}

/// No next token.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AcceptError {
    /// The logits have none.
    #[error(transparent)]
    Sample(#[from] SampleError),
    /// The form could not be followed.
    #[error("{0}")]
    Form(String),
}

/// When a request passed its stations.
struct Clock {
    submitted: Instant,
    admitted: Option<Instant>,
    first_token: Option<Instant>,
    last_token: Option<Instant>,
}

impl Sequence {
    /// Checks a request and makes it ready to wait.
    pub(crate) fn new(
        request: Request,
        form: Option<Constraint>,
        model: &Model,
        context: usize,
        listener: Listener,
    ) -> Result<Self, SubmitError> {
        let prompt = request.prompt.len();
        let vocab = model.info.vocab_size;
        if prompt == 0 {
            return Err(SubmitError::EmptyPrompt);
        }
        if let Some(&id) = request.prompt.iter().find(|&&id| id as usize >= vocab) {
            return Err(SubmitError::UnknownToken { id, vocab });
        }
        if let Some(loaded) = &request.adapter {
            loaded.adapter().check(model.config())?;
        }
        let most = prompt.saturating_add(request.max_tokens.unwrap_or(0));
        if prompt >= context || most > context {
            return Err(SubmitError::ContextLengthExceeded {
                prompt,
                max_tokens: request.max_tokens,
                context,
            });
        }
        let seed = request.sampling.seed.unwrap_or_else(rand::random);
        let mut sampler = Sampler::new(&request.sampling, seed)?;
        sampler.see_prompt(&request.prompt);
        Ok(Sequence {
            most: if request.max_tokens.is_some() { most } else { context },
            ignore_eos: request.ignore_eos,
            background: request.background,
            adapter: request.adapter,
            logprobs: request.logprobs,
            sampler,
            decoder: Decoder::default(),
            stop: StopMatcher::new(&request.stop),
            form: form.map(|form| (form, Vec::new())),
            usage: Usage { prompt_tokens: prompt, ..Usage::default() },
            clock: Clock { submitted: Instant::now(), admitted: None, first_token: None, last_token: None },
            cancel: CancelFlag::default(),
            tokens: request.prompt,
            listener,
        })
    }

    /// The flag that ends this request.
    pub(crate) fn cancel_flag(&self) -> CancelFlag {
        self.cancel.clone()
    }

    /// Whether its caller wants no more of it.
    pub(crate) fn is_cancelled(&self) -> bool {
        self.cancel.is_set()
    }

    /// Whether it gives way to all that are not so.
    pub(crate) fn is_background(&self) -> bool {
        self.background
    }

    /// What its rows are computed with besides the model.
    pub(crate) fn adapter(&self) -> Option<&Adapter> {
        self.adapter.as_deref().map(Loaded::adapter)
    }

    /// Under which its blocks are found again.
    pub(crate) fn cache_key(&self) -> CacheKey {
        CacheKey(self.adapter.as_deref().map_or(0, Loaded::key))
    }

    /// The prompt, then the answer.
    pub(crate) fn tokens(&self) -> &[u32] {
        &self.tokens
    }

    /// It has a place, with `cached` of its tokens found in the cache. Returns whether for the first time: a
    /// sequence that had to give way comes back here.
    pub(crate) fn admitted(&mut self, cached: usize) -> bool {
        let first = self.clock.admitted.is_none();
        if first {
            self.clock.admitted = Some(Instant::now());
            self.usage.cached_tokens = cached;
        }
        first
    }

    /// `filled` of its tokens are computed.
    pub(crate) fn progressed(&mut self, filled: usize) {
        let total = self.usage.prompt_tokens;
        if self.tokens.len() == total {
            self.emit(Event::Prefill { done: filled, total });
        }
    }

    /// Chooses the next token from `logits [V]`. Returns why the answer is complete, if it is.
    pub(crate) fn accept(
        &mut self,
        logits: &[f32],
        tokenizer: &Tokenizer,
    ) -> Result<Option<FinishReason>, AcceptError> {
        if self.tokens.len() >= self.most {
            return Ok(Some(FinishReason::Length));
        }
        let mut logits = logits;
        if let Some((form, masked)) = &mut self.form {
            if !form.mask(logits, tokenizer, masked).map_err(AcceptError::Form)? {
                return Ok(Some(FinishReason::Stop));
            }
            logits = masked;
        }
        let info = self.sampler.sample(logits, self.logprobs)?;
        if (!self.ignore_eos || self.form.is_some()) && tokenizer.is_end(info.id) {
            return Ok(Some(FinishReason::Stop));
        }
        if let Some((form, _)) = &mut self.form {
            form.accept(info.id).map_err(AcceptError::Form)?;
        }
        let now = Instant::now();
        self.clock.first_token.get_or_insert(now);
        self.clock.last_token = Some(now);
        self.tokens.push(info.id);
        self.usage.completion_tokens += 1;
        let text = self.decoder.push(tokenizer, info.id);
        let Step { emit: text, stopped } = self.stop.push(&text);
        self.emit(Event::Token { text, info });
        if stopped {
            return Ok(Some(FinishReason::Stop));
        }
        Ok((self.tokens.len() >= self.most).then_some(FinishReason::Length))
    }

    /// Tells the listener that the answer is complete.
    pub(crate) fn finish(mut self, reason: FinishReason) {
        let text = self.stop.push(&self.decoder.finish()).emit + &self.stop.finish();
        let event = Event::Done { text, reason, usage: self.usage, timings: self.clock.timings() };
        self.emit(event);
    }

    /// Tells the listener that the answer cannot be completed.
    pub(crate) fn fail(mut self, why: &str) {
        self.emit(Event::Failed(why.to_owned()));
    }

    /// A listener that panics has stopped listening; it must not take the others' answers with it.
    fn emit(&mut self, event: Event) {
        if catch_unwind(AssertUnwindSafe(|| (self.listener)(event))).is_err() {
            tracing::error!("the listener of a request panicked; the request is cancelled");
            self.listener = Box::new(|_| {});
            self.cancel.set();
        }
    }
}

impl Clock {
    fn timings(&self) -> Timings {
        let now = Instant::now();
        let admitted = self.admitted.unwrap_or(now);
        let first = self.first_token.unwrap_or(now);
        Timings {
            queued: admitted - self.submitted,
            prefill: first.saturating_duration_since(admitted),
            decode: self.last_token.unwrap_or(first) - first,
        }
    }
}

impl std::fmt::Debug for Sequence {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Sequence({} of at most {} tokens)", self.tokens.len(), self.most)
    }
}
