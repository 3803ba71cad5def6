//! What the handlers share.

use crate::adapters::{Adapters, Choice};
use crate::brain::Brain;
use crate::embedding::Embedding;
use crate::error::ApiError;
use crate::gate;
use crate::indexing::Indexing;
use crate::metrics::Metrics;
use crate::options::{Home, Limits};
use crate::program::Program;
use crate::training::Training;
use crate::turns::Turns;
use engine::adapter::Loaded;
use engine::embed::TextEncoder;
use engine::{Engine, Model};
use learn::adapters::AdaptersError;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};
use std::time::{SystemTime, UNIX_EPOCH};
use store::Store;
use tokio::sync::Semaphore;

/// The model that is served: its public name, and the engine once it is loaded.
#[derive(Clone)]
pub struct AppState(Arc<Served>);

struct Served {
    name: String,
    phase: RwLock<Phase>,
    /// `None` where there is no data folder: then there are no adapters and no training.
    adapters: Option<Arc<Adapters>>,
    training: Training,
    /// `None` where conversations are not kept.
    brain: OnceLock<Brain>,
    turns: Arc<Turns>,
    indexing: Indexing,
    embedding: OnceLock<Arc<Embedding>>,
    /// `None` where there are no models and settings to change.
    program: OnceLock<Arc<dyn Program>>,
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
        AppState::make(name.into(), None)
    }

    /// The same with a data folder: with adapters and training.
    pub fn with_home(name: impl Into<String>, home: Home) -> Self {
        let name = name.into();
        let adapters = Adapters::new(&name, home);
        AppState::make(name, Some(Arc::new(adapters)))
    }

    fn make(name: String, adapters: Option<Arc<Adapters>>) -> Self {
        let phase = RwLock::new(Phase::Loading);
        AppState(Arc::new(Served {
            name,
            phase,
            adapters,
            training: Training::default(),
            brain: OnceLock::new(),
            turns: Arc::default(),
            indexing: Indexing::default(),
            embedding: OnceLock::new(),
            program: OnceLock::new(),
        }))
    }

    /// From now on conversations are kept, and answered with these parts. Only the first call counts.
    pub fn with_brain(self, brain: Brain) -> Self {
        let _ = self.0.brain.set(brain);
        self
    }

    /// From now on models and settings can be seen and changed. Only the first call counts.
    pub fn with_program(self, program: Arc<dyn Program>) -> Self {
        let _ = self.0.program.set(program);
        self
    }

    pub(crate) fn program(&self) -> Option<Arc<dyn Program>> {
        self.0.program.get().cloned()
    }

    /// Asks all turns of conversations to end, and lets none begin; what they have said is kept.
    pub fn stop_turns(&self) {
        self.0.turns.close();
    }

    /// Serves embeddings under `name`, by a model that `open` opens at the first request for them. The error of
    /// `open` is what the client sees. Only the first call counts.
    pub fn embed_with(
        &self,
        name: impl Into<String>,
        open: impl Fn() -> Result<Arc<TextEncoder>, String> + Send + Sync + 'static,
    ) {
        let embedding = Embedding::new(name.into(), Box::new(open));
        let _ = self.0.embedding.set(Arc::new(embedding));
    }

    pub(crate) fn embedding(&self) -> Result<Arc<Embedding>, ApiError> {
        self.0.embedding.get().cloned().ok_or_else(ApiError::no_embedding)
    }

    /// Asks the training run, if there is one, to write a checkpoint and stop.
    pub fn stop_training(&self) {
        self.0.training.stop();
    }

    /// Waits until the training run is over.
    pub fn join_training(&self) {
        self.0.training.join();
    }

    /// Fails where the adapter that every answer shall have cannot be used. Reads files; makes the first answer quick.
    ///
    /// # Errors
    /// What is wrong with the adapter, for people.
    pub fn check_adapter(&self, model: &Model) -> Result<(), String> {
        let Some(adapters) = &self.0.adapters else { return Ok(()) };
        adapters.choose(model, &Choice::InUse).map(|_| ()).map_err(|error| error.to_string())
    }

    /// Asks the pass over a folder, if there is one, to end; what is done is kept.
    pub fn stop_indexing(&self) {
        self.0.indexing.stop();
    }

    pub(crate) fn indexing(&self) -> &Indexing {
        &self.0.indexing
    }

    /// This state as long as something else keeps it.
    pub(crate) fn weak(&self) -> impl Fn() -> Option<AppState> + Send + use<> {
        let weak = Arc::downgrade(&self.0);
        move || weak.upgrade().map(AppState)
    }

    /// What learning needs, once all of it is there.
    pub(crate) fn parts(&self) -> Option<(Brain, Arc<Adapters>, Arc<Engine>)> {
        Some((self.0.brain.get()?.clone(), self.0.adapters.clone()?, self.engine()?))
    }

    pub(crate) fn training(&self) -> &Training {
        &self.0.training
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

/// A model that answers, and its adapters.
pub(crate) struct Ready {
    pub(crate) model: Arc<Model>,
    pub(crate) adapters: Arc<Adapters>,
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
    pub(crate) turns: Arc<Turns>,
}

impl Shared {
    pub(crate) fn new(served: AppState, limits: Limits) -> Self {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        Shared {
            turns: Arc::clone(&served.0.turns),
            served,
            limits,
            metrics: Metrics::default(),
            body_budget: Semaphore::new(limits.body_bytes_total),
            tokenising: Arc::new(Semaphore::new(processors)),
        }
    }

    /// Makes tokens, or reads files, away from the threads that serve connections.
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
            tracing::error!(%error, "work for a request panicked");
            ApiError::internal()
        })?
    }

    /// Works with the model and its adapters, away from the threads that serve connections.
    pub(crate) async fn with_model<T: Send + 'static>(
        &self,
        work: impl FnOnce(Ready) -> Result<T, ApiError> + Send + 'static,
    ) -> Result<T, ApiError> {
        let (engine, adapters) = (self.engine()?, self.adapters()?);
        let ready = Ready { model: Arc::clone(engine.model()), adapters };
        drop(engine);
        self.tokenise(move || work(ready)).await
    }

    /// The adapter that answers a request.
    pub(crate) async fn adapter(
        &self,
        engine: &Arc<Engine>,
        choice: Choice,
    ) -> Result<Option<Arc<Loaded>>, ApiError> {
        let Some(adapters) = self.served.0.adapters.clone().filter(|_| choice != Choice::Base) else {
            return match choice {
                Choice::Named(text) => Err(ApiError::unknown_adapter(&text)),
                _ => Ok(None),
            };
        };
        let model = Arc::clone(engine.model());
        let choose = move || {
            adapters.choose(&model, &choice).map_err(|error| match (error, choice) {
                (AdaptersError::NotFound(_), Choice::Named(text)) => ApiError::unknown_adapter(&text),
                (error, _) => ApiError::from(error).param("model"),
            })
        };
        self.tokenise(choose).await
    }

    /// The parts of the agent, or the error that a client should see. What is changed in its store is noted as the
    /// change of whoever has sent the request.
    pub(crate) fn brain(&self) -> Result<Brain, ApiError> {
        let brain = self.served.0.brain.get().cloned().ok_or_else(ApiError::no_store)?;
        Ok(Brain { store: brain.store.by(gate::by()), ..brain })
    }

    /// Works with the store on a thread that may wait for the disk.
    pub(crate) async fn with_store<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Store) -> Result<T, ApiError> + Send + 'static,
    ) -> Result<T, ApiError> {
        let store = self.brain()?.store;
        tokio::task::spawn_blocking(move || work(&store)).await.map_err(|error| {
            tracing::error!(%error, "work with the store panicked");
            ApiError::internal()
        })?
    }

    /// The adapters, or the error that a client should see.
    pub(crate) fn adapters(&self) -> Result<Arc<Adapters>, ApiError> {
        self.served.0.adapters.clone().ok_or_else(ApiError::no_home)
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
