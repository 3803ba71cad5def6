//! Tokens to logits: the decoder as a sequence of device operations.

use super::Model;
use super::layer::Pass;
use crate::adapter::{Adapted, Adapter};
use kernels::{Device, KV_BLOCK, KvFormat, KvShape, KvStore, Norm, RopeRows, Span, Tensor};

/// Tokens of one or several sequences that go through the model together.
#[derive(Clone, Debug)]
pub struct Batch<'a> {
    /// Ids below the vocabulary size, one for each row.
    pub tokens: &'a [u32],
    /// Which rows belong to which sequence; together they tile all rows, and their cache blocks exist.
    pub spans: &'a [Span<'a>],
    /// The rows whose logits are wanted, ascending.
    pub outputs: &'a [usize],
    /// The adapter, or none, of each sequence; an empty list is none for all.
    pub adapters: &'a [Option<&'a Adapter>],
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
    /// Inside the feed-forward network `[T, H]`, where an adapter stands between.
    gate: Tensor,
    /// `[T, H]`.
    up: Tensor,
    /// `[T, H]`.
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
        let Scratch { x, q, k, v, mixed, gate, up, hidden, spare, logits, rope } = scratch;
        let rope = rope.get_or_insert_with(|| self.rope.rows());
        self.rope.fill(batch.spans, rope);
        let adapted = Adapted::new(batch.spans, batch.adapters);
        let mut pass = Pass { device, config: &self.config, spans: batch.spans, rope, adapted };
        x.reshape(batch.tokens.len(), self.config.width);
        device.embed(&self.weights.embedding, batch.tokens, x);

        for (n, layer) in self.weights.layers.iter().enumerate() {
            if cancelled() {
                return None;
            }
            pass.project(layer, n, x, q, k, v);
            pass.attend(layer, n, q, k, v, kv, mixed);
            // All that follows is row by row: after the last layer's attention only the rows that are wanted
            // go on.
            if n + 1 == self.weights.layers.len() && batch.outputs.len() < batch.tokens.len() {
                keep_rows(x, batch.outputs, spare);
                keep_rows(mixed, batch.outputs, spare);
                pass.adapted = pass.adapted.keep(batch.outputs);
            }
            if x.rows() > 0 {
                pass.output(layer, n, mixed, x);
                pass.gated(layer, n, x, gate, up, hidden);
                pass.down(layer, n, hidden, x);
            }
        }
        self.logits(device, x, logits);
        Some(logits)
    }

    /// Dimensions of the cache that this model needs.
    pub fn kv_shape(&self, format: KvFormat) -> KvShape {
        let heads = self.config.heads;
        KvShape { layers: self.config.layers, kv_heads: heads.kv, head_dim: heads.dim, format }
    }

    /// Bytes of the cache that holds so many positions.
    pub fn kv_bytes(&self, format: KvFormat, positions: usize) -> usize {
        positions.div_ceil(KV_BLOCK) * self.kv_shape(format).block_bytes()
    }

    /// `norm(x) · head`.
    fn logits(&self, device: &dyn Device, x: &Tensor, logits: &mut Tensor) {
        let head = &self.weights.head;
        logits.reshape(x.rows(), head.weight.rows());
        if x.rows() > 0 {
            let norm = Norm { weight: &self.weights.final_norm, eps: self.config.norm_eps };
            device.linear(x, Some(norm), &mut [head.write_to(logits)]);
        }
    }
}

/// Reduces `tensor` to some of its rows, in this order.
fn keep_rows(tensor: &mut Tensor, rows: &[usize], spare: &mut Tensor) {
    spare.reshape(rows.len(), tensor.cols());
    for (to, &from) in rows.iter().enumerate() {
        spare.row_mut(to).copy_from_slice(tensor.row(from));
    }
    std::mem::swap(tensor, spare);
}
