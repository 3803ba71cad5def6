//! To the engine and back: one request for each answer, and one place where their news is collected.
//!
//! The engine's thread must not wait for a slow client. It puts text into the [`Mailbox`], where text that
//! nobody has taken yet grows together: what waits is bounded by the context, not by the number of tokens.
//! Dropping [`Answers`] (the client has gone) cancels everything that is not done.

use super::types::{Finish, PromptTokensDetails, Timings, Usage};
use crate::error::ApiError;
use crate::metrics::Metrics;
use engine::{Constraint, Engine, Event, FinishReason, Request, Ticket, TokenInfo};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;

/// Answers that are being made.
pub(crate) struct Answers {
    mailbox: Arc<Mailbox>,
    /// Held for what happens when they are dropped.
    _tickets: Vec<Ticket>,
    /// Answers to each prompt; answer `i` belongs to prompt `i / n`.
    n: usize,
    ends: Vec<Option<End>>,
}

/// What happened to one answer since its news was last taken.
#[derive(Default)]
pub(crate) struct News {
    /// Which answer.
    pub(crate) index: usize,
    /// New text.
    pub(crate) text: String,
    /// New tokens.
    pub(crate) tokens: Vec<TokenInfo>,
    /// It is complete.
    pub(crate) end: Option<End>,
}

/// How an answer ended.
#[derive(Clone, Copy)]
pub(crate) struct End {
    reason: FinishReason,
    usage: engine::Usage,
    timings: engine::Timings,
}

impl News {
    /// Why the answer ended, if it did.
    pub(crate) fn finish(&self) -> Option<Finish> {
        self.end.and_then(|end| Finish::from_engine(end.reason))
    }
}

impl Answers {
    /// Hands the requests to the engine: all of them, or none.
    pub(crate) fn submit(
        engine: &Engine,
        requests: Vec<Request>,
        n: usize,
        prompt_field: &str,
    ) -> Result<Answers, ApiError> {
        Self::submit_formed(engine, requests, None, n, prompt_field)
    }

    /// The same for answers that must have a form.
    pub(crate) fn submit_formed(
        engine: &Engine,
        requests: Vec<Request>,
        form: Option<Constraint>,
        n: usize,
        prompt_field: &str,
    ) -> Result<Answers, ApiError> {
        let mailbox = Arc::new(Mailbox::new(requests.len()));
        let mut tickets = Vec::with_capacity(requests.len());
        for (index, request) in requests.into_iter().enumerate() {
            let mut slot = Slot { mailbox: Arc::clone(&mailbox), index };
            let ticket = engine
                .submit_formed(request, form.clone(), move |event| slot.put(event))
                .map_err(|error| ApiError::from_submit(&error, prompt_field))?;
            tickets.push(ticket);
        }
        Ok(Answers { ends: vec![None; tickets.len()], mailbox, _tickets: tickets, n })
    }

    /// How many answers there will be.
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is no more news to come.
    pub(crate) fn complete(&self) -> bool {
        self.ends.iter().all(Option::is_some)
    }

    /// Waits for news; `None` when every answer is complete.
    pub(crate) async fn next(&mut self) -> Result<Option<News>, ApiError> {
        while !self.complete() {
            if let Some(news) = self.mailbox.take()? {
                if let Some(end) = news.end {
                    self.ends[news.index] = Some(end);
                }
                return Ok(Some(news));
            }
            self.mailbox.changed.notified().await;
        }
        Ok(None)
    }

    /// Waits until every answer is complete.
    pub(crate) async fn collect(&mut self) -> Result<Vec<News>, ApiError> {
        let mut answers: Vec<News> = (0..self.len()).map(|index| News { index, ..News::default() }).collect();
        while let Some(news) = self.next().await? {
            let answer = &mut answers[news.index];
            answer.text.push_str(&news.text);
            answer.tokens.extend(news.tokens);
            answer.end = news.end;
        }
        Ok(answers)
    }

    /// Counts of the answers that are complete.
    pub(crate) fn usage(&self) -> Usage {
        let ends = || self.ends.iter().flatten();
        let firsts = || self.ends.iter().step_by(self.n.max(1)).flatten();
        let prompt_tokens = firsts().map(|end| end.usage.prompt_tokens).sum();
        let completion_tokens = ends().map(|end| end.usage.completion_tokens).sum();
        let cached_tokens = firsts().map(|end| end.usage.cached_tokens).sum();
        Usage {
            prompt_tokens,
            completion_tokens,
            total_tokens: prompt_tokens + completion_tokens,
            prompt_tokens_details: PromptTokensDetails { cached_tokens },
        }
    }

    /// Times of the answers that are complete.
    pub(crate) fn timings(&self) -> Timings {
        let longest = |time: fn(&engine::Timings) -> Duration| {
            self.ends.iter().flatten().map(|end| time(&end.timings)).max().unwrap_or_default()
        };
        let usage = self.usage();
        let (prefill, decode) = (longest(|t| t.prefill), longest(|t| t.decode));
        let computed =
            usage.prompt_tokens - usage.prompt_tokens_details.cached_tokens.min(usage.prompt_tokens);
        // The first token of each answer comes out of the prefill.
        let decoded = usage.completion_tokens.saturating_sub(self.len());
        Timings {
            queued_ms: millis(longest(|t| t.queued)),
            prefill_ms: millis(prefill),
            decode_ms: millis(decode),
            prefill_tokens_per_second: rate(computed, prefill),
            decode_tokens_per_second: rate(decoded, decode),
        }
    }

    /// Adds the complete answers to the counters.
    pub(crate) fn record(&self, metrics: &Metrics) {
        for end in self.ends.iter().flatten() {
            metrics.answered(&end.usage, &end.timings);
        }
    }
}

fn millis(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e3
}

/// Events in a second, and 0 where there was no time.
fn rate(count: usize, time: Duration) -> f64 {
    if time.is_zero() { 0.0 } else { (count as f64 / time.as_secs_f64() * 10.0).round() / 10.0 }
}

/// News of all answers, until it is taken.
struct Mailbox {
    slots: Mutex<Vec<Mail>>,
    changed: Notify,
}

#[derive(Default)]
struct Mail {
    news: News,
    waiting: bool,
    done: bool,
    failed: Option<String>,
}

impl Mailbox {
    fn new(answers: usize) -> Self {
        let mail = |index| Mail { news: News { index, ..News::default() }, ..Mail::default() };
        Mailbox { slots: Mutex::new((0..answers).map(mail).collect()), changed: Notify::new() }
    }

    fn slots(&self) -> MutexGuard<'_, Vec<Mail>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// News of the first answer that has some.
    fn take(&self) -> Result<Option<News>, ApiError> {
        for (index, mail) in self.slots().iter_mut().enumerate() {
            if let Some(reason) = &mail.failed {
                return Err(ApiError::engine(reason.clone()));
            }
            if std::mem::take(&mut mail.waiting) {
                return Ok(Some(std::mem::replace(&mut mail.news, News { index, ..News::default() })));
            }
        }
        Ok(None)
    }
}

/// The engine's end of the mailbox, for one answer.
struct Slot {
    mailbox: Arc<Mailbox>,
    index: usize,
}

impl Slot {
    fn put(&mut self, event: Event) {
        {
            let mail = &mut self.mailbox.slots()[self.index];
            match event {
                Event::Prefill { .. } => return,
                Event::Token { text, info } => {
                    mail.news.text.push_str(&text);
                    mail.news.tokens.push(info);
                }
                Event::Done { reason: FinishReason::Cancelled, .. } => {
                    mail.failed = Some("the answer was cut off".to_owned());
                }
                Event::Done { text, reason, usage, timings } => {
                    mail.news.text.push_str(&text);
                    mail.news.end = Some(End { reason, usage, timings });
                    mail.done = true;
                }
                Event::Failed(reason) => mail.failed = Some(reason),
            }
            mail.waiting = true;
        }
        self.mailbox.changed.notify_one();
    }
}

/// An engine that forgets a request must not leave its client waiting.
impl Drop for Slot {
    fn drop(&mut self) {
        {
            let mail = &mut self.mailbox.slots()[self.index];
            if !mail.done && mail.failed.is_none() {
                mail.failed = Some("the engine has stopped".to_owned());
            }
        }
        self.mailbox.changed.notify_one();
    }
}
