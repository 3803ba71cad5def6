//! A training run's state: the adapter, its gradients, its optimiser.

use super::Pack;
use super::adamw::AdamW;
use super::backward::Backward;
use super::forward::{Context, Forward};
use super::head::Head;
use crate::Model;
use crate::adapter::{Adapter, AdapterError, Dropout, Target};
use kernels::{Device, KvFormat, Tensor};
use std::sync::Arc;

/// How to train.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Keeps only the input of each layer and computes the rest again on the way back: about a third slower, in a
    /// fraction of the memory.
    pub recompute: bool,
    /// Keeps what layers leave behind in bf16: half of the memory, and gradients rounded accordingly.
    pub compact: bool,
    /// Probability that an element of an update's input is left out.
    pub dropout: f32,
    /// Seed of the dropout.
    pub seed: u64,
    /// Decoupled weight decay.
    pub weight_decay: f32,
    /// How keys and values are stored on the way forward.
    pub kv_format: KvFormat,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            recompute: false,
            compact: true,
            dropout: 0.0,
            seed: 0,
            weight_decay: 0.0,
            kv_format: KvFormat::F16,
        }
    }
}

/// The work was given up because the caller's `pause` asked for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("training was stopped")]
pub struct Stopped;

/// What an update did.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Update {
    /// Norm of all gradients together, before clipping; not finite where the loss was not.
    pub norm: f64,
    /// Whether the factors moved: they do not where the norm is not finite.
    pub applied: bool,
}

/// Trains one adapter. Equal calls give equal bits, on any number of threads.
pub struct Trainer {
    model: Arc<Model>,
    device: Arc<dyn Device>,
    options: Options,
    pub(super) adapter: Adapter,
    gradients: Adapter,
    pub(super) optimizer: AdamW,
    /// Weights of the targets since the last update.
    mass: f64,
    /// Packs learned from, over the whole run.
    pub(super) batches: u64,
    pub(super) batches_at_update: u64,
    forward: Forward,
    backward: Backward,
    head: Head,
    dx: Tensor,
}

impl Trainer {
    /// Begins a run with `adapter` as it is.
    pub fn new(
        model: Arc<Model>,
        device: Arc<dyn Device>,
        adapter: Adapter,
        options: Options,
    ) -> Result<Self, AdapterError> {
        adapter.check(model.config())?;
        Ok(Trainer {
            gradients: adapter.zeros_like(),
            optimizer: AdamW::new(&adapter, options.weight_decay),
            mass: 0.0,
            batches: 0,
            batches_at_update: 0,
            forward: Forward::new(&model, options.kv_format),
            backward: Backward::default(),
            head: Head::default(),
            dx: Tensor::default(),
            model,
            device,
            options,
            adapter,
        })
    }

    /// Adds the gradients of a pack's summed, weighted loss, and returns the loss of every target, or its divergence
    /// from its teacher.
    ///
    /// `pause` is asked before each layer, forward and backward, and before each chunk of the losses. It may wait, to let others use the processor, and
    /// says whether to stop: the gradients of this pack are then of no use, and the run must go on from a checkpoint.
    pub fn accumulate(&mut self, pack: &Pack, pause: &mut dyn FnMut() -> bool) -> Result<Vec<f32>, Stopped> {
        let Options { dropout: probability, seed, recompute, compact, .. } = self.options;
        let dropout = (probability > 0.0).then_some(Dropout { probability, seed, batch: self.batches });
        let (model, device) = (&*self.model, &*self.device);
        let ctx = Context { model, device, adapter: &self.adapter, dropout, compact };
        self.batches += 1;
        self.mass += pack.mass();
        let first = first_adapted(&self.adapter);
        self.forward.run(&ctx, pack, first, recompute, pause).ok_or(Stopped)?;

        self.dx.reshape(pack.rows(), model.config().width);
        self.dx.as_mut_slice().fill(0.0);
        let (x, dx) = (&self.forward.x, Some(&mut self.dx));
        let losses = self.head.losses(model, device, x, pack, dx, pause)?;
        for n in (first..model.weights.layers.len()).rev() {
            if pause() {
                return Err(Stopped);
            }
            let slot = if recompute { 0 } else { n - first };
            if recompute {
                self.forward.recompute(&ctx, pack, n, first);
            }
            let mut kept = std::mem::take(&mut self.forward.kept[slot]);
            let mut inside = std::mem::take(&mut self.forward.inside);
            kept.load(device, &mut inside, compact);
            let spans = pack.spans();
            let pass = ctx.pass(&spans, self.forward.rope());
            let layer = &model.weights.layers[n];
            let (gradients, dx) = (&mut self.gradients, &mut self.dx);
            self.backward.layer(&ctx, &pass, layer, n, &mut inside, gradients, dx, n > first);
            (self.forward.kept[slot], self.forward.inside) = (kept, inside);
        }
        Ok(losses)
    }

    /// Moves the factors along the gradient since the last update, divided by the weights of all predicted targets, and
    /// shortened to the norm `clip` where it is longer.
    pub fn update(&mut self, rate: f32, clip: f32) -> Update {
        let mean = if self.mass > 0.0 { 1.0 / self.mass } else { 1.0 };
        let square: f64 = self.gradients.factors().map(|t| square(t.as_slice())).sum();
        let norm = square.sqrt() * mean;
        let applied = norm.is_finite();
        if applied {
            let shrink = (f64::from(clip) / (norm + 1e-6)).min(1.0);
            self.optimizer.update(&mut self.adapter, &self.gradients, (mean * shrink) as f32, rate);
        }
        self.batches_at_update = self.batches;
        self.forget();
        Update { norm, applied }
    }

    /// Drops the gradients since the last update, as if their packs had not been.
    pub fn forget(&mut self) {
        self.gradients.factors_mut().for_each(|t| t.as_mut_slice().fill(0.0));
        self.mass = 0.0;
        self.batches = self.batches_at_update;
    }

    /// The loss of every target of a pack, as the adapter is now.
    pub fn losses(&mut self, pack: &Pack, pause: &mut dyn FnMut() -> bool) -> Result<Vec<f32>, Stopped> {
        let (model, device) = (&*self.model, &*self.device);
        let ctx = Context { model, device, adapter: &self.adapter, dropout: None, compact: false };
        // Nothing is kept: every layer takes the place of the one before.
        self.forward.run(&ctx, pack, model.weights.layers.len(), false, pause).ok_or(Stopped)?;
        self.head.losses(model, device, &self.forward.x, pack, None, pause)
    }

    /// The adapter as it is now.
    pub fn adapter(&self) -> &Adapter {
        &self.adapter
    }

    /// Replaces the adapter's factors and leaves the optimiser as it is: for the best of several moments of a run.
    pub fn set_adapter(&mut self, adapter: Adapter) -> Result<(), AdapterError> {
        adapter.check(self.model.config())?;
        self.adapter = adapter;
        Ok(())
    }

    /// Ends the run.
    pub fn into_adapter(self) -> Adapter {
        self.adapter
    }

    /// Gradients of the summed loss since the last update.
    pub fn gradients(&self) -> &Adapter {
        &self.gradients
    }

    /// Updates so far.
    pub fn steps(&self) -> u64 {
        self.optimizer.steps
    }
}

/// The lowest layer with an adapter: nothing goes back below it.
fn first_adapted(adapter: &Adapter) -> usize {
    let touched = |n: &usize| Target::ALL.iter().any(|&target| adapter.get(*n, target).is_some());
    (0..adapter.layers()).find(touched).unwrap_or(adapter.layers())
}

/// `Σ v²` in f64, in order.
fn square(values: &[f32]) -> f64 {
    values.iter().map(|&v| f64::from(v) * f64::from(v)).sum()
}
