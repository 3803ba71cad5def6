//! The seam between a model and the thing that computes it.
//!
//! A model is a sequence of these operations and nothing else. Each is one parallel job, so a decoder
//! layer costs five barriers: qkv, attend, output, gate-up, down. A new device is a folder with the same
//! file names as `reference/`, held to it by `tests/ops.rs`. What training asks for beyond the forward pass stands
//! behind each operation; the types of its arguments are in `gradient.rs`.
//!
//! Letters: `T` rows of the batch (tokens of all its sequences), `D` model width, `N` output width, `R` rank.

use crate::gradient::{LinearGrad, Lora, LoraGrad};
use crate::{KV_BLOCK, KvStore, Matrix, Tensor};
use std::ops::Range;

/// One processor, or one graphics card, that computes operations.
pub trait Device: Send + Sync {
    /// What computes, for people: `cpu avx512-vnni, 2 threads`.
    fn describe(&self) -> String;

    /// `out[t, :] = table[ids[t], :]`. `table [V, D]`, `out [T, D]`.
    fn embed(&self, table: &Matrix, ids: &[u32], out: &mut Tensor);

    /// `job.out = norm(x) · job.weightᵀ + job.bias` for every job, all of them reading the same `x [T, D]`.
    fn linear(&self, x: &Tensor, norm: Option<Norm<'_>>, jobs: &mut [Linear<'_>]);

    /// `dx = Σ job.dy · job.weight` over the jobs, whose layers all read the same input. `dx [T, D]`.
    fn linear_backward(&self, jobs: &[LinearGrad<'_>], dx: &mut Tensor);

    /// `job.out += scale · (norm(x) · aᵀ) · b` for the rows of every job's updates.
    fn lora(&self, x: &Tensor, norm: Option<Norm<'_>>, jobs: &mut [Lora<'_>]);

    /// Adds the gradients of every job's `a` and `b`, and of `x` to `dx`. `x [T, D]` is the input itself, after
    /// its norm.
    fn lora_backward(&self, x: &Tensor, jobs: &mut [LoraGrad<'_>], dx: Option<&mut Tensor>);

    /// RMSNorm by rows, on its own. `x, out [T, D]`.
    fn norm(&self, x: &Tensor, norm: Norm<'_>, out: &mut Tensor);

    /// `dx += dy · ∂norm(x)/∂x`; the weight is frozen.
    fn norm_backward(&self, x: &Tensor, norm: Norm<'_>, dy: &Tensor, dx: &mut Tensor);

    /// SwiGLU: `out = silu(norm(x) · gateᵀ) ⊙ (norm(x) · upᵀ)`. `gate, up [N, D]`, `out [T, N]`.
    fn gated(&self, x: &Tensor, norm: Option<Norm<'_>>, gate: &Matrix, up: &Matrix, out: &mut Tensor);

    /// The second half of [`Device::gated`] on its own: `out = silu(gate) ⊙ up`, all `[T, N]`.
    fn swiglu(&self, gate: &Tensor, up: &Tensor, out: &mut Tensor);

    /// Replaces `gate` and `up` with their gradients, given that of `silu(gate) ⊙ up`.
    fn swiglu_backward(&self, gate: &mut Tensor, up: &mut Tensor, dout: &Tensor);

    /// Normalises q and k per head where the model does, rotates them, appends k and v to the cache, and
    /// writes causal attention of q over the cache to `out`.
    /// `q, out [T, heads.q · dim]`, `k, v [T, heads.kv · dim]`; q and k are left rotated.
    fn attend(
        &self,
        op: &Attend<'_>,
        q: &mut Tensor,
        k: &mut Tensor,
        v: &Tensor,
        kv: &mut KvStore,
        out: &mut Tensor,
    );

    /// Gradients of [`Device::attend`] over spans that begin at position 0. Takes q and k as the forward pass left
    /// them, normalised and rotated; `dq` and `dk` are the gradients of what went into the rotation.
    /// `q, out, dout, dq [T, heads.q · dim]`, `k, v, dk, dv [T, heads.kv · dim]`.
    fn attend_backward(
        &self,
        op: &Attend<'_>,
        forward: &Attended<'_>,
        dq: &mut Tensor,
        dk: &mut Tensor,
        dv: &mut Tensor,
    );

    /// Rounds to bf16, to keep a tensor in half of its memory. `out` gets as many numbers as `x` has.
    fn narrow(&self, x: &Tensor, out: &mut Vec<u16>);

    /// The other way. `out` has as many numbers as `x`.
    fn widen(&self, x: &[u16], out: &mut Tensor);

    /// `losses[t] = -ln softmax(logits[t])[targets[t]]`; `logits [T, V]` become their gradients,
    /// `softmax(logits) - onehot(target)`.
    fn cross_entropy(&self, logits: &mut Tensor, targets: &[u32], losses: &mut [f32]);
}

/// RMSNorm: `x / sqrt(mean(x²) + eps) ⊙ weight`.
#[derive(Clone, Copy, Debug)]
pub struct Norm<'a> {
    /// `[D]`.
    pub weight: &'a [f32],
    /// Added to the mean square.
    pub eps: f32,
}

/// One output of [`Device::linear`].
pub struct Linear<'a> {
    /// `[N, D]`, as stored in the file.
    pub weight: &'a Matrix,
    /// `[N]`.
    pub bias: Option<&'a [f32]>,
    /// `[T, N]`.
    pub out: &'a mut Tensor,
    /// Adds to `out` (a residual connection) instead of replacing it.
    pub add: bool,
}

/// Everything about one attention call that is not a tensor.
pub struct Attend<'a> {
    /// Number and width of the heads.
    pub heads: Heads,
    /// Usually `1 / sqrt(dim)`.
    pub scale: f32,
    /// Per-head norm of q (`qwen3`), weight `[dim]`.
    pub q_norm: Option<Norm<'a>>,
    /// Per-head norm of k.
    pub k_norm: Option<Norm<'a>>,
    /// Rotation of every row of the batch.
    pub rope: &'a RopeRows,
    /// Which layer of the cache.
    pub layer: usize,
    /// The sequences in this batch; their rows tile `0..T`.
    pub spans: &'a [Span<'a>],
}

/// What the forward pass of attention left behind, and the gradient of its result.
#[derive(Clone, Copy)]
pub struct Attended<'a> {
    /// Rotated queries.
    pub q: &'a Tensor,
    /// Rotated keys.
    pub k: &'a Tensor,
    /// Values.
    pub v: &'a Tensor,
    /// The result.
    pub out: &'a Tensor,
    /// The gradient of the result.
    pub dout: &'a Tensor,
}

/// Grouped-query attention: `q` is a multiple of `kv`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heads {
    /// Query heads.
    pub q: usize,
    /// Key and value heads.
    pub kv: usize,
    /// Width of one head.
    pub dim: usize,
}

/// The rows that one sequence has in the batch.
#[derive(Clone, Debug)]
pub struct Span<'a> {
    /// Rows of the batch.
    pub rows: Range<usize>,
    /// Position of the first of these rows in its sequence; everything before is in the cache already.
    pub start: usize,
    /// Cache blocks of the sequence, in order; they cover `start + rows.len()` positions.
    pub blocks: &'a [u32],
}

/// Which elements of a head rotate together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pairing {
    /// `(0,1), (2,3), …`: GGUF files of architecture `llama`.
    Interleaved,
    /// `(0, r/2), (1, r/2+1), …`: `qwen2`, `qwen3`.
    Halves,
}

/// Cosines and sines of every row of a batch, made once and used by all layers.
#[derive(Debug)]
pub struct RopeRows {
    /// `[T, r/2]` with `r` the number of rotated elements of a head.
    pub cos: Tensor,
    /// `[T, r/2]`.
    pub sin: Tensor,
    /// Element order.
    pub pairing: Pairing,
}

// What every device asserts before it computes. A violation is a bug of the caller; fast devices rely on
// these for the bounds of their unsafe code.

fn check_input(x: &Tensor, norm: Option<Norm<'_>>, w: &Matrix, out: &Tensor) {
    assert_eq!(x.cols(), w.cols(), "width of the input and of the weights");
    assert_eq!((x.rows(), w.rows()), (out.rows(), out.cols()), "shape of the output");
    assert!(norm.is_none_or(|n| n.weight.len() == x.cols()), "width of the norm");
}

pub(crate) fn check_linear(x: &Tensor, norm: Option<Norm<'_>>, jobs: &[Linear<'_>]) {
    for job in jobs {
        check_input(x, norm, job.weight, job.out);
        assert!(job.bias.is_none_or(|b| b.len() == job.weight.rows()), "width of the bias");
    }
}

pub(crate) fn check_gated(x: &Tensor, norm: Option<Norm<'_>>, gate: &Matrix, up: &Matrix, out: &Tensor) {
    check_input(x, norm, gate, out);
    check_input(x, norm, up, out);
}

pub(crate) fn check_embed(table: &Matrix, ids: &[u32], out: &Tensor) {
    assert_eq!((ids.len(), table.cols()), (out.rows(), out.cols()), "shape of the output");
    assert!(ids.iter().all(|&id| (id as usize) < table.rows()), "ids inside the table");
}

pub(crate) fn check_attend(op: &Attend<'_>, q: &Tensor, k: &Tensor, v: &Tensor, kv: &KvStore, out: &Tensor) {
    let (Heads { q: heads, kv: kv_heads, dim }, rows) = (op.heads, q.rows());
    assert!(kv_heads > 0 && heads.is_multiple_of(kv_heads), "query heads per key head");
    assert_eq!((q.cols(), out.rows(), out.cols()), (heads * dim, rows, heads * dim), "shape of q and out");
    assert_eq!((k.rows(), k.cols()), (rows, kv_heads * dim), "shape of k");
    assert_eq!((v.rows(), v.cols()), (rows, kv_heads * dim), "shape of v");
    for norm in [op.q_norm, op.k_norm].into_iter().flatten() {
        assert_eq!(norm.weight.len(), dim, "width of the norm");
    }
    let (cos, sin) = (&op.rope.cos, &op.rope.sin);
    assert_eq!((cos.rows(), cos.cols()), (sin.rows(), sin.cols()), "shape of cosines and sines");
    assert!(cos.rows() >= rows && 2 * cos.cols() <= dim, "rotations of every row");

    let shape = kv.shape();
    assert_eq!((shape.kv_heads, shape.head_dim), (kv_heads, dim), "shape of the cache");
    assert!(op.layer < shape.layers, "layer of the cache");
    let mut next = 0;
    for span in op.spans {
        assert_eq!(span.rows.start, next, "spans tile the batch");
        next = span.rows.end;
        assert!(span.blocks.len() * KV_BLOCK >= span.start + span.rows.len(), "blocks cover the span");
        assert!(span.blocks.iter().all(|&b| (b as usize) < kv.len()), "blocks exist");
    }
    assert_eq!(next, rows, "spans tile the batch");
    // Threads write the blocks of different spans at once, while others read theirs.
    for (i, span) in op.spans.iter().enumerate().filter(|(_, s)| !s.rows.is_empty()) {
        let written = span.start / KV_BLOCK..=(span.start + span.rows.len() - 1) / KV_BLOCK;
        for (at, block) in written.clone().zip(&span.blocks[written]) {
            let shared = |(j, s): (usize, &Span<'_>)| {
                s.blocks.iter().enumerate().any(|(k, b)| b == block && (i, at) != (j, k))
            };
            assert!(!op.spans.iter().enumerate().any(shared), "a block that is written belongs to one span");
        }
    }
}
