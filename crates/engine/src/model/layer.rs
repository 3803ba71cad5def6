//! One decoder layer as device operations: the pieces that serving, scoring and training share.

use super::Config;
use super::weights::{Layer, Projection};
use crate::adapter::{Adapted, Target};
use kernels::{Attend, Device, KvStore, Linear, Lora, Norm, RopeRows, Span, Tensor};

/// What stays the same through all layers of one pass.
pub(crate) struct Pass<'a> {
    pub(crate) device: &'a dyn Device,
    pub(crate) config: &'a Config,
    pub(crate) spans: &'a [Span<'a>],
    pub(crate) rope: &'a RopeRows,
    /// Which rows are computed with which adapter.
    pub(crate) adapted: Adapted<'a>,
}

impl<'a> Pass<'a> {
    /// `q, k, v = norm(x) · weights`.
    pub(crate) fn project(
        &self,
        layer: &Layer,
        n: usize,
        x: &Tensor,
        q: &mut Tensor,
        k: &mut Tensor,
        v: &mut Tensor,
    ) {
        let (rows, heads) = (x.rows(), self.config.heads);
        q.reshape(rows, heads.q * heads.dim);
        k.reshape(rows, heads.kv * heads.dim);
        v.reshape(rows, heads.kv * heads.dim);
        let norm = self.norm(&layer.attention_norm);
        let mut jobs = [layer.q.write_to(q), layer.k.write_to(k), layer.v.write_to(v)];
        self.device.linear(x, Some(norm), &mut jobs);
        self.adapt(n, x, Some(norm), [(Target::Q, q), (Target::K, k), (Target::V, v)]);
    }

    /// `mixed = attend(q, k, v)`; q and k are left normalised and rotated. `slot` is the layer of the cache.
    #[allow(clippy::too_many_arguments, reason = "the tensors of one operation")]
    pub(crate) fn attend(
        &self,
        layer: &Layer,
        slot: usize,
        q: &mut Tensor,
        k: &mut Tensor,
        v: &Tensor,
        kv: &mut KvStore,
        mixed: &mut Tensor,
    ) {
        mixed.reshape(q.rows(), q.cols());
        self.device.attend(&self.attention(layer, slot), q, k, v, kv, mixed);
    }

    /// Everything about attention that is not a tensor.
    pub(crate) fn attention<'b>(&'b self, layer: &'b Layer, slot: usize) -> Attend<'b> {
        let heads = self.config.heads;
        Attend {
            heads,
            scale: 1.0 / (heads.dim as f32).sqrt(),
            q_norm: layer.q_norm.as_deref().map(|weight| self.norm(weight)),
            k_norm: layer.k_norm.as_deref().map(|weight| self.norm(weight)),
            rope: self.rope,
            layer: slot,
            spans: self.spans,
        }
    }

    /// `x += mixed · output`.
    pub(crate) fn output(&self, layer: &Layer, n: usize, mixed: &Tensor, x: &mut Tensor) {
        self.device.linear(mixed, None, &mut [layer.output.add_to(x)]);
        self.adapt(n, mixed, None, [(Target::Output, x)]);
    }

    /// `hidden = silu(gate) ⊙ up` of `norm(x)`, at once where no adapter stands between.
    pub(crate) fn gated(
        &self,
        layer: &Layer,
        n: usize,
        x: &Tensor,
        gate: &mut Tensor,
        up: &mut Tensor,
        hidden: &mut Tensor,
    ) {
        if self.adapted.touches(n, Target::Gate) || self.adapted.touches(n, Target::Up) {
            return self.gate_and_up(layer, n, x, gate, up, hidden);
        }
        hidden.reshape(x.rows(), self.config.hidden);
        self.device.gated(x, Some(self.norm(&layer.feed_forward_norm)), &layer.gate, &layer.up, hidden);
    }

    /// The same, with `gate` and `up` kept.
    pub(crate) fn gate_and_up(
        &self,
        layer: &Layer,
        n: usize,
        x: &Tensor,
        gate: &mut Tensor,
        up: &mut Tensor,
        hidden: &mut Tensor,
    ) {
        for tensor in [&mut *gate, &mut *up, &mut *hidden] {
            tensor.reshape(x.rows(), self.config.hidden);
        }
        let norm = self.norm(&layer.feed_forward_norm);
        let mut jobs = [write(&layer.gate, gate), write(&layer.up, up)];
        self.device.linear(x, Some(norm), &mut jobs);
        self.adapt(n, x, Some(norm), [(Target::Gate, gate), (Target::Up, up)]);
        self.device.swiglu(gate, up, hidden);
    }

    /// `x += hidden · down`.
    pub(crate) fn down(&self, layer: &Layer, n: usize, hidden: &Tensor, x: &mut Tensor) {
        self.device.linear(hidden, None, &mut [layer.down.add_to(x)]);
        self.adapt(n, hidden, None, [(Target::Down, x)]);
    }

    pub(crate) fn norm<'b>(&self, weight: &'b [f32]) -> Norm<'b> {
        Norm { weight, eps: self.config.norm_eps }
    }

    /// Adds the adapters' updates of layer `n`, all of them reading `norm(x)`.
    fn adapt<const N: usize>(
        &self,
        n: usize,
        x: &Tensor,
        norm: Option<Norm<'_>>,
        outputs: [(Target, &mut Tensor); N],
    ) {
        if let Some(dropout) = &self.adapted.dropout {
            for (target, out) in outputs {
                let mut dropped = Tensor::default();
                dropped.reshape(x.rows(), x.cols());
                match norm {
                    Some(norm) => self.device.norm(x, norm, &mut dropped),
                    None => dropped.as_mut_slice().copy_from_slice(x.as_slice()),
                }
                dropout.apply(n, target, &mut dropped);
                let updates = self.adapted.updates(n, target);
                self.device.lora(&dropped, None, &mut [Lora { updates: &updates, out }]);
            }
            return;
        }
        let updates = outputs.each_ref().map(|(target, _)| self.adapted.updates(n, *target));
        if updates.iter().all(|updates| updates.is_empty()) {
            return;
        }
        let jobs = outputs.into_iter().zip(&updates).map(|((_, out), updates)| Lora { updates, out });
        self.device.lora(x, norm, &mut jobs.collect::<Vec<_>>());
    }
}

fn write<'b>(weight: &'b kernels::Matrix, out: &'b mut Tensor) -> Linear<'b> {
    Linear { weight, bias: None, out, add: false }
}

impl Projection {
    pub(crate) fn write_to<'a>(&'a self, out: &'a mut Tensor) -> Linear<'a> {
        Linear { weight: &self.weight, bias: self.bias.as_deref(), out, add: false }
    }

    pub(crate) fn add_to<'a>(&'a self, out: &'a mut Tensor) -> Linear<'a> {
        Linear { weight: &self.weight, bias: self.bias.as_deref(), out, add: true }
    }
}
