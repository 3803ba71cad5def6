//! The way out: every request of this crate passes `Out::open`.

use crate::ledger::{Answered, Ledger, Outgoing};
use reqwest::header::HeaderMap;
use reqwest::{Client, ClientBuilder, Request, Response, redirect};
use std::error::Error as _;
use std::future::Future;
use std::ops::Deref;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Sends requests, unless hone is offline, and writes each down before it leaves.
#[derive(Clone)]
pub struct Out {
    offline: bool,
    ledger: Arc<dyn Ledger>,
}

/// What a request may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// From the first byte out to the last byte in.
    pub(crate) time: Duration,
    /// Bytes of the answer.
    pub(crate) bytes: usize,
}

/// A complete answer.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum OutError {
    #[error("hone is offline (--offline or HONE_OFFLINE), so no request was made")]
    Offline,
    #[error("there was no complete answer within {0:?}")]
    Slow(Duration),
    #[error("the answer has more than {0} bytes")]
    Large(usize),
    #[error("{0}")]
    Network(String),
}

impl Out {
    /// A way out that writes into `ledger`; closed where `offline` is set.
    pub fn new(offline: bool, ledger: Arc<dyn Ledger>) -> Out {
        Out { offline, ledger }
    }

    /// What went out.
    pub(crate) fn ledger(&self) -> &dyn Ledger {
        &*self.ledger
    }

    /// Whether nothing goes out.
    pub fn is_offline(&self) -> bool {
        self.offline
    }

    /// Sends a request and reads its answer. Blocks.
    pub(crate) fn send(
        &self,
        client: &Client,
        request: Request,
        purpose: &str,
        about: &str,
        bounds: Bounds,
    ) -> Result<Reply, OutError> {
        block_on(async {
            let answer = async {
                let mut response = self.open(client, request, purpose, about).await?;
                let (status, headers) = (response.status(), response.headers().clone());
                let mut body = Vec::new();
                while let Some(chunk) = response.chunk().await? {
                    if body.len() + chunk.len() > bounds.bytes {
                        return Err(response.failed(OutError::Large(bounds.bytes)));
                    }
                    body.extend_from_slice(&chunk);
                }
                Ok(Reply { status, headers, body })
            };
            tokio::time::timeout(bounds.time, answer).await.map_err(|_| OutError::Slow(bounds.time))?
        })?
    }

    /// The one place that sends.
    pub(crate) async fn open(
        &self,
        client: &Client,
        request: Request,
        purpose: &str,
        about: &str,
    ) -> Result<Answer, OutError> {
        if self.offline {
            return Err(OutError::Offline);
        }
        let mut to = request.url().clone();
        to.set_query(None);
        let bytes = request.body().and_then(|body| body.as_bytes()).map_or(0, <[u8]>::len);
        let method = request.method().to_string();
        let entry =
            Outgoing { purpose: purpose.to_owned(), method, to: to.into(), about: about.to_owned(), bytes };
        tracing::info!(purpose, to = entry.to, bytes, "a request leaves this machine");
        let mut noted = Noted {
            number: self.ledger.outgoing(&entry),
            ledger: self.ledger.clone(),
            how: Answered {
                error: Some("given up before the answer was complete".to_owned()),
                ..Answered::default()
            },
            began: Instant::now(),
        };
        match client.execute(request).await {
            Ok(response) => {
                noted.how.status = Some(response.status().as_u16());
                Ok(Answer { response, noted })
            }
            Err(error) => Err(noted.failed(network(error))),
        }
    }
}

/// An answer on its way. How it ended is written down when it is dropped.
pub(crate) struct Answer {
    response: Response,
    noted: Noted,
}

/// A request that was written down; how it ended is, when this is dropped.
struct Noted {
    ledger: Arc<dyn Ledger>,
    number: i64,
    how: Answered,
    began: Instant,
}

impl Answer {
    pub(crate) fn status(&self) -> u16 {
        self.response.status().as_u16()
    }

    pub(crate) fn headers(&self) -> &HeaderMap {
        self.response.headers()
    }

    /// More of the body; `None` at its end.
    pub(crate) async fn chunk(&mut self) -> Result<Option<impl Deref<Target = [u8]> + use<>>, OutError> {
        match self.response.chunk().await {
            Ok(Some(chunk)) => {
                self.noted.how.received += chunk.len();
                Ok(Some(chunk))
            }
            Ok(None) => {
                self.noted.how.error = None;
                Ok(None)
            }
            Err(error) => Err(self.failed(network(error))),
        }
    }

    /// Nothing more is expected, whatever is still on its way.
    pub(crate) fn complete(&mut self) {
        self.noted.how.error = None;
    }

    /// Notes what went wrong, and hands it on.
    pub(crate) fn failed(&mut self, error: OutError) -> OutError {
        self.noted.failed(error)
    }
}

impl Noted {
    fn failed(&mut self, error: OutError) -> OutError {
        self.how.error = Some(error.to_string());
        error
    }
}

impl Drop for Noted {
    fn drop(&mut self) {
        self.how.took = self.began.elapsed();
        self.ledger.answered(self.number, &self.how);
    }
}

/// The settings of all clients: redirects are never followed by themselves, and nothing tells where it comes from.
pub(crate) fn client() -> ClientBuilder {
    // An error means that the program has chosen a provider already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder()
        .user_agent(concat!("hone/", env!("CARGO_PKG_VERSION")))
        .redirect(redirect::Policy::none())
        .referer(false)
        .connect_timeout(Duration::from_secs(5))
}

/// Runs a request on a runtime of its own: the callers of this crate are threads.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> Result<T, OutError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| OutError::Network(format!("cannot start a request: {error}")))?;
    let result = runtime.block_on(future);
    // A system lookup that hangs must not hold the caller.
    runtime.shutdown_background();
    Ok(result)
}

/// The innermost cause says most; the outer ones repeat the address.
pub(crate) fn network(error: reqwest::Error) -> OutError {
    if error.is_timeout() {
        return OutError::Network("it could not be reached in time".to_owned());
    }
    let mut cause = error.source();
    let mut reason = "the connection failed".to_owned();
    while let Some(inner) = cause {
        reason = inner.to_string();
        cause = inner.source();
    }
    OutError::Network(reason.chars().take(300).collect())
}

impl std::fmt::Debug for Out {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Out(offline: {})", self.offline)
    }
}
