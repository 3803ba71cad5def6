//! What went out, what it cost, and what came back lately.

use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use store::{Request, Store, StoreError, Time};

/// One request that left this machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outgoing {
    /// `web_search`, `page`, `model`, `usage`, `index`.
    pub purpose: String,
    /// `GET` or `POST`.
    pub method: String,
    /// Where it went: scheme, host and path, without query.
    pub to: String,
    /// What it was about: the query, the address. Never a key.
    pub about: String,
    /// Bytes of its body.
    pub bytes: usize,
}

/// How a request that has left ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answered {
    /// The HTTP status, where there was an answer.
    pub status: Option<u16>,
    /// Bytes of the answer's body.
    pub received: usize,
    /// What went wrong.
    pub error: Option<String>,
    /// From before it was sent to the end of the answer.
    pub took: Duration,
}

/// Keeps what went out. The store has a durable one.
pub trait Ledger: Send + Sync {
    /// A request is about to leave. Gives its number.
    fn outgoing(&self, request: &Outgoing) -> i64;

    /// How the request with this number ended.
    fn answered(&self, number: i64, how: &Answered);

    /// The answer to the same question, if it is fresh.
    fn cached(&self, question: &str) -> Option<String>;

    /// Keeps an answer for a while.
    fn cache(&self, question: &str, answer: &str);

    /// `credits` were spent at a provider.
    fn spent(&self, provider: &str, credits: u32);

    /// Credits spent at a provider so far.
    fn credits(&self, provider: &str) -> u64;
}

/// Answers that are kept in memory at most.
const MOST: usize = 200;

/// A ledger that lasts as long as the process.
#[derive(Debug, Default)]
pub struct MemoryLedger(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    sent: Vec<Outgoing>,
    answered: HashMap<i64, Answered>,
    answers: HashMap<String, String>,
    credits: HashMap<String, u64>,
}

impl MemoryLedger {
    /// Everything that went out.
    pub fn sent(&self) -> Vec<Outgoing> {
        self.lock().sent.clone()
    }

    /// How the requests ended, in the order in which they were sent; none for one that is on its way.
    pub fn answered(&self) -> Vec<Option<Answered>> {
        let kept = self.lock();
        (0..kept.sent.len() as i64).map(|number| kept.answered.get(&number).cloned()).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ledger for MemoryLedger {
    fn outgoing(&self, request: &Outgoing) -> i64 {
        let mut kept = self.lock();
        kept.sent.push(request.clone());
        kept.sent.len() as i64 - 1
    }

    fn answered(&self, number: i64, how: &Answered) {
        self.lock().answered.insert(number, how.clone());
    }

    fn cached(&self, question: &str) -> Option<String> {
        self.lock().answers.get(question).cloned()
    }

    fn cache(&self, question: &str, answer: &str) {
        let mut kept = self.lock();
        if kept.answers.len() >= MOST {
            kept.answers.clear();
        }
        kept.answers.insert(question.to_owned(), answer.to_owned());
    }

    fn spent(&self, provider: &str, credits: u32) {
        *self.lock().credits.entry(provider.to_owned()).or_default() += u64::from(credits);
    }

    fn credits(&self, provider: &str) -> u64 {
        self.lock().credits.get(provider).copied().unwrap_or(0)
    }
}

/// How long an answer from the web counts as fresh.
const FRESH: Duration = Duration::from_secs(24 * 60 * 60);
/// Where answers stand in the store's cache.
const SPACE: &str = "web search";

/// The ledger in the store. It keeps no query and no text, only where requests went and how large they were.
pub struct StoreLedger(pub Arc<Store>);

impl Ledger for StoreLedger {
    fn outgoing(&self, request: &Outgoing) -> i64 {
        let Outgoing { purpose, method, to, bytes, .. } = request.clone();
        let number = told(self.0.outgoing().log(Request {
            time: Time::now(),
            purpose,
            method,
            address: to,
            sent: bytes as u64,
            received: 0,
            status: None,
            error: None,
            millis: 0,
            credits: 0.0,
        }));
        number.unwrap_or(-1) // no row has it
    }

    fn answered(&self, number: i64, how: &Answered) {
        let Answered { status, received, error, took } = how.clone();
        let millis = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        told(self.0.outgoing().answered(number, status, received as u64, error, millis));
    }

    fn cached(&self, question: &str) -> Option<String> {
        let (answer, _) = told(self.0.outgoing().cached(SPACE, question))??;
        answer.as_str().map(str::to_owned)
    }

    fn cache(&self, question: &str, answer: &str) {
        told(self.0.outgoing().cache(SPACE, question, &answer.into(), FRESH));
    }

    fn spent(&self, provider: &str, credits: u32) {
        told(self.0.outgoing().charge(provider, credits.into()));
    }

    fn credits(&self, provider: &str) -> u64 {
        told(self.0.outgoing().charged(provider)).map_or(0, |credits| credits.ceil() as u64)
    }
}

/// A ledger that cannot be written is told, and keeps nobody from an answer.
fn told<T>(result: Result<T, StoreError>) -> Option<T> {
    result.inspect_err(|error| tracing::warn!(%error, "what goes out cannot be written down")).ok()
}
