//! Hugging Face PEFT: a folder with `adapter_config.json` and `adapter_model.safetensors`.
//!
//! Tensors are `base_model.model.model.layers.N.self_attn.q_proj.lora_A.weight` `[rank, in]` and `….lora_B.weight`
//! `[out, rank]`, so for k_proj, v_proj, o_proj and mlp.gate_proj, up_proj, down_proj. The scale is
//! `lora_alpha / r`, with `use_rslora` `lora_alpha / √r`; `rank_pattern` and `alpha_pattern` change both for the modules
//! that they match. Rows are in Hugging Face's order.
//!
//! What is written: f32 tensors, `r` and `lora_alpha` of the first update, patterns with whole module names for
//! those that differ, `target_modules` with short names where every layer has the same modules and with whole module
//! names where not, `use_rslora` false.

use super::error::shown;
use super::parts::{Factor, Parts, Slot, layer_number};
use super::pattern::Patterns;
use super::{Adapter, AdapterFileError, Lora, Target, files, rows, tensors};
use crate::model::Config;
use serde_json::{Map, Value, json};
use std::path::Path;

/// The folder's two files.
pub(super) const CONFIG: &str = "adapter_config.json";
pub(super) const TENSORS: &str = "adapter_model.safetensors";

/// Settings that must not be there, or say nothing (null, false, empty): each changes what is computed. So may any
/// `use_…` that is not known here.
const REFUSED: [(&str, &str); 11] = [
    ("use_dora", "DoRA also changes the size of the weights; train with plain LoRA"),
    ("lora_bias", "train without biases"),
    ("modules_to_save", "whole layers are kept in it; train linear layers only"),
    ("target_parameters", "train linear layers only"),
    ("trainable_token_indices", "train linear layers only"),
    ("layer_replication", "the base has other layers than the model"),
    ("alora_invocation_tokens", "an activated LoRA works on a part of the prompt only"),
    ("arrow_config", "train with plain LoRA"),
    ("kasa_config", "train with plain LoRA"),
    ("monteclora_config", "train with plain LoRA"),
    ("fan_in_fan_out", "the matrices of these models are not transposed"),
];

/// How an adapter may have begun. The other ways of PEFT change the base weights too.
const BEGINNINGS: [&str; 3] = ["gaussian", "eva", "orthogonal"];

/// Reads an adapter of the model that `config` describes.
pub fn read(folder: &Path, config: &Config) -> Result<Adapter, AdapterFileError> {
    let settings = Settings::read(&folder.join(CONFIG))?;
    let mut parts = Parts::new(config);
    tensors::read(&folder.join(TENSORS), |name, tensor| {
        let slot = slot(name).ok_or_else(|| AdapterFileError::unknown_tensor(name))?;
        parts.put(name, slot, tensor)
    })?;
    let mut adapter = parts.finish(|layer, target, rank| settings.scale(layer, target, rank))?;
    rows::from_halves(&mut adapter, config);
    Ok(adapter)
}

/// Writes an adapter into `folder`, which is created if need be. `base` is what PEFT calls the base model.
pub fn write(
    folder: &Path,
    adapter: &Adapter,
    config: &Config,
    base: Option<&str>,
) -> Result<(), AdapterFileError> {
    adapter.check(config)?;
    let settings = settings(adapter, base)?;
    let mut factors = Vec::new();
    for (layer, target, lora) in adapter.iter() {
        let name = |factor| format!("base_model.model.{}.{factor}.weight", module(layer, target));
        let a = kernels::Tensor::from_slice(lora.a.rows(), lora.a.cols(), lora.a.as_slice());
        factors.push((name("lora_A"), a));
        factors.push((name("lora_B"), rows::to_halves(&lora.b.transposed(), target, config)));
    }
    files::folder(folder)?;
    tensors::write(&folder.join(TENSORS), "pt", &factors)?;
    files::write_config(&folder.join(CONFIG), &settings)
}

/// What decides the scale.
struct Settings {
    rank: f64,
    alpha: f64,
    /// Divide by the root of the rank.
    rank_stabilised: bool,
    ranks: Patterns,
    alphas: Patterns,
}

impl Settings {
    fn read(path: &Path) -> Result<Self, AdapterFileError> {
        let settings = files::read_config(path)?;
        let bad = |reason: String| AdapterFileError::Config { path: path.into(), reason };
        refuse(&settings)?;
        let number = |key: &str| {
            let value = settings.get(key).and_then(Value::as_f64);
            value.ok_or_else(|| bad(format!("`{key}` must be a number")))
        };
        let patterns =
            |key: &str| Patterns::read(settings.get(key)).map_err(|e| bad(format!("`{key}`: {e}")));
        let rank_stabilised = match settings.get("use_rslora").unwrap_or(&Value::Null) {
            Value::Null => false,
            Value::Bool(yes) => *yes,
            _ => return Err(bad("`use_rslora` must be true or false".into())),
        };
        Ok(Settings {
            rank: number("r")?,
            alpha: number("lora_alpha")?,
            rank_stabilised,
            ranks: patterns("rank_pattern")?,
            alphas: patterns("alpha_pattern")?,
        })
    }

    /// The scale of one update, whose rank must be what the settings say.
    fn scale(&self, layer: usize, target: Target, rank: usize) -> Result<f32, AdapterFileError> {
        let module = module(layer, target);
        let expected = self.ranks.get(&module).unwrap_or(self.rank);
        if expected != rank as f64 {
            let why = format!("has rank {rank}, but {CONFIG} says {expected}");
            return Err(AdapterFileError::tensor(&module, why));
        }
        let alpha = self.alphas.get(&module).unwrap_or(self.alpha);
        let divisor = if self.rank_stabilised { expected.sqrt() } else { expected };
        Ok((alpha / divisor) as f32)
    }
}

/// Fails for everything that is not plain LoRA.
fn refuse(settings: &Map<String, Value>) -> Result<(), AdapterFileError> {
    let get = |key: &str| settings.get(key).unwrap_or(&Value::Null);
    let refused = |key: &str, why| {
        let value: String = get(key).to_string().chars().take(80).collect();
        Err(AdapterFileError::Unsupported { what: format!("`{}` = {value}", shown(key)), why })
    };
    if get("peft_type") != "LORA" {
        return refused("peft_type", "only LORA is");
    }
    if !says_nothing(get("bias")) && get("bias") != "none" {
        return refused("bias", "train with bias none");
    }
    let beginning = get("init_lora_weights");
    let known = beginning.as_str().is_some_and(|name| BEGINNINGS.contains(&name));
    if !known && !says_nothing(beginning) && *beginning != Value::Bool(true) {
        let why = "it changed the base weights too; save it converted to a plain LoRA \
                   (path_initial_model_for_weight_conversion)";
        return refused("init_lora_weights", why);
    }
    if let Some((key, why)) = REFUSED.iter().find(|(key, _)| !says_nothing(get(key))) {
        return refused(key, why);
    }
    let variant = |key: &&String| key.starts_with("use_") && *key != "use_rslora" && !says_nothing(get(key));
    match settings.keys().find(variant) {
        Some(key) => refused(key, "train with plain LoRA"),
        None => Ok(()),
    }
}

fn says_nothing(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::String(text) => text.is_empty(),
        Value::Array(values) => values.is_empty(),
        Value::Object(entries) => entries.is_empty(),
        _ => false,
    }
}

/// `adapter_config.json` for an adapter.
fn settings(adapter: &Adapter, base: Option<&str>) -> Result<Value, AdapterFileError> {
    let (_, _, first) = adapter.iter().next().ok_or(AdapterFileError::Empty)?;
    let (mut ranks, mut alphas) = (Map::new(), Map::new());
    for (layer, target, lora) in adapter.iter() {
        if lora.rank() != first.rank() {
            ranks.insert(module(layer, target), lora.rank().into());
        }
        if alpha(lora) != alpha(first) {
            alphas.insert(module(layer, target), number(alpha(lora)));
        }
    }
    Ok(json!({
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": base,
        "inference_mode": true,
        "r": first.rank(),
        "lora_alpha": number(alpha(first)),
        "lora_dropout": 0.0,
        "use_rslora": false,
        "rank_pattern": ranks,
        "alpha_pattern": alphas,
        "target_modules": target_modules(adapter),
        "bias": "none",
        "fan_in_fan_out": false,
        "use_dora": false,
        "init_lora_weights": true,
        "modules_to_save": null,
        "layers_to_transform": null,
        "layers_pattern": null,
    }))
}

/// Short names where all layers have the same modules, else the whole name of each.
fn target_modules(adapter: &Adapter) -> Vec<String> {
    let whole = |target| (0..adapter.layers()).all(|layer| adapter.get(layer, target).is_some());
    let none = |target| (0..adapter.layers()).all(|layer| adapter.get(layer, target).is_none());
    if Target::ALL.into_iter().all(|target| whole(target) || none(target)) {
        let names = Target::ALL.into_iter().filter(|target| whole(*target));
        return names
            .map(|target| target.module_name().rsplit('.').next().unwrap_or_default().into())
            .collect();
    }
    adapter.iter().map(|(layer, target, _)| module(layer, target)).collect()
}

/// In f64, where `alpha / rank` gives the scale back exactly.
fn alpha(lora: &Lora) -> f64 {
    f64::from(lora.scale) * lora.rank() as f64
}

/// Whole numbers without a point, as PEFT writes them.
fn number(value: f64) -> Value {
    if value.fract() == 0.0 && value.abs() < 1e9 { json!(value as i64) } else { json!(value) }
}

/// `model.layers.N.self_attn.q_proj`: what patterns are matched with.
fn module(layer: usize, target: Target) -> String {
    format!("model.layers.{layer}.{}", target.module_name())
}

/// `base_model.model.model.layers.N.self_attn.q_proj.lora_A.weight`, with or without the adapter's name before
/// `.weight`.
fn slot(name: &str) -> Option<Slot> {
    let rest = name.strip_prefix("base_model.model.model.layers.")?.strip_suffix(".weight")?;
    let (layer, rest) = rest.split_once('.')?;
    let rest = rest.strip_suffix(".default").unwrap_or(rest);
    let (module, factor) = match rest.rsplit_once('.')? {
        (module, "lora_A") => (module, Factor::A),
        (module, "lora_B") => (module, Factor::B),
        _ => return None,
    };
    let target = Target::ALL.into_iter().find(|target| target.module_name() == module)?;
    Some(Slot { layer: layer_number(layer)?, target, factor })
}
