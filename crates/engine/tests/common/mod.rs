//! Tiny models, short requests, and devices that can be watched.
#![allow(dead_code, unreachable_pub, reason = "every test file uses its own part")]
#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

use engine::gguf::{Gguf, MetadataBuilder, TensorData, write};
use engine::{
    Engine, EngineOptions, Event, FinishReason, Model, Request, Sampling, Stats, Timings, TokenInfo, Usage,
};
use kernels::reference::Reference;
use kernels::{
    Attend, Attended, Bytes, Device, KvStore, Linear, LinearGrad, Lora, LoraGrad, Matrix, Norm, Tensor,
};
use std::path::Path;
use std::sync::{Arc, Mutex, mpsc};

/// Context of the tiny models here: several cache blocks.
pub const CONTEXT: usize = 1024;

/// A tiny random model from the fixtures, made to hold [`CONTEXT`] tokens. Its words mean nothing; its
/// arithmetic is that of its architecture.
pub fn tiny(name: &str) -> Arc<Model> {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/models").join(name).with_extension("gguf");
    let file = Gguf::open(&path).unwrap();
    let architecture: &str = file.metadata().require("general.architecture").unwrap();
    let key = format!("{architecture}.context_length");
    let mut metadata = MetadataBuilder::new();
    metadata.copy(file.metadata(), |k| k != key && !k.starts_with("reference."));
    metadata.u32(&key, CONTEXT as u32);
    let data: Vec<Bytes> = file.tensors().iter().map(|tensor| file.data(tensor)).collect();
    let tensors: Vec<TensorData<'_>> = (file.tensors().iter().zip(&data))
        .map(|(t, data)| TensorData { name: t.name(), dims: t.dims(), format: t.format(), data })
        .collect();
    let mut out = Vec::new();
    write(&mut out, &metadata, &tensors).unwrap();
    Arc::new(Model::from_gguf(&Gguf::read(Bytes::copy(&out)).unwrap()).unwrap())
}

pub const ARCHITECTURES: [&str; 3] = ["llama", "qwen2", "qwen3"];

/// `count` token ids that look random; equal seeds give equal ids, and longer ones continue shorter ones.
pub fn prompt(seed: u64, count: usize) -> Vec<u32> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) + 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        10 + (state >> 33) as u32 % 250
    };
    (0..count).map(|_| next()).collect()
}

/// Greedy, to the last token, with the probability of every token.
pub fn greedy(prompt: Vec<u32>, max_tokens: usize) -> Request {
    Request {
        prompt,
        max_tokens: Some(max_tokens),
        sampling: Sampling { temperature: 0.0, ..Sampling::default() },
        logprobs: Some(0),
        ignore_eos: true,
        ..Request::default()
    }
}

/// Everything a listener heard.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    pub tokens: Vec<TokenInfo>,
    pub text: String,
    pub prefill: Vec<(usize, usize)>,
    pub done: Option<(FinishReason, Usage, Timings)>,
    pub failed: Option<String>,
}

impl Answer {
    pub fn collect(events: impl Iterator<Item = Event>) -> Answer {
        let mut answer = Answer::default();
        for event in events {
            assert!(answer.done.is_none() && answer.failed.is_none(), "nothing follows the last event");
            match event {
                Event::Prefill { done, total } => answer.prefill.push((done, total)),
                Event::Token { text, info } => {
                    answer.text += &text;
                    answer.tokens.push(info);
                }
                Event::Done { text, reason, usage, timings } => {
                    answer.text += &text;
                    answer.done = Some((reason, usage, timings));
                }
                Event::Failed(why) => answer.failed = Some(why),
            }
        }
        assert!(answer.done.is_some() || answer.failed.is_some(), "there is a last event");
        answer
    }

    pub fn ids(&self) -> Vec<u32> {
        self.tokens.iter().map(|info| info.id).collect()
    }

    pub fn reason(&self) -> FinishReason {
        self.done.as_ref().unwrap_or_else(|| panic!("failed: {:?}", self.failed)).0
    }

    pub fn usage(&self) -> Usage {
        self.done.as_ref().unwrap_or_else(|| panic!("failed: {:?}", self.failed)).1
    }
}

/// Runs one request to its end.
pub fn run(engine: &Engine, request: Request) -> Answer {
    Answer::collect(engine.generate(request).unwrap())
}

/// What the engine answers to each request alone, with an empty cache.
pub fn alone(model: &Arc<Model>, request: &Request) -> Answer {
    run(&reference_engine(model, EngineOptions::default()), request.clone())
}

pub fn reference_engine(model: &Arc<Model>, options: EngineOptions) -> Engine {
    Engine::start_on(model.clone(), Box::new(Reference), options).unwrap()
}

/// Nobody holds anything any more.
pub fn assert_idle(stats: &Stats) {
    assert_eq!((stats.running, stats.waiting, stats.used_blocks), (0, 0, 0), "{stats:?}");
    assert!(stats.cached_blocks <= stats.total_blocks, "{stats:?}");
}

/// The reference device, with a look at every batch and every operation.
pub struct Watched<F> {
    /// Called before each operation; a batch begins with `Op::Embed`.
    pub before: F,
}

/// Steps the device by hand: each `Op` waits for a permit.
pub fn by_hand() -> (Watched<impl Fn(Op) + Send + Sync>, mpsc::Receiver<Op>, mpsc::Sender<()>) {
    let (begun, ops) = mpsc::channel();
    let (permits, go) = mpsc::channel();
    let go = Mutex::new(go);
    let before = move |op| {
        // When the test has seen enough, the device runs freely.
        if begun.send(op).is_ok() {
            let _ = go.lock().unwrap().recv();
        }
    };
    (Watched { before }, ops, permits)
}

pub enum Op {
    /// With the number of rows in the batch.
    Embed(usize),
    Linear,
    Gated,
    Attend,
}

impl<F: Fn(Op) + Send + Sync> Device for Watched<F> {
    fn describe(&self) -> String {
        "watched reference".to_owned()
    }

    fn embed(&self, table: &Matrix, ids: &[u32], out: &mut Tensor) {
        (self.before)(Op::Embed(ids.len()));
        Reference.embed(table, ids, out);
    }

    fn linear(&self, x: &Tensor, norm: Option<Norm<'_>>, jobs: &mut [Linear<'_>]) {
        (self.before)(Op::Linear);
        Reference.linear(x, norm, jobs);
    }

    fn gated(&self, x: &Tensor, norm: Option<Norm<'_>>, gate: &Matrix, up: &Matrix, out: &mut Tensor) {
        (self.before)(Op::Gated);
        Reference.gated(x, norm, gate, up, out);
    }

    fn attend(
        &self,
        op: &Attend<'_>,
        q: &mut Tensor,
        k: &mut Tensor,
        v: &Tensor,
        kv: &mut KvStore,
        out: &mut Tensor,
    ) {
        (self.before)(Op::Attend);
        Reference.attend(op, q, k, v, kv, out);
    }

    fn linear_backward(&self, jobs: &[LinearGrad<'_>], dx: &mut Tensor) {
        Reference.linear_backward(jobs, dx);
    }

    fn lora(&self, x: &Tensor, norm: Option<Norm<'_>>, jobs: &mut [Lora<'_>]) {
        Reference.lora(x, norm, jobs);
    }

    fn lora_backward(&self, x: &Tensor, jobs: &mut [LoraGrad<'_>], dx: Option<&mut Tensor>) {
        Reference.lora_backward(x, jobs, dx);
    }

    fn norm(&self, x: &Tensor, norm: Norm<'_>, out: &mut Tensor) {
        Reference.norm(x, norm, out);
    }

    fn norm_backward(&self, x: &Tensor, norm: Norm<'_>, dy: &Tensor, dx: &mut Tensor) {
        Reference.norm_backward(x, norm, dy, dx);
    }

    fn swiglu(&self, gate: &Tensor, up: &Tensor, out: &mut Tensor) {
        Reference.swiglu(gate, up, out);
    }

    fn swiglu_backward(&self, gate: &mut Tensor, up: &mut Tensor, dout: &Tensor) {
        Reference.swiglu_backward(gate, up, dout);
    }

    fn attend_backward(
        &self,
        op: &Attend<'_>,
        forward: &Attended<'_>,
        dq: &mut Tensor,
        dk: &mut Tensor,
        dv: &mut Tensor,
    ) {
        Reference.attend_backward(op, forward, dq, dk, dv);
    }

    fn narrow(&self, x: &Tensor, out: &mut Vec<u16>) {
        Reference.narrow(x, out);
    }

    fn widen(&self, x: &[u16], out: &mut Tensor) {
        Reference.widen(x, out);
    }

    fn cross_entropy(&self, logits: &mut Tensor, targets: &[u32], losses: &mut [f32]) {
        Reference.cross_entropy(logits, targets, losses);
    }
}
