//! One training run or cycle of learning at a time, in the gaps between answers: what `hone train` and `hone learn` do,
//! on the served copy of the weights.

use crate::adapters::Adapters;
use crate::event_log::{EventLog, Logged};
use crate::learning::Learning;
use crate::train_log::{Ended, Log};
use engine::Engine;
use learn::adapters::Manifest;
use learn::dataset::Chosen;
use learn::train::{Begun, Event, Folder, Order, Recipe, RunInfo, Sets, TrainError, new_id};
use serde_json::json;
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use store::Store;

/// The run that is going on, or the last one.
#[derive(Default)]
pub(crate) struct Training(Mutex<Current>);

#[derive(Default)]
struct Current {
    session: Option<Arc<Session>>,
    thread: Option<JoinHandle<()>>,
}

/// A run as its watchers see it.
pub(crate) struct Session {
    /// Id of the run.
    pub(crate) id: String,
    /// What the adapter will be called.
    pub(crate) name: String,
    /// The examples.
    pub(crate) data: String,
    /// Whether it is a cycle of learning, which ends in a decision.
    pub(crate) learning: bool,
    /// What has happened so far.
    pub(crate) log: Log,
    /// Whether it shall stop.
    pub(crate) stop: AtomicBool,
}

/// What shall be run.
pub(crate) enum Job {
    /// A new run.
    New(Box<Order>, Chosen),
    /// An interrupted one.
    Again(Folder, Box<RunInfo>, Chosen),
    /// A cycle of learning from conversations.
    Learn(Box<Learning>),
}

/// There is a run already, or its thread could not be started.
pub(crate) enum NotStarted {
    /// The run that is going on.
    Running(String),
    /// What the system said.
    Thread(std::io::Error),
}

impl Training {
    /// Starts a run beside the answers. One at a time.
    pub(crate) fn start(
        &self,
        adapters: Arc<Adapters>,
        engine: Arc<Engine>,
        job: Job,
        store: Option<Store>,
    ) -> Result<Arc<Session>, NotStarted> {
        let mut current = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(running) = current.session.as_ref().filter(|session| !session.log.is_ended()) {
            return Err(NotStarted::Running(running.id.clone()));
        }
        let (id, name, data) = match &job {
            Job::New(order, _) => (order.id.clone(), order.name.clone(), order.data.clone()),
            Job::Again(_, info, _) => (info.id.clone(), info.name.clone(), info.data.clone()),
            Job::Learn(_) => (new_id(&adapters.home.folder), "learned".into(), "conversations".into()),
        };
        let session = Arc::new(Session {
            id,
            name,
            learning: matches!(job, Job::Learn(_)),
            data: data.display().to_string(),
            log: Log::default(),
            stop: AtomicBool::new(false),
        });
        let told = Arc::clone(&session);
        let work = move || {
            let run = AssertUnwindSafe(|| run(&told, &adapters, &engine, job, store.as_ref()));
            told.log.end(match catch_unwind(run) {
                Ok(Ok(ended)) => ended,
                Ok(Err(error)) => Ended::Failed(error),
                Err(_) => Ended::Failed("training failed inside hone; the server's log says more".to_owned()),
            });
        };
        let thread = std::thread::Builder::new().name("training".into()).spawn(work);
        current.thread = Some(thread.map_err(NotStarted::Thread)?);
        current.session = Some(Arc::clone(&session));
        Ok(session)
    }

    /// The run that is going on, or the last one since the server started.
    pub(crate) fn session(&self) -> Option<Arc<Session>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).session.clone()
    }

    /// Asks the run to write a checkpoint and stop.
    pub(crate) fn stop(&self) {
        self.session().inspect(|session| session.stop());
    }

    /// Waits until the run is over.
    pub(crate) fn join(&self) {
        let thread = self.0.lock().unwrap_or_else(PoisonError::into_inner).thread.take();
        if let Some(thread) = thread {
            // It catches its own panics.
            let _ = thread.join();
        }
    }
}

impl Logged for Session {
    fn log(&self) -> &EventLog {
        &self.log.events
    }
}

impl Session {
    /// Asks the run to write a checkpoint and stop.
    pub(crate) fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
        self.log.stopping();
    }
}

/// The whole job, on its own thread.
fn run(
    session: &Session,
    adapters: &Adapters,
    engine: &Arc<Engine>,
    job: Job,
    store: Option<&Store>,
) -> Result<Ended, String> {
    let (home, model): (&Path, _) = (&adapters.home.folder, engine.model());
    let load = |chosen: &Chosen, recipe: &Recipe| -> Result<Sets, TrainError> {
        let sets = Sets::load(chosen, model, recipe)?;
        sets.remarks.iter().for_each(|remark| session.log.remark(remark));
        Ok(sets)
    };
    let (begun, chosen) = match job {
        Job::Learn(learning) => {
            return learning.run(session, adapters, engine).map_err(|error| error.to_string());
        }
        Job::New(order, chosen) => {
            (load(&chosen, &order.recipe).and_then(|sets| Begun::new(home, model, *order, sets)), chosen)
        }
        Job::Again(folder, info, chosen) => {
            let sets = load(&chosen, &info.recipe);
            let begun =
                sets.and_then(|sets| Begun::again(folder, *info, model, &adapters.base(model)?, sets));
            (begun, chosen)
        }
    };
    let adapter = begun.and_then(|begun| train(session, adapters, engine, begun));
    let Some(adapter) = adapter.map_err(|error| error.to_string())? else { return Ok(Ended::Stopped) };
    if let Some(Err(error)) = store.map(|store| learn::export::credit(store, &adapter, &chosen)) {
        tracing::warn!("deleting a conversation will not name adapter {}: {error}", adapter.id);
    }
    if let Some(store) = store {
        store.audit().note("adapter trained", json!({ "adapter": adapter.id, "data": session.data }));
    }
    Ok(Ended::Done(adapter.id))
}

/// A training run from its beginning, or from where it was, to its end; `None` where it was stopped.
fn train(
    session: &Session,
    adapters: &Adapters,
    engine: &Arc<Engine>,
    begun: Begun,
) -> Result<Option<Manifest>, TrainError> {
    let (home, model): (&Path, _) = (&adapters.home.folder, engine.model());
    let device = engine::train::cpu(adapters.home.threads)?;
    let (mut run, ending) = begun.run(Arc::clone(model), device)?;

    let stop = || session.stop.load(Ordering::Relaxed);
    // Both closures below are called in turns, never at once.
    let gaps = RefCell::new(engine.gaps());
    let mut pause = || {
        gaps.borrow_mut().next(&stop);
        stop()
    };
    let done = run.step();
    session.log.plan(run.plan(&mut pause), done);
    let outcome = run.run(&mut pause, &mut |event| {
        if let Event::Writing = event {
            gaps.borrow_mut().leave();
        }
        session.log.event(&event);
    })?;
    drop(gaps);
    if !outcome.finished {
        return Ok(None);
    }
    Ok(Some(ending.keep(home, &outcome)?))
}
