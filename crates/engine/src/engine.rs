//! A running model. One thread owns the model, its cache and its device; everyone else holds this handle.

use crate::cache::Cache;
use crate::queue::Queue;
use crate::scheduler::{Limits, Scheduler};
use crate::sequence::Sequence;
use crate::turns::{Gaps, Turns};
use crate::{Constraint, Event, Model, Request, Stats, SubmitError, Ticket, machine};
use kernels::cpu::{Cpu, CpuError, CpuOptions};
use kernels::{Device, KV_BLOCK, KvFormat, KvShape, KvStore};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;

/// Context that is used where neither the options nor the model ask for less.
const DEFAULT_CONTEXT: usize = 8192;

/// How an engine is set up. The default suits one person at one machine.
#[derive(Clone, Debug)]
pub struct EngineOptions {
    /// Threads that compute; `None` is one for each physical core.
    pub threads: Option<usize>,
    /// Tokens that one sequence holds, prompt and answer; `None` is the model's own limit, at most 8,192.
    pub context: Option<usize>,
    /// Sequences that are computed at once.
    pub sequences: usize,
    /// Requests that may wait for a place; more are refused as busy.
    pub queue: usize,
    /// How keys and values are stored.
    pub kv_format: KvFormat,
    /// Bytes of the cache at most; `None` is enough for all sequences, within a quarter of the memory.
    pub kv_bytes: Option<usize>,
    /// Prompt tokens that one step takes in while other requests are being answered.
    pub prefill_chunk: usize,
}

impl Default for EngineOptions {
    fn default() -> Self {
        EngineOptions {
            threads: None,
            context: None,
            sequences: 4,
            queue: 64,
            kv_format: KvFormat::F16,
            kv_bytes: None,
            prefill_chunk: 64,
        }
    }
}

/// The engine could not start.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// An option that has no meaning.
    #[error("{option} must be at least {least}, got {value}")]
    Option {
        /// Name of the option.
        option: &'static str,
        /// Smallest value.
        least: usize,
        /// What came.
        value: usize,
    },
    /// More context than the model was made for.
    #[error("a context of {asked} tokens was asked for and the model was trained for {model}; ask for less")]
    Context {
        /// Tokens asked for.
        asked: usize,
        /// Tokens the model can hold.
        model: usize,
    },
    /// The cache cannot hold one sequence.
    #[error(
        "one sequence of {context} tokens needs {needed} bytes of cache and {given} are allowed; allow more or lower the context"
    )]
    CacheTooSmall {
        /// Tokens of one sequence.
        context: usize,
        /// Bytes that it needs.
        needed: usize,
        /// Bytes allowed.
        given: usize,
    },
    /// The cache format groups values by 32.
    #[error(
        "a Q8_0 cache needs heads whose width is a multiple of 32, and this model's are {head_dim} wide; use f16"
    )]
    CacheFormat {
        /// Width of a head.
        head_dim: usize,
    },
    /// The processor could not be set up.
    #[error("cannot set up the processor: {0}")]
    Device(#[from] CpuError),
    /// The system gave no thread.
    #[error("cannot start the engine's thread: {0}")]
    Thread(#[from] std::io::Error),
}

/// A model at work. Share it as `Arc<Engine>`. Dropping it stops its thread; requests that still run get
/// [`Event::Failed`].
#[derive(Debug)]
pub struct Engine {
    model: Arc<Model>,
    device: String,
    context: usize,
    queue: Arc<Queue>,
    turns: Arc<Turns>,
    thread: Option<JoinHandle<()>>,
}

impl Engine {
    /// Starts the engine's thread on this machine's processor.
    pub fn start(model: Arc<Model>, options: EngineOptions) -> Result<Engine, EngineError> {
        let threads = options.threads.unwrap_or_else(machine::physical_cores);
        at_least("threads", 1, threads)?;
        let cpu = Cpu::new(CpuOptions { threads: Some(threads), isa: None })?;
        Self::start_on(model, Box::new(cpu), options)
    }

    /// Starts the engine's thread on `device`; `options.threads` is the device's affair and not read.
    pub fn start_on(
        model: Arc<Model>,
        device: Box<dyn Device>,
        options: EngineOptions,
    ) -> Result<Engine, EngineError> {
        at_least("sequences", 1, options.sequences)?;
        at_least("prefill_chunk", 1, options.prefill_chunk)?;
        let context = context(&model, options.context)?;
        let shape = model.kv_shape(options.kv_format);
        let blocks = cache_blocks(shape, context, &options)?;

        let queue = Arc::new(Queue::new(options.sequences, options.queue, blocks));
        let turns = Arc::new(Turns::default());
        let limits = Limits::new(&model, &options);
        let name = device.describe();
        let cache = Cache::new(KvStore::new(shape), blocks);
        let scheduler = Scheduler::new(model.clone(), device, cache, limits, (queue.clone(), turns.clone()));
        let thread = std::thread::Builder::new().name("engine".into()).spawn(move || scheduler.run())?;
        Ok(Engine { model, device: name, context, queue, turns, thread: Some(thread) })
    }

    /// What is being run.
    pub fn model(&self) -> &Arc<Model> {
        &self.model
    }

    /// Tokens that one sequence holds, prompt and answer.
    pub fn context(&self) -> usize {
        self.context
    }

    /// What computes, for people.
    pub fn device(&self) -> String {
        self.device.clone()
    }

    /// Queues a request. Its events arrive on the engine's thread: the closure must not block.
    pub fn submit(
        &self,
        request: Request,
        on_event: impl FnMut(Event) + Send + 'static,
    ) -> Result<Ticket, SubmitError> {
        self.submit_formed(request, None, on_event)
    }

    /// The same for an answer that must have a form.
    pub fn submit_formed(
        &self,
        request: Request,
        form: Option<Constraint>,
        on_event: impl FnMut(Event) + Send + 'static,
    ) -> Result<Ticket, SubmitError> {
        let sequence = Sequence::new(request, form, &self.model, self.context, Box::new(on_event))?;
        let ticket = Ticket::new(sequence.cancel_flag());
        self.queue.submit(sequence)?;
        Ok(ticket)
    }

    /// Queues a request whose events are read by iterating.
    pub fn generate(&self, request: Request) -> Result<Generation, SubmitError> {
        let (sender, events) = mpsc::channel();
        // A reader that went away has dropped the ticket too: nothing is lost with its events.
        let ticket = self.submit(request, move |event| drop(sender.send(event)))?;
        Ok(Generation { ticket, events })
    }

    /// The gaps between answers, for a training run on the same cores.
    pub fn gaps(&self) -> Gaps {
        Gaps::new(self.turns.clone(), self.queue.clone())
    }

    /// What the engine is doing, and what it has done.
    pub fn stats(&self) -> Stats {
        self.queue.stats()
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.queue.stop();
        if let Some(thread) = self.thread.take()
            && thread.thread().id() != std::thread::current().id()
        {
            // The thread catches panics of its steps; one that got through has nothing more to tell.
            let _ = thread.join();
        }
    }
}

/// A request's events, as they happen. Dropping it cancels the request.
#[derive(Debug)]
pub struct Generation {
    ticket: Ticket,
    events: mpsc::Receiver<Event>,
}

impl Generation {
    /// Ends the answer soon; the last event is then a `Done` with [`crate::FinishReason::Cancelled`].
    pub fn cancel(&self) {
        self.ticket.cancel();
    }
}

impl Iterator for Generation {
    type Item = Event;
    fn next(&mut self) -> Option<Event> {
        self.events.recv().ok()
    }
}

fn at_least(option: &'static str, least: usize, value: usize) -> Result<(), EngineError> {
    if value < least { Err(EngineError::Option { option, least, value }) } else { Ok(()) }
}

fn context(model: &Model, asked: Option<usize>) -> Result<usize, EngineError> {
    let most = model.info.context_length;
    match asked {
        None => Ok(most.min(DEFAULT_CONTEXT)),
        Some(n) if n > most => Err(EngineError::Context { asked: n, model: most }),
        Some(n) => at_least("context", 2, n).map(|()| n),
    }
}

/// Blocks the cache may hold: at least what one sequence needs, so that one alone is never stuck.
fn cache_blocks(shape: KvShape, context: usize, options: &EngineOptions) -> Result<usize, EngineError> {
    if options.kv_format == KvFormat::Q8_0 && !shape.head_dim.is_multiple_of(32) {
        return Err(EngineError::CacheFormat { head_dim: shape.head_dim });
    }
    let one = context.div_ceil(KV_BLOCK);
    let bytes = shape.block_bytes();
    match options.kv_bytes {
        Some(given) if given / bytes < one => {
            Err(EngineError::CacheTooSmall { context, needed: one * bytes, given })
        }
        Some(given) => Ok(given / bytes),
        None => {
            let quarter = machine::memory_bytes().map_or(usize::MAX, |memory| memory / 4 / bytes);
            Ok((one * options.sequences).min(quarter).max(one))
        }
    }
}
