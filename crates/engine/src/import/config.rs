//! `config.json` becomes the hyperparameters of a GGUF file.

use super::ImportError;
use crate::gguf::MetadataBuilder;
use crate::model::{Architecture, Config};
use serde::Deserialize;
use serde_json::{Map, Value};
use std::f64::consts::TAU;

/// What `config.json` says of the weights.
#[derive(Debug)]
pub(super) struct Shape {
    /// The hyperparameters, read back from the metadata that were made of them.
    pub(super) config: Config,
    /// Rows of the embedding.
    pub(super) vocab: usize,
    /// Whether the embedding is the head too; `None` where only the tensors tell.
    pub(super) tied: Option<bool>,
    /// Which projections of the attention must have biases.
    pub(super) biases: Biases,
    /// `[head / 2]`: divide the rotary frequencies, for Llama 3's scaling.
    pub(super) rope_factors: Option<Vec<f32>>,
}

/// Which projections of the attention must have biases; others may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Biases {
    /// None.
    None,
    /// Query, key and value.
    Qkv,
    /// All four.
    All,
}

#[derive(Deserialize)]
struct Hf {
    hidden_size: u32,
    intermediate_size: u32,
    num_hidden_layers: u32,
    num_attention_heads: u32,
    num_key_value_heads: Option<u32>,
    head_dim: Option<u32>,
    max_position_embeddings: u32,
    rms_norm_eps: f32,
    vocab_size: u32,
    rope_theta: Option<f64>,
    rope_scaling: Option<Map<String, Value>>,
    rope_parameters: Option<Map<String, Value>>,
    tie_word_embeddings: Option<bool>,
    attention_bias: Option<bool>,
}

impl Shape {
    /// Reads `config.json` and adds what it says to `metadata`.
    pub(super) fn read(json: &Value, metadata: &mut MetadataBuilder) -> Result<Shape, ImportError> {
        let architecture = architecture(json)?;
        refuse(json)?;
        let hf = Hf::deserialize(json).map_err(|error| ImportError::Json {
            file: "config.json".to_owned(),
            reason: error.to_string(),
        })?;
        metadata.str("general.architecture", architecture.name());
        hf.write(architecture, metadata)?;
        let rope_factors = hf.write_rope(architecture, metadata)?;
        let config = Config::from_gguf(&metadata.build()?)?;
        let biases = match architecture {
            Architecture::Qwen2 => Biases::Qkv,
            _ if hf.attention_bias == Some(true) => Biases::All,
            _ => Biases::None,
        };
        let vocab = hf.vocab_size as usize;
        Ok(Shape { config, vocab, tied: hf.tie_word_embeddings, biases, rope_factors })
    }
}

fn architecture(json: &Value) -> Result<Architecture, ImportError> {
    let name = json["architectures"][0].as_str().unwrap_or("an unnamed architecture");
    match name {
        "LlamaForCausalLM" => Ok(Architecture::Llama),
        "Qwen2ForCausalLM" => Ok(Architecture::Qwen2),
        "Qwen3ForCausalLM" => Ok(Architecture::Qwen3),
        other => Err(ImportError::Architecture(other.chars().filter(|c| !c.is_control()).take(80).collect())),
    }
}

/// What changes the arithmetic, where it is neither missing nor one of these: a checkpoint with it would load
/// and give wrong answers.
const NEUTRAL: [(&str, &[f64]); 17] = [
    ("mlp_bias", &[0.0]),
    ("use_qk_norm", &[0.0]),
    ("num_experts", &[0.0, 1.0]),
    ("num_local_experts", &[0.0, 1.0]),
    ("n_routed_experts", &[0.0]),
    ("partial_rotary_factor", &[1.0]),
    ("embedding_multiplier", &[1.0]),
    ("residual_multiplier", &[1.0]),
    ("logits_scaling", &[1.0]),
    ("logit_scale", &[1.0]),
    ("attention_multiplier", &[]),
    ("query_pre_attn_scalar", &[]),
    ("scale_emb", &[1.0]),
    ("scale_depth", &[]),
    ("dim_model_base", &[]),
    ("attn_logit_softcapping", &[]),
    ("final_logit_softcapping", &[]),
];

fn refuse(json: &Value) -> Result<(), ImportError> {
    let refuse = |key: &str, why| {
        let value = json[key].to_string().chars().take(80).collect();
        Err(ImportError::Config { key: key.to_owned(), value, why })
    };
    for (key, neutral) in NEUTRAL {
        let number = json[key].as_f64().or(json[key].as_bool().map(|truth| truth.into()));
        if !json[key].is_null() && !number.is_some_and(|number| neutral.contains(&number)) {
            return refuse(key, "the engine does not compute it");
        }
    }
    if !matches!(json["hidden_act"].as_str(), None | Some("silu")) {
        return refuse("hidden_act", "only silu is supported");
    }
    let layers = json["num_hidden_layers"].as_u64().unwrap_or(0);
    let window = !json["sliding_window"].is_null() && json["use_sliding_window"].as_bool() != Some(false);
    // Qwen's layers below max_window_layers attend to everything.
    if window && json["max_window_layers"].as_u64().is_none_or(|first| first < layers) {
        return refuse("sliding_window", "sliding windows are not supported");
    }
    let full = |kind: &Value| kind.as_str() == Some("full_attention");
    if json["layer_types"].as_array().is_some_and(|kinds| !kinds.iter().all(full)) {
        return refuse("layer_types", "only full_attention is supported");
    }
    match json["quantization_config"]["quant_method"].as_str() {
        Some(method) => Err(ImportError::Quantised(method.chars().take(40).collect())),
        None => Ok(()),
    }
}

impl Hf {
    fn write(&self, architecture: Architecture, metadata: &mut MetadataBuilder) -> Result<(), ImportError> {
        let key = |name: &str| format!("{}.{name}", architecture.name());
        let head = self.head(architecture)?;
        metadata
            .u32(&key("block_count"), self.num_hidden_layers)
            .u32(&key("context_length"), self.max_position_embeddings)
            .u32(&key("embedding_length"), self.hidden_size)
            .u32(&key("feed_forward_length"), self.intermediate_size)
            .u32(&key("attention.head_count"), self.num_attention_heads)
            .u32(
                &key("attention.head_count_kv"),
                self.num_key_value_heads.unwrap_or(self.num_attention_heads),
            )
            .u32(&key("attention.key_length"), head)
            .u32(&key("attention.value_length"), head)
            .f32(&key("attention.layer_norm_rms_epsilon"), self.rms_norm_eps)
            .u32(&key("rope.dimension_count"), head)
            .u32(&key("vocab_size"), self.vocab_size);
        Ok(())
    }

    /// Width of a head, with the default of transformers.
    fn head(&self, architecture: Architecture) -> Result<u32, ImportError> {
        let default = match architecture {
            Architecture::Qwen3 => Some(128),
            _ => self.hidden_size.checked_div(self.num_attention_heads),
        };
        let zero = || ImportError::Config {
            key: "num_attention_heads".to_owned(),
            value: "0".to_owned(),
            why: "it must be above 0",
        };
        self.head_dim.or(default).ok_or_else(zero)
    }

    /// Rotary positions; returns the factors of Llama 3's scaling.
    fn write_rope(
        &self,
        architecture: Architecture,
        metadata: &mut MetadataBuilder,
    ) -> Result<Option<Vec<f32>>, ImportError> {
        let key = |name: &str| format!("{}.rope.{name}", architecture.name());
        let empty = Map::new();
        // Version 5 of transformers has all in one place, older ones keep theta apart.
        let rope = self.rope_parameters.as_ref().or(self.rope_scaling.as_ref()).unwrap_or(&empty);
        let number = |name: &str| rope.get(name).and_then(Value::as_f64);
        let theta = number("rope_theta").or(self.rope_theta).unwrap_or(10_000.0);
        metadata.f32(&key("freq_base"), theta as f32);

        let original = number("original_max_position_embeddings");
        let context = f64::from(self.max_position_embeddings);
        let factor = || {
            let factor = number("factor").or(original.map(|original| context / original));
            let why = "it has no factor above 0";
            factor.filter(|factor| *factor > 0.0).ok_or_else(|| scaling(rope, why))
        };
        let kind = rope.get("rope_type").or(rope.get("type")).and_then(Value::as_str).unwrap_or("default");
        match kind {
            "default" => {}
            "linear" => {
                metadata.str(&key("scaling.type"), "linear").f32(&key("scaling.factor"), factor()? as f32);
            }
            "llama3" => {
                let low = number("low_freq_factor").unwrap_or(1.0);
                let high = number("high_freq_factor").unwrap_or(4.0);
                let original = original.ok_or_else(|| scaling(rope, "it has no original context"))?;
                let head = self.head(architecture)?;
                return Ok(Some(llama3_factors(head, theta, factor()?, low, high, original)));
            }
            "yarn" => {
                if rope.get("truncate").and_then(Value::as_bool) == Some(false) {
                    return Err(scaling(rope, "YaRN without truncation is not supported"));
                }
                let factor = factor()?;
                metadata
                    .str(&key("scaling.type"), "yarn")
                    .f32(&key("scaling.factor"), factor as f32)
                    .u32(&key("scaling.original_context_length"), original.unwrap_or(context) as u32)
                    .f32(&key("scaling.yarn_beta_fast"), number("beta_fast").unwrap_or(32.0) as f32)
                    .f32(&key("scaling.yarn_beta_slow"), number("beta_slow").unwrap_or(1.0) as f32)
                    .f32(&key("scaling.attn_factor"), yarn_attention(factor, &number) as f32);
            }
            _ => return Err(scaling(rope, "only linear, llama3 and yarn are supported")),
        }
        Ok(None)
    }
}

fn scaling(rope: &Map<String, Value>, why: &'static str) -> ImportError {
    let value = serde_json::to_string(rope).unwrap_or_default().chars().take(200).collect();
    ImportError::Config { key: "rope_scaling".to_owned(), value, why }
}

/// What multiplies cosines and sines on top of `0.1 ln(factor) + 1`, which GGUF takes for granted.
fn yarn_attention(factor: f64, number: &impl Fn(&str) -> Option<f64>) -> f64 {
    let scale = |weight: f64| if factor <= 1.0 { 1.0 } else { 0.1 * weight * factor.ln() + 1.0 };
    let ratio = number("mscale").zip(number("mscale_all_dim")).filter(|(a, b)| *a != 0.0 && *b != 0.0);
    let wanted = number("attention_factor").or(ratio.map(|(a, b)| scale(a) / scale(b)));
    wanted.map_or(1.0, |wanted| wanted / scale(1.0))
}

/// The tensor `rope_freqs.weight`: what divides each frequency. As `_compute_llama3_parameters` of
/// transformers: long waves are stretched by `factor`, short ones not at all, those between smoothly.
fn llama3_factors(head: u32, theta: f64, factor: f64, low: f64, high: f64, original: f64) -> Vec<f32> {
    let one = |pair: u32| {
        let wave = TAU * theta.powf(f64::from(2 * pair) / f64::from(head));
        if wave < original / high {
            1.0
        } else if wave > original / low {
            factor
        } else {
            let smooth = (original / wave - low) / (high - low);
            1.0 / ((1.0 - smooth) / factor + smooth)
        }
    };
    (0..head / 2).map(|pair| one(pair) as f32).collect()
}
