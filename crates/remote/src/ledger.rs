//! What went out, what it cost, and what came back lately.

use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// One request that left this machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outgoing {
    /// `web_search`, `page`, `model`, `usage`.
    pub purpose: String,
    /// Where it went: scheme, host and path, without query.
    pub to: String,
    /// What it was about: the query, the address. Never a key.
    pub about: String,
    /// Bytes of its body.
    pub bytes: usize,
}

/// Keeps what went out. The store has a durable one.
pub trait Ledger: Send + Sync {
    /// A request is about to leave.
    fn outgoing(&self, request: &Outgoing);

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
    answers: HashMap<String, String>,
    credits: HashMap<String, u64>,
}

impl MemoryLedger {
    /// Everything that went out.
    pub fn sent(&self) -> Vec<Outgoing> {
        self.lock().sent.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ledger for MemoryLedger {
    fn outgoing(&self, request: &Outgoing) {
        self.lock().sent.push(request.clone());
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
