//! When a search is asked again.

use crate::out::{OutError, Reply};
use reqwest::header::RETRY_AFTER;
use std::time::Duration;

/// How long a provider is waited for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Patience {
    /// One request.
    pub request: Duration,
    /// The first wait after "too many requests" without a time; it doubles.
    pub backoff: Duration,
    /// The longest wait; a provider that asks for more is passed over.
    pub longest: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Patience {
            request: Duration::from_secs(20),
            backoff: Duration::from_millis(500),
            longest: Duration::from_secs(10),
        }
    }
}

/// Requests in all when a provider says 429.
const TRIES: u32 = 3;

impl Patience {
    /// Sends until the answer is final: after 429 up to three times, waiting as long as the answer says or longer each
    /// time, after 5xx once more, and otherwise not again.
    pub(crate) fn run(&self, mut send: impl FnMut() -> Result<Reply, OutError>) -> Result<Reply, OutError> {
        let mut tries = 0;
        loop {
            let reply = send()?;
            tries += 1;
            let wait = match reply.status {
                429 if tries < TRIES => asked(&reply).unwrap_or_else(|| self.jittered(tries)),
                500..=599 if tries < 2 => self.jittered(tries),
                _ => return Ok(reply),
            };
            if wait > self.longest {
                return Ok(reply);
            }
            std::thread::sleep(wait);
        }
    }

    /// Between half of the doubled wait and all of it, so that clients do not come back together.
    fn jittered(&self, tries: u32) -> Duration {
        let whole = self.backoff.saturating_mul(1 << (tries - 1).min(8));
        whole.mul_f64(0.5 + rand::random::<f64>() / 2.0)
    }
}

/// How long the answer asks to wait: in its header, or in the body of a refusal without a key.
fn asked(reply: &Reply) -> Option<Duration> {
    let header = reply.headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok());
    let header = header.and_then(|text| text.trim().parse::<f64>().ok());
    let seconds = header.or_else(|| {
        let body: serde_json::Value = serde_json::from_slice(&reply.body).ok()?;
        body.pointer("/error/retry_after_seconds")?.as_f64()
    })?;
    (seconds.is_finite() && seconds >= 0.0).then(|| Duration::from_secs_f64(seconds.min(1e6)))
}
