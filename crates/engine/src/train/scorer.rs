//! The loss of texts under a model, with an adapter or without.

use super::forward::{Context, Forward};
use super::head::Head;
use super::soft::Teacher;
use super::{Options, Pack, Stopped};
use crate::Model;
use crate::adapter::{Adapter, AdapterError, Loaded};
use kernels::Device;
use std::sync::Arc;

/// Computes losses and nothing else.
pub struct Scorer {
    model: Arc<Model>,
    device: Arc<dyn Device>,
    adapter: Option<Arc<Loaded>>,
    /// Stands for none.
    nothing: Adapter,
    forward: Forward,
    head: Head,
}

impl Scorer {
    /// For a model with an adapter, or alone.
    pub fn new(
        model: Arc<Model>,
        device: Arc<dyn Device>,
        adapter: Option<Arc<Loaded>>,
    ) -> Result<Self, AdapterError> {
        if let Some(loaded) = &adapter {
            loaded.adapter().check(model.config())?;
        }
        let nothing = Adapter::empty(model.config().layers);
        let forward = Forward::new(&model, Options::default().kv_format);
        Ok(Scorer { model, device, adapter, nothing, forward, head: Head::default() })
    }

    /// The loss of every target of a pack, or its divergence from its teacher, in nats. `pause` is asked before each
    /// layer and says whether to stop.
    pub fn losses(&mut self, pack: &Pack, pause: &mut dyn FnMut() -> bool) -> Result<Vec<f32>, Stopped> {
        self.pass(pack, pause)?;
        self.head.losses(&self.model, &*self.device, &self.forward.x, pack, None, pause)
    }

    /// The cross-entropy of every target of a pack, and its divergence from its teacher, in nats.
    pub fn compare(
        &mut self,
        pack: &Pack,
        pause: &mut dyn FnMut() -> bool,
    ) -> Result<Vec<(f32, f32)>, Stopped> {
        let divergences = self.losses(pack, pause)?;
        Ok(self.head.cross_entropy.iter().copied().zip(divergences).collect())
    }

    /// What the model says at each target: the `top` most likely tokens, one teacher for each sequence of the pack.
    pub fn teach(
        &mut self,
        pack: &Pack,
        top: usize,
        pause: &mut dyn FnMut() -> bool,
    ) -> Result<Vec<Teacher>, Stopped> {
        self.pass(pack, pause)?;
        self.head.teach(&self.model, &*self.device, &self.forward.x, pack, top, pause)
    }

    fn pass(&mut self, pack: &Pack, pause: &mut dyn FnMut() -> bool) -> Result<(), Stopped> {
        let (model, device) = (&*self.model, &*self.device);
        let ctx = Context {
            model,
            device,
            adapter: self.adapter.as_deref().map_or(&self.nothing, Loaded::adapter),
            dropout: None,
            compact: false,
        };
        self.forward.run(&ctx, pack, model.weights.layers.len(), false, pause).ok_or(Stopped)
    }
}
