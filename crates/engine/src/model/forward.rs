//! Tokens to logits: the decoder as a sequence of device operations.

use super::weights::{Layer, Projection};
use super::{Config, Model};
use kernels::{Attend, Device, KvFormat, KvShape, KvStore, Linear, Norm, RopeRows, Span, Tensor};

/// Tokens of one or several sequences that go through the model together.
#[derive(Clone, Debug)]
pub struct Batch<'a> {
    /// Ids below the vocabulary size, one for each row.
    pub tokens: &'a [u32],
    /// Which rows belong to which sequence; together they tile all rows, and their cache blocks exist.
    pub spans: &'a [Span<'a>],
    /// The rows whose logits are wanted, ascending.
    pub outputs: &'a [usize],
}

/// Activations, kept from batch to batch so that nothing is allocated in between.
#[derive(Debug, Default)]
pub struct Scratch {
    /// Residual stream `[T, D]`.
    x: Tensor,
    /// `[T, Q]`.
    q: Tensor,
    /// `[T, K]`.
    k: Tensor,
    /// `[T, K]`.
    v: Tensor,
    /// Attention's result `[T, Q]`.
    mixed: Tensor,
    /// Inside the feed-forward network `[T, H]`.
    hidden: Tensor,
    /// For [`keep_rows`].
    spare: Tensor,
    /// `[outputs, V]`.
    logits: Tensor,
    rope: Option<RopeRows>,
}

impl Model {
    /// Runs a batch through the decoder and appends its keys and values to the cache.
    ///
    /// Returns the logits `[outputs, vocab]`, or `None` where `cancelled` became true: it is asked before each
    /// layer, and the cache then holds nothing of use at the batch's positions.
    pub fn forward<'s>(
        &self,
        device: &dyn Device,
        batch: &Batch<'_>,
        kv: &mut KvStore,
        scratch: &'s mut Scratch,
        cancelled: &dyn Fn() -> bool,
    ) -> Option<&'s Tensor> {
        let rope = scratch.rope.get_or_insert_with(|| self.rope.rows());
        self.rope.fill(batch.spans, rope);
        scratch.x.reshape(batch.tokens.len(), self.config.width);
        device.embed(&self.weights.embedding, batch.tokens, &mut scratch.x);

        for (n, layer) in self.weights.layers.iter().enumerate() {
            if cancelled() {
                return None;
            }
            attention(device, layer, n, &self.config, batch.spans, kv, scratch);
            // All that follows is row by row: after the last layer's attention only the rows that are wanted
            // go on.
            if n + 1 == self.weights.layers.len() && batch.outputs.len() < batch.tokens.len() {
                keep_rows(&mut scratch.x, batch.outputs, &mut scratch.spare);
                keep_rows(&mut scratch.mixed, batch.outputs, &mut scratch.spare);
            }
            if scratch.x.rows() > 0 {
                feed_forward(device, layer, &self.config, scratch);
            }
        }
        self.logits(device, scratch);
        Some(&scratch.logits)
    }

    /// Dimensions of the cache that this model needs.
    pub fn kv_shape(&self, format: KvFormat) -> KvShape {
        let heads = self.config.heads;
        KvShape { layers: self.config.layers, kv_heads: heads.kv, head_dim: heads.dim, format }
    }

    fn logits(&self, device: &dyn Device, scratch: &mut Scratch) {
        let head = &self.weights.head;
        scratch.logits.reshape(scratch.x.rows(), head.weight.rows());
        if scratch.x.rows() > 0 {
            let norm = norm(&self.weights.final_norm, &self.config);
            device.linear(&scratch.x, Some(norm), &mut [head.write_to(&mut scratch.logits)]);
        }
    }
}

/// `mixed = attend(norm(x) · q, k, v)`; the output projection comes with the feed-forward half of the layer.
fn attention(
    device: &dyn Device,
    layer: &Layer,
    n: usize,
    config: &Config,
    spans: &[Span<'_>],
    kv: &mut KvStore,
    scratch: &mut Scratch,
) {
    let Scratch { x, q, k, v, mixed, rope, .. } = scratch;
    let (rows, heads) = (x.rows(), config.heads);
    q.reshape(rows, heads.q * heads.dim);
    k.reshape(rows, heads.kv * heads.dim);
    v.reshape(rows, heads.kv * heads.dim);
    mixed.reshape(rows, heads.q * heads.dim);

    let mut jobs = [layer.q.write_to(q), layer.k.write_to(k), layer.v.write_to(v)];
    device.linear(x, Some(norm(&layer.attention_norm, config)), &mut jobs);
    let attend = Attend {
        heads,
        scale: 1.0 / (heads.dim as f32).sqrt(),
        q_norm: layer.q_norm.as_deref().map(|weight| norm(weight, config)),
        k_norm: layer.k_norm.as_deref().map(|weight| norm(weight, config)),
        rope: rope.as_ref().expect("forward fills the table first"),
        layer: n,
        spans,
    };
    device.attend(&attend, q, k, v, kv, mixed);
}

/// `x += mixed · output`, then `x += swiglu(norm(x)) · down`.
fn feed_forward(device: &dyn Device, layer: &Layer, config: &Config, scratch: &mut Scratch) {
    let Scratch { x, mixed, hidden, .. } = scratch;
    device.linear(mixed, None, &mut [layer.output.add_to(x)]);
    hidden.reshape(x.rows(), config.hidden);
    device.gated(x, Some(norm(&layer.feed_forward_norm, config)), &layer.gate, &layer.up, hidden);
    device.linear(hidden, None, &mut [layer.down.add_to(x)]);
}

/// Reduces `tensor` to some of its rows, in this order.
fn keep_rows(tensor: &mut Tensor, rows: &[usize], spare: &mut Tensor) {
    spare.reshape(rows.len(), tensor.cols());
    for (to, &from) in rows.iter().enumerate() {
        spare.row_mut(to).copy_from_slice(tensor.row(from));
    }
    std::mem::swap(tensor, spare);
}

fn norm<'a>(weight: &'a [f32], config: &Config) -> Norm<'a> {
    Norm { weight, eps: config.norm_eps }
}

impl Projection {
    fn write_to<'a>(&'a self, out: &'a mut Tensor) -> Linear<'a> {
        Linear { weight: &self.weight, bias: self.bias.as_deref(), out, add: false }
    }

    fn add_to<'a>(&'a self, out: &'a mut Tensor) -> Linear<'a> {
        Linear { weight: &self.weight, bias: self.bias.as_deref(), out, add: true }
    }
}
