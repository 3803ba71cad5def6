//! The processor as a device: one copy of the weights, 8- or 16-bit activations, a team of threads.
//!
//! `kernels.rs` is the seam inside: a table of inner loops per instruction set. The files beside it divide
//! operations into items of work and know nothing of instructions.
//!
//! What holds for results, in exact bits: they do not depend on the number of threads; and a row's result
//! does not depend on the other rows of the batch, as long as the batch stays within one class, which is up
//! to [`FEW_ROWS`] rows, or more. For attention the rows of one sequence count.

mod activations;
mod attention;
mod attention_backward;
mod embed;
mod encoder;
mod gated;
mod kernels;
mod lora;
mod loss;
mod matmul;
mod matmul_backward;
mod norm;
mod panel;
mod parts;
mod portable;
mod portable_encoder;
mod portable_gradients;
mod products;
mod store;

#[cfg(target_arch = "aarch64")]
mod arm;
#[cfg(not(target_arch = "x86_64"))]
mod no_tiles;
#[cfg(target_arch = "x86_64")]
mod x86;

use crate::detect::{self, Isa};
use crate::limits::Probe;
use crate::pool::Pool;
use crate::{
    AlignedBuf, Attend, Attended, Device, Format, KvStore, Linear, LinearGrad, Lora, LoraGrad, Matrix, Norm,
    Tensor,
};
use activations::Inputs;
use kernels::Kernels;
#[cfg(not(target_arch = "x86_64"))]
use no_tiles::{Flash, TileBuffers, Tiles};
use panel::Panel;
use std::sync::{Mutex, MutexGuard, PoisonError};
#[cfg(target_arch = "x86_64")]
use x86::{Flash, TileBuffers, Tiles};

/// Up to so many rows, weights are multiplied straight from their blocks (decode); above, in panels.
pub const FEW_ROWS: usize = 8;

/// How to compute.
#[derive(Clone, Copy, Debug, Default)]
pub struct CpuOptions {
    /// Number of threads; by default [`detect::cores`].
    pub threads: Option<usize>,
    /// Instruction set; by default the best.
    pub isa: Option<Isa>,
}

/// Why there is no device.
#[derive(Debug, thiserror::Error)]
pub enum CpuError {
    /// Asked for instructions that this processor or system lacks.
    #[error("this processor has no {asked}; it has {}", names(.available))]
    Unavailable {
        /// What was asked for.
        asked: Isa,
        /// What there is.
        available: Vec<Isa>,
    },
    /// The system refused a thread.
    #[error("cannot start {threads} threads: {source}")]
    Threads {
        /// How many were wanted.
        threads: usize,
        /// What the system said.
        source: std::io::Error,
    },
}

fn names(isas: &[Isa]) -> String {
    isas.iter().map(|isa| isa.name()).collect::<Vec<_>>().join(", ")
}

/// A processor. Operations of several callers run one after the other.
pub struct Cpu {
    kernels: &'static Kernels,
    threads: usize,
    team: Mutex<Team>,
}

/// What one operation at a time uses.
struct Team {
    pool: Pool,
    /// Multiplies many rows where the instruction set has matrix tiles.
    tiles: Option<Tiles>,
    /// Input that all threads read.
    inputs: Inputs,
    /// Gradients as factors, one buffer for each layer that is gone back through at once.
    packed: Vec<AlignedBuf<f32>>,
    /// Partial sums of attention.
    partials: AlignedBuf<f32>,
    /// One per thread; a lock that nobody else wants.
    scratch: Vec<Mutex<Scratch>>,
}

/// Memory of one thread, kept from job to job.
#[derive(Default)]
struct Scratch {
    inputs: Inputs,
    panel: Panel,
    acc: AlignedBuf<f32>,
    other: AlignedBuf<f32>,
    temp: AlignedBuf<f32>,
    attention: attention::Buffers,
    lora: lora::Buffers,
    backward: matmul_backward::Buffers,
    attention_backward: attention_backward::Buffers,
    encoder: encoder::Buffers,
    #[cfg_attr(not(target_arch = "x86_64"), allow(dead_code, reason = "only x86-64 has tiles"))]
    tiles: TileBuffers,
}

impl Cpu {
    /// Starts the threads.
    pub fn new(options: CpuOptions) -> Result<Cpu, CpuError> {
        let isa = options.isa.unwrap_or_else(Isa::best);
        let unavailable = || CpuError::Unavailable { asked: isa, available: Isa::available() };
        let kernels = Kernels::of(isa).ok_or_else(unavailable)?;
        let threads = options.threads.unwrap_or_else(detect::cores).max(1);
        let pool = Pool::new(threads).map_err(|source| CpuError::Threads { threads, source })?;
        let team = Team {
            pool,
            tiles: Tiles::of(isa),
            inputs: Inputs::default(),
            packed: Vec::new(),
            partials: AlignedBuf::default(),
            scratch: (0..threads).map(|_| Mutex::default()).collect(),
        };
        Ok(Cpu { kernels, threads, team: Mutex::new(team) })
    }

    /// Number of threads.
    pub fn threads(&self) -> usize {
        self.threads
    }

    /// Instruction set in use.
    pub fn isa(&self) -> Isa {
        self.kernels.isa
    }

    /// Which matrix kernel multiplies `rows` rows with weights of a format.
    pub fn kernel_name(&self, format: Format, rows: usize) -> &'static str {
        (self.kernels.names)(format)[usize::from(rows > FEW_ROWS)]
    }

    fn team(&self) -> MutexGuard<'_, Team> {
        lock(&self.team)
    }
}

/// Instructions that show the limits of this processor.
pub(crate) fn probes() -> Vec<Probe> {
    let mut probes = portable::probes();
    #[cfg(target_arch = "x86_64")]
    probes.extend(x86::probes());
    #[cfg(target_arch = "aarch64")]
    probes.extend(arm::probes());
    probes
}

/// Locks; the buffers behind these locks hold nothing that a panic could leave half-done.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Device for Cpu {
    fn describe(&self) -> String {
        let threads = self.threads;
        format!("cpu {}, {threads} thread{}", self.kernels.isa, if threads == 1 { "" } else { "s" })
    }

    fn embed(&self, table: &Matrix, ids: &[u32], out: &mut Tensor) {
        embed::forward(self, table, ids, out);
    }

    fn linear(&self, x: &Tensor, norm: Option<Norm<'_>>, jobs: &mut [Linear<'_>]) {
        matmul::forward(self, x, norm, jobs);
    }

    fn linear_backward(&self, jobs: &[LinearGrad<'_>], dx: &mut Tensor) {
        matmul_backward::backward(self, jobs, dx);
    }

    fn lora(&self, x: &Tensor, norm: Option<Norm<'_>>, jobs: &mut [Lora<'_>]) {
        lora::forward(self, x, norm, jobs);
    }

    fn lora_backward(&self, x: &Tensor, jobs: &mut [LoraGrad<'_>], dx: Option<&mut Tensor>) {
        lora::backward(self, x, jobs, dx);
    }

    fn norm(&self, x: &Tensor, norm: Norm<'_>, out: &mut Tensor) {
        norm::forward(self, x, norm, out);
    }

    fn norm_backward(&self, x: &Tensor, norm: Norm<'_>, dy: &Tensor, dx: &mut Tensor) {
        norm::backward(self, x, norm, dy, dx);
    }

    fn gated(&self, x: &Tensor, norm: Option<Norm<'_>>, gate: &Matrix, up: &Matrix, out: &mut Tensor) {
        gated::forward(self, x, norm, gate, up, out);
    }

    fn swiglu(&self, gate: &Tensor, up: &Tensor, out: &mut Tensor) {
        gated::swiglu(self, gate, up, out);
    }

    fn swiglu_backward(&self, gate: &mut Tensor, up: &mut Tensor, dout: &Tensor) {
        gated::backward(self, gate, up, dout);
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
        attention::forward(self, op, q, k, v, kv, out);
    }

    fn attend_backward(
        &self,
        op: &Attend<'_>,
        forward: &Attended<'_>,
        dq: &mut Tensor,
        dk: &mut Tensor,
        dv: &mut Tensor,
    ) {
        attention_backward::backward(self, op, forward, dq, dk, dv);
    }

    fn narrow(&self, x: &Tensor, out: &mut Vec<u16>) {
        store::narrow(self, x, out);
    }

    fn widen(&self, x: &[u16], out: &mut Tensor) {
        store::widen(self, x, out);
    }

    fn cross_entropy(&self, logits: &mut Tensor, targets: &[u32], losses: &mut [f32]) {
        loss::cross_entropy(self, logits, targets, losses);
    }
}

impl std::fmt::Debug for Cpu {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Cpu({})", self.describe())
    }
}
