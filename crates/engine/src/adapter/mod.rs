//! LoRA adapters: low-rank updates beside frozen weights.
//!
//! `y = x·Wᵀ + scale · (x·Aᵀ)·B` (Hu et al., "LoRA: Low-Rank Adaptation of Large Language Models", 2021). An adapter
//! is never merged into the weights that are served: it is applied beside them, per sequence.

mod adapted;
mod average;
mod dropout;
mod init;
mod loaded;
mod error;
mod files;
mod shared;
mod parts;
mod rows;
mod tensors;
mod pattern;
mod layout;
pub mod fuse;
pub mod gguf;
pub mod mlx;
pub mod peft;

pub(crate) use adapted::Adapted;
pub(crate) use dropout::Dropout;
pub use error::AdapterFileError;
pub use init::Shape;
/// What factors are made of; here for crates that do not know the kernels.
pub use kernels::Tensor;
pub use layout::Layout;
pub use loaded::Loaded;

use crate::model::Config;

/// A linear layer that an adapter can sit on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Target {
    /// Query projection.
    Q,
    /// Key projection.
    K,
    /// Value projection.
    V,
    /// Output projection of attention.
    Output,
    /// Gate of the feed-forward network.
    Gate,
    /// Up projection of the feed-forward network.
    Up,
    /// Down projection of the feed-forward network.
    Down,
}

/// One low-rank update. Both factors are f32.
#[derive(Clone, Debug)]
pub struct Lora {
    /// `[rank, in]`.
    pub a: Tensor,
    /// `[rank, out]`, turned against what files hold: both factors lie along their wide side, as kernels read them.
    /// Columns are in the order of the base file's rows.
    pub b: Tensor,
    /// What the product is multiplied with: alpha / rank (alpha / √rank with rank-stabilised LoRA).
    pub scale: f32,
}

/// The updates of all layers of one model.
#[derive(Clone, Debug)]
pub struct Adapter {
    layers: Vec<[Option<Lora>; Target::ALL.len()]>,
}

/// An adapter and a model that do not belong together.
#[derive(Debug, thiserror::Error)]
pub enum AdapterError {
    /// Number of decoder layers.
    #[error("the adapter is for a model of {adapter} layers, this one has {model}")]
    Layers {
        /// Layers that the adapter knows.
        adapter: usize,
        /// Layers of the model.
        model: usize,
    },
    /// Shape of a factor.
    #[error(
        "the adapter's {target} of layer {layer} maps {found:?} (in, out), the model's {expected:?}; it was made for another model"
    )]
    Shape {
        /// Decoder layer.
        layer: usize,
        /// Name as in a file.
        target: &'static str,
        /// Inputs and outputs of the model's layer.
        expected: (usize, usize),
        /// Inputs and outputs of the adapter's.
        found: (usize, usize),
    },
    /// The two factors do not meet in one rank.
    #[error("the two factors of {target} of layer {layer} have ranks {a} and {b}")]
    Rank {
        /// Decoder layer.
        layer: usize,
        /// Name as in a file.
        target: &'static str,
        /// Rows of A.
        a: usize,
        /// Rows of B.
        b: usize,
    },
}

impl Target {
    /// Every target, in the order of the forward pass.
    pub const ALL: [Target; 7] =
        [Target::Q, Target::K, Target::V, Target::Output, Target::Gate, Target::Up, Target::Down];

    /// The part of a GGUF tensor's name: `attn_q`.
    pub fn gguf_name(self) -> &'static str {
        match self {
            Target::Q => "attn_q",
            Target::K => "attn_k",
            Target::V => "attn_v",
            Target::Output => "attn_output",
            Target::Gate => "ffn_gate",
            Target::Up => "ffn_up",
            Target::Down => "ffn_down",
        }
    }

    /// The module's name inside a layer of a Hugging Face model: `self_attn.q_proj`.
    pub fn module_name(self) -> &'static str {
        match self {
            Target::Q => "self_attn.q_proj",
            Target::K => "self_attn.k_proj",
            Target::V => "self_attn.v_proj",
            Target::Output => "self_attn.o_proj",
            Target::Gate => "mlp.gate_proj",
            Target::Up => "mlp.up_proj",
            Target::Down => "mlp.down_proj",
        }
    }

    /// Inputs and outputs of this layer in a model.
    pub fn shape(self, config: &Config) -> (usize, usize) {
        let (width, hidden, heads) = (config.width, config.hidden, config.heads);
        let (q, kv) = (heads.q * heads.dim, heads.kv * heads.dim);
        match self {
            Target::Q => (width, q),
            Target::K | Target::V => (width, kv),
            Target::Output => (q, width),
            Target::Gate | Target::Up => (width, hidden),
            Target::Down => (hidden, width),
        }
    }
}

impl Lora {
    /// Rows of A.
    pub fn rank(&self) -> usize {
        self.a.rows()
    }
}

impl Adapter {
    /// No update anywhere.
    pub fn empty(layers: usize) -> Self {
        Adapter { layers: (0..layers).map(|_| Default::default()).collect() }
    }

    /// Number of decoder layers.
    pub fn layers(&self) -> usize {
        self.layers.len()
    }

    /// The update of one linear layer.
    pub fn get(&self, layer: usize, target: Target) -> Option<&Lora> {
        self.layers[layer][target as usize].as_ref()
    }

    /// The same, to be changed.
    pub fn get_mut(&mut self, layer: usize, target: Target) -> Option<&mut Lora> {
        self.layers[layer][target as usize].as_mut()
    }

    /// Several of one layer at once; no target stands there twice.
    pub(crate) fn layer_mut<const N: usize>(
        &mut self,
        n: usize,
        targets: [Target; N],
    ) -> [Option<&mut Lora>; N] {
        let slots = self.layers[n].get_disjoint_mut(targets.map(|target| target as usize));
        slots.expect("no target stands there twice").map(Option::as_mut)
    }

    /// Sets the update of one linear layer.
    pub fn set(&mut self, layer: usize, target: Target, lora: Lora) {
        self.layers[layer][target as usize] = Some(lora);
    }

    /// All updates, layer by layer in the order of the forward pass.
    pub fn iter(&self) -> impl Iterator<Item = (usize, Target, &Lora)> {
        let slots = self.layers.iter().enumerate().flat_map(|(n, layer)| {
            Target::ALL.into_iter().zip(layer).map(move |(target, lora)| (n, target, lora))
        });
        slots.filter_map(|(n, target, lora)| lora.as_ref().map(|lora| (n, target, lora)))
    }

    /// Both factors of every update, in the same order.
    pub(crate) fn factors(&self) -> impl Iterator<Item = &Tensor> {
        self.layers.iter().flatten().flatten().flat_map(|lora| [&lora.a, &lora.b])
    }

    /// The same, to be changed.
    pub(crate) fn factors_mut(&mut self) -> impl Iterator<Item = &mut Tensor> {
        self.layers.iter_mut().flatten().flatten().flat_map(|lora| [&mut lora.a, &mut lora.b])
    }

    /// Updates at the same places with all values zero: room for gradients.
    pub(crate) fn zeros_like(&self) -> Adapter {
        let zeros = |t: &Tensor| Tensor::zeros(t.rows(), t.cols());
        let mut other = Adapter::empty(self.layers());
        for (layer, target, lora) in self.iter() {
            other.set(layer, target, Lora { a: zeros(&lora.a), b: zeros(&lora.b), scale: lora.scale });
        }
        other
    }

    /// Number of trained values.
    pub fn parameters(&self) -> usize {
        self.iter().map(|(_, _, l)| l.a.rows() * l.a.cols() + l.b.rows() * l.b.cols()).sum()
    }

    /// Whether every update has the shape of the model's layer.
    pub fn check(&self, config: &Config) -> Result<(), AdapterError> {
        if self.layers() != config.layers {
            return Err(AdapterError::Layers { adapter: self.layers(), model: config.layers });
        }
        for (layer, target, lora) in self.iter() {
            let (expected, found) = (target.shape(config), (lora.a.cols(), lora.b.cols()));
            if expected != found {
                return Err(AdapterError::Shape { layer, target: target.gguf_name(), expected, found });
            }
            if lora.a.rows() != lora.b.rows() {
                let (a, b) = (lora.a.rows(), lora.b.rows());
                return Err(AdapterError::Rank { layer, target: target.gguf_name(), a, b });
            }
        }
        Ok(())
    }
}
