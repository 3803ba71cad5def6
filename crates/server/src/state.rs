//! What the handlers share.

use crate::error::ApiError;
use crate::metrics::Metrics;
use crate::options::Limits;
use engine::Engine;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::sync::Semaphore;

/// The model that is served: its public name, and the engine once it is loaded.
#[derive(Clone)]
pub struct AppState(Arc<Served>);

struct Served {
    name: String,
    phase: RwLock<Phase>,
}

/// How far loading has come.
#[derive(Clone)]
pub(crate) enum Phase {
    Loading,
    Ready { engine: Arc<Engine>, since: u64 },
    Failed(String),
}

impl AppState {
    /// A server that says `loading` until [`loaded`](Self::loaded) is called.
    pub fn new(name: impl Into<String>) -> Self {
        AppState(Arc::new(Served { name: name.into(), phase: RwLock::new(Phase::Loading) }))
    }

    /// From now on requests are answered by this engine.
    pub fn loaded(&self, engine: Arc<Engine>) {
        self.set(Phase::Ready { engine, since: unix_now() });
    }

    /// From now on requests are refused with this reason.
    pub fn failed(&self, reason: impl Into<String>) {
        self.set(Phase::Failed(reason.into()));
    }

    /// The public name of the model.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// The engine, once there is one.
    pub fn engine(&self) -> Option<Arc<Engine>> {
        match self.phase() {
            Phase::Ready { engine, .. } => Some(engine),
            _ => None,
        }
    }

    pub(crate) fn phase(&self) -> Phase {
        self.0.phase.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, phase: Phase) {
        *self.0.phase.write().unwrap_or_else(PoisonError::into_inner) = phase;
    }
}

/// One running server: what it serves, its limits and its counters.
pub(crate) struct Shared {
    pub(crate) served: AppState,
    pub(crate) limits: Limits,
    pub(crate) metrics: Metrics,
    /// Bytes of request bodies that may still be taken in.
    pub(crate) body_budget: Semaphore,
    /// Prompts that may be rendered and tokenised at the same time: it is work for a processor.
    pub(crate) tokenising: Arc<Semaphore>,
}

impl Shared {
    pub(crate) fn new(served: AppState, limits: Limits) -> Self {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        Shared {
            served,
            limits,
            metrics: Metrics::default(),
            body_budget: Semaphore::new(limits.body_bytes_total),
            tokenising: Arc::new(Semaphore::new(processors)),
        }
    }

    /// Makes tokens, away from the threads that serve connections.
    pub(crate) async fn tokenise<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, ApiError> + Send + 'static,
    ) -> Result<T, ApiError> {
        let place = Arc::clone(&self.tokenising).acquire_owned().await.map_err(|_| ApiError::internal())?;
        let work = move || {
            let _place = place; // held to the end of the work, even if the client goes
            work()
        };
        tokio::task::spawn_blocking(work).await.map_err(|error| {
            tracing::error!(%error, "a prompt could not be made");
            ApiError::internal()
        })?
    }

    /// The engine, or the error that a client should see.
    pub(crate) fn engine(&self) -> Result<Arc<Engine>, ApiError> {
        match self.served.phase() {
            Phase::Ready { engine, .. } => Ok(engine),
            Phase::Loading => Err(ApiError::loading()),
            Phase::Failed(reason) => Err(ApiError::load_failed(&reason)),
        }
    }
}

/// Seconds since 1970.
pub(crate) fn unix_now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs())
}
