//! Hyperparameters of a decoder, from metadata.

use super::ModelError;
use crate::gguf::{FromValue, Metadata};
use kernels::{Heads, Pairing};

/// Hyperparameters of a decoder.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Model family.
    pub architecture: Architecture,
    /// Decoder layers.
    pub layers: usize,
    /// Width of the residual stream.
    pub width: usize,
    /// Width inside the feed-forward network.
    pub hidden: usize,
    /// Attention heads.
    pub heads: Heads,
    /// Added to the mean square in every norm.
    pub norm_eps: f32,
    /// Positions the model was trained for.
    pub context_length: usize,
    /// Rotary position embedding.
    pub rope: RopeConfig,
}

/// A model family: all are pre-norm decoders with RMSNorm, rotary positions, grouped-query attention and
/// SwiGLU; biases, head norms and tied embeddings are seen from the tensors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Architecture {
    /// Llama 1 to 3, SmolLM, Mistral and others.
    Llama,
    /// Qwen 2 and 2.5: biases on q, k and v.
    Qwen2,
    /// Qwen 3: norms on each head's q and k.
    Qwen3,
}

/// Rotary position embedding.
#[derive(Clone, Debug, PartialEq)]
pub struct RopeConfig {
    /// Rotated elements of each head.
    pub dims: usize,
    /// Base of the wavelengths.
    pub theta: f32,
    /// How positions beyond the first training context are reached.
    pub scaling: Scaling,
    /// Element order.
    pub pairing: Pairing,
}

/// How positions beyond the first training context are reached. Scaling of the `llama3` kind is not here: files
/// carry its result, the tensor `rope_freqs.weight`.
#[derive(Clone, Debug, PartialEq)]
pub enum Scaling {
    /// Not at all.
    None,
    /// All positions divided by the factor.
    Linear {
        /// The divisor.
        factor: f32,
    },
    /// YaRN: Peng et al., "YaRN: Efficient Context Window Extension of Large Language Models", 2023.
    Yarn {
        /// Extension of the context.
        factor: f32,
        /// Context before the extension.
        original_context: usize,
        /// Dimensions with more rotations than this over the original context stay as they are.
        beta_fast: f32,
        /// Dimensions with fewer are interpolated like `Linear`.
        beta_slow: f32,
        /// Multiplies cosines and sines, on top of YaRN's own `0.1 ln(factor) + 1`.
        attention_factor: f32,
    },
}

impl Architecture {
    /// By the name in `general.architecture`.
    pub fn from_name(name: &str) -> Result<Self, ModelError> {
        match name {
            "llama" => Ok(Architecture::Llama),
            "qwen2" => Ok(Architecture::Qwen2),
            "qwen3" => Ok(Architecture::Qwen3),
            other => Err(ModelError::Architecture(other.to_owned())),
        }
    }

    /// The name in `general.architecture`, which is also the prefix of the keys.
    pub fn name(self) -> &'static str {
        match self {
            Architecture::Llama => "llama",
            Architecture::Qwen2 => "qwen2",
            Architecture::Qwen3 => "qwen3",
        }
    }

    /// Converters permute q and k of `llama` so that neighbours rotate together; the others keep halves.
    fn pairing(self) -> Pairing {
        match self {
            Architecture::Llama => Pairing::Interleaved,
            Architecture::Qwen2 | Architecture::Qwen3 => Pairing::Halves,
        }
    }
}

impl Config {
    /// Reads and checks the hyperparameters.
    pub fn from_gguf(metadata: &Metadata) -> Result<Self, ModelError> {
        let architecture = Architecture::from_name(metadata.require("general.architecture")?)?;
        let keys = Keys { metadata, prefix: architecture.name() };
        if keys.find::<u64>("expert_count")?.is_some_and(|n| n > 0) {
            return Err(keys.bad("expert_count", "mixtures of experts are not supported"));
        }
        let layers = keys.size("block_count", 1 << 12)?;
        let width = keys.size("embedding_length", 1 << 20)?;
        let hidden = keys.size("feed_forward_length", 1 << 22)?;
        let context_length = keys.size("context_length", 1 << 30)?;
        let heads = keys.heads(width)?;
        let norm_eps = keys.metadata.require(&keys.name("attention.layer_norm_rms_epsilon"))?;
        if !(0.0..1.0).contains(&norm_eps) {
            return Err(keys.bad("attention.layer_norm_rms_epsilon", "it must be a small positive number"));
        }
        let rope = keys.rope(heads.dim, context_length, architecture.pairing())?;
        Ok(Config { architecture, layers, width, hidden, heads, norm_eps, context_length, rope })
    }
}

/// Lookups of `<architecture>.<name>`.
struct Keys<'a> {
    metadata: &'a Metadata,
    prefix: &'static str,
}

impl<'a> Keys<'a> {
    fn name(&self, name: &str) -> String {
        format!("{}.{name}", self.prefix)
    }

    fn find<T: FromValue<'a>>(&self, name: &str) -> Result<Option<T>, ModelError> {
        Ok(self.metadata.find(&self.name(name))?)
    }

    fn bad(&self, name: &str, why: &'static str) -> ModelError {
        let key = self.name(name);
        let value = self.metadata.get(&key).map_or("missing".to_owned(), |value| value.to_string());
        ModelError::Hyperparameter { key, value, why }
    }

    /// A count from 1 to `limit`.
    fn size(&self, name: &str, limit: usize) -> Result<usize, ModelError> {
        let value: usize = self.metadata.require(&self.name(name))?;
        if value == 0 || value > limit {
            return Err(self.bad(name, "it must be a positive number of a usual size"));
        }
        Ok(value)
    }

    fn size_or(&self, name: &str, limit: usize, default: usize) -> Result<usize, ModelError> {
        if self.metadata.get(&self.name(name)).is_none() { Ok(default) } else { self.size(name, limit) }
    }

    /// A number above 0.
    fn positive(&self, name: &str, default: f32) -> Result<f32, ModelError> {
        let value = self.find(name)?.unwrap_or(default);
        if value > 0.0 && value.is_finite() { Ok(value) } else { Err(self.bad(name, "it must be above 0")) }
    }

    fn heads(&self, width: usize) -> Result<Heads, ModelError> {
        let q = self.size("attention.head_count", 1 << 12)?;
        let kv = self.size_or("attention.head_count_kv", 1 << 12, q)?;
        if !q.is_multiple_of(kv) {
            return Err(self.bad("attention.head_count_kv", "it must divide the number of query heads"));
        }
        let dim = self.size_or("attention.key_length", 1 << 10, width / q)?;
        if self.size_or("attention.value_length", 1 << 10, dim)? != dim {
            return Err(self.bad("attention.value_length", "it must equal attention.key_length"));
        }
        if dim == 0 || !dim.is_multiple_of(2) {
            return Err(self.bad("attention.head_count", "the width of a head must be even"));
        }
        Ok(Heads { q, kv, dim })
    }

    fn rope(&self, head_dim: usize, context: usize, pairing: Pairing) -> Result<RopeConfig, ModelError> {
        let dims = self.size_or("rope.dimension_count", head_dim, head_dim)?;
        if !dims.is_multiple_of(2) {
            return Err(self.bad("rope.dimension_count", "it must be even"));
        }
        let theta = self.positive("rope.freq_base", 10_000.0)?;
        Ok(RopeConfig { dims, theta, scaling: self.scaling(context)?, pairing })
    }

    fn scaling(&self, context: usize) -> Result<Scaling, ModelError> {
        // Files of 2023 have the factor alone, under another name.
        let old_factor = self.positive("rope.scale_linear", 1.0)?;
        let factor = self.positive("rope.scaling.factor", old_factor)?;
        match self.find("rope.scaling.type")?.unwrap_or("linear") {
            "none" => Ok(Scaling::None),
            "linear" if factor == 1.0 => Ok(Scaling::None),
            "linear" => Ok(Scaling::Linear { factor }),
            "yarn" => Ok(Scaling::Yarn {
                factor,
                original_context: self.size_or("rope.scaling.original_context_length", 1 << 30, context)?,
                beta_fast: self.positive("rope.scaling.yarn_beta_fast", 32.0)?,
                beta_slow: self.positive("rope.scaling.yarn_beta_slow", 1.0)?,
                attention_factor: self.positive("rope.scaling.attn_factor", 1.0)?,
            }),
            _ => Err(self.bad("rope.scaling.type", "only none, linear and yarn are supported")),
        }
    }
}
