//! The forward pass of training: that of serving, which leaves behind what the backward pass needs.

use super::Pack;
use super::kept::{Inside, Kept};
use crate::Model;
use crate::adapter::{Adapted, Adapter, Dropout};
use crate::model::layer::Pass;
use crate::model::weights::Layer;
use kernels::{Device, KvFormat, KvShape, KvStore, RopeRows, Tensor};

/// Buffers that are used again for every pack.
#[derive(Debug)]
pub(super) struct Forward {
    /// The residual stream, in the end that of the last layer `[T, D]`.
    pub(super) x: Tensor,
    hidden: Tensor,
    /// Of the layer that is being computed.
    pub(super) inside: Inside,
    /// One for each layer from the first adapted one on, or one alone where layers are computed again.
    pub(super) kept: Vec<Kept>,
    /// Inputs of layers, where they are all that is kept.
    inputs: Vec<Tensor>,
    rope: Option<RopeRows>,
    kv: KvStore,
}

impl Forward {
    pub(super) fn new(model: &Model, format: KvFormat) -> Self {
        // Layers take turns in one layer's cache: training never goes back to it.
        let shape = KvShape { layers: 1, ..model.kv_shape(format) };
        let (x, hidden, inside) = (Tensor::default(), Tensor::default(), Inside::default());
        Forward {
            x,
            hidden,
            inside,
            kept: Vec::new(),
            inputs: Vec::new(),
            rope: None,
            kv: KvStore::new(shape),
        }
    }

    /// Runs a pack through all layers, `None` where `pause` said to stop. Layers from `first` on are kept, whole
    /// or by their input alone (`again`).
    pub(super) fn run(
        &mut self,
        ctx: &Context<'_>,
        pack: &Pack,
        first: usize,
        again: bool,
        pause: &mut dyn FnMut() -> bool,
    ) -> Option<()> {
        let model = ctx.model;
        self.kv.grow(pack.blocks());
        let rope = self.rope.get_or_insert_with(|| model.rope.rows());
        model.rope.fill(&pack.spans(), rope);
        self.x.reshape(pack.rows(), model.config().width);
        ctx.device.embed(&model.weights.embedding, &pack.tokens, &mut self.x);

        let count = model.weights.layers.len().saturating_sub(first);
        self.kept.resize_with(if again { 1 } else { count.max(1) }, Kept::default);
        self.inputs.resize_with(if again { count } else { 0 }, Tensor::default);
        for (n, layer) in model.weights.layers.iter().enumerate() {
            if pause() {
                return None;
            }
            if again && n >= first {
                copy(&self.x, &mut self.inputs[n - first]);
            }
            let rope = self.rope.as_ref().expect("filled above");
            let spans = pack.spans();
            let pass = ctx.pass(&spans, rope);
            let inside = &mut self.inside;
            layer_forward(&pass, layer, n, &mut self.x, &mut self.hidden, inside, &mut self.kv);
            if !again && n >= first {
                self.kept[n - first].store(ctx.device, inside, ctx.compact);
            }
        }
        Some(())
    }

    /// Makes `kept[0]` that of layer `n` again.
    pub(super) fn recompute(&mut self, ctx: &Context<'_>, pack: &Pack, n: usize, first: usize) {
        let spans = pack.spans();
        let pass = ctx.pass(&spans, self.rope.as_ref().expect("the forward pass came first"));
        copy(&self.inputs[n - first], &mut self.x);
        let layer = &ctx.model.weights.layers[n];
        let inside = &mut self.inside;
        layer_forward(&pass, layer, n, &mut self.x, &mut self.hidden, inside, &mut self.kv);
        self.kept[0].store(ctx.device, inside, ctx.compact);
    }

    pub(super) fn rope(&self) -> &RopeRows {
        self.rope.as_ref().expect("the forward pass came first")
    }
}

/// What all passes of a run share.
pub(super) struct Context<'a> {
    pub(super) model: &'a Model,
    pub(super) device: &'a dyn Device,
    pub(super) adapter: &'a Adapter,
    pub(super) dropout: Option<Dropout>,
    /// Whether what layers leave behind is rounded to bf16.
    pub(super) compact: bool,
}

impl<'a> Context<'a> {
    pub(super) fn pass<'b>(&'b self, spans: &'b [kernels::Span<'b>], rope: &'b RopeRows) -> Pass<'b> {
        let mut adapted = Adapted::new(spans, &vec![Some(self.adapter); spans.len()]);
        adapted.dropout = self.dropout;
        Pass { device: self.device, config: self.model.config(), spans, rope, adapted }
    }
}

#[allow(clippy::too_many_arguments, reason = "all buffers of a layer")]
fn layer_forward(
    pass: &Pass<'_>,
    layer: &Layer,
    n: usize,
    x: &mut Tensor,
    hidden: &mut Tensor,
    inside: &mut Inside,
    kv: &mut KvStore,
) {
    let Inside { x: input, middle, raw_q, raw_k, q, k, v, mixed, gate, up } = inside;
    copy(x, input);
    pass.project(layer, n, x, q, k, v);
    if layer.q_norm.is_some() || layer.k_norm.is_some() {
        copy(q, raw_q);
        copy(k, raw_k);
    }
    pass.attend(layer, 0, q, k, v, kv, mixed);
    pass.output(layer, n, mixed, x);
    copy(x, middle);
    pass.gate_and_up(layer, n, x, gate, up, hidden);
    pass.down(layer, n, hidden, x);
}

fn copy(from: &Tensor, to: &mut Tensor) {
    to.reshape(from.rows(), from.cols());
    to.as_mut_slice().copy_from_slice(from.as_slice());
}
