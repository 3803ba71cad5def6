//! mlx-lm: a folder with `adapter_config.json` and `adapters.safetensors`.
//!
//! Tensors are `model.layers.N.self_attn.q_proj.lora_a` `[in, rank]` and `.lora_b` `[rank, out]`: transposed, compared
//! with everyone else's. The scale is said outright (`lora_parameters.scale`, 20 where it is missing). mlx-lm makes
//! room for updates in the last `num_layers` layers, for the modules in `lora_parameters.keys`, all of one rank and
//! one scale. Rows are in Hugging Face's order.
//!
//! What is written: f32 tensors; `num_layers` from the first adapted layer on; the greatest rank, with zeros where an
//! update has a smaller one; the first update's scale, with the ratio multiplied into lora_b where another differs.

use super::parts::{Factor, Parts, Slot, layer_number};
use super::shared::{rescaled, shared_by};
use super::{Adapter, AdapterFileError, Lora, Target, files, rows, tensors};
use crate::model::Config;
use kernels::Tensor;
use serde_json::{Map, Value, json};
use std::path::Path;

/// The folder's two files.
pub(super) const CONFIG: &str = "adapter_config.json";
pub(super) const TENSORS: &str = "adapters.safetensors";

/// What mlx-lm takes where nothing is said.
const DEFAULT_SCALE: f64 = 20.0;

/// Reads an adapter of the model that `config` describes.
pub fn read(folder: &Path, config: &Config) -> Result<Adapter, AdapterFileError> {
    let path = folder.join(CONFIG);
    let scale = scale(&files::read_config(&path)?)
        .map_err(|reason| AdapterFileError::Config { path: path.clone(), reason })??;
    let mut parts = Parts::new(config);
    tensors::read(&folder.join(TENSORS), |name, tensor| {
        let slot = slot(name).ok_or_else(|| AdapterFileError::unknown_tensor(name))?;
        parts.put(name, slot, tensor.transposed())
    })?;
    let mut adapter = parts.finish(|_, _, _| Ok(scale as f32))?;
    rows::from_halves(&mut adapter, config);
    Ok(adapter)
}

/// Writes an adapter into `folder`, which is created if need be. `base` is for people.
pub fn write(
    folder: &Path,
    adapter: &Adapter,
    config: &Config,
    base: Option<&str>,
) -> Result<(), AdapterFileError> {
    adapter.check(config)?;
    let scale = shared_by(adapter, |lora| lora.scale).ok_or(AdapterFileError::Empty)?;
    let rank = adapter.iter().map(|(_, _, lora)| lora.rank()).max().unwrap_or_default();
    let mut factors = Vec::new();
    for (layer, target, lora) in adapter.iter() {
        let name = |factor| format!("model.layers.{layer}.{}.{factor}", target.module_name());
        let (a, b) = widened(lora, rank, scale);
        factors.push((name("lora_a"), a.transposed()));
        factors.push((name("lora_b"), rows::to_halves(&b, target, config).transposed()));
    }
    files::folder(folder)?;
    tensors::write(&folder.join(TENSORS), "mlx", &factors)?;
    files::write_config(&folder.join(CONFIG), &settings(adapter, rank, scale, base))
}

/// Factors of this rank, B as `[out, rank]`, for a reader that multiplies with `scale`.
fn widened(lora: &Lora, rank: usize, scale: f32) -> (Tensor, Tensor) {
    let values = rescaled(lora, lora.scale, scale);
    let (mut a, mut b) = (Tensor::zeros(rank, lora.a.cols()), Tensor::zeros(values.rows(), rank));
    a.as_mut_slice()[..lora.a.as_slice().len()].copy_from_slice(lora.a.as_slice());
    for (row, values) in values.as_slice().chunks_exact(lora.rank()).enumerate() {
        b.row_mut(row)[..lora.rank()].copy_from_slice(values);
    }
    (a, b)
}

/// `adapter_config.json` for an adapter.
fn settings(adapter: &Adapter, rank: usize, scale: f32, base: Option<&str>) -> Value {
    let first = adapter.iter().map(|(layer, _, _)| layer).min().unwrap_or_default();
    let used = |target: &Target| adapter.iter().any(|(_, t, _)| t == *target);
    let keys: Vec<&str> = Target::ALL.into_iter().filter(used).map(Target::module_name).collect();
    // The shortest digits that give this f32 back: 0.1, not 0.10000000149.
    let scale: f64 = scale.to_string().parse().unwrap_or(f64::from(scale));
    json!({
        "model": base,
        "fine_tune_type": "lora",
        "num_layers": adapter.layers() - first,
        "lora_parameters": { "rank": rank, "scale": scale, "dropout": 0.0, "keys": keys },
    })
}

/// The scale. The outer error is a malformed file, the inner one another kind of adapter.
fn scale(settings: &Map<String, Value>) -> Result<Result<f64, AdapterFileError>, String> {
    let unsupported = |what: String, why| Ok(Err(AdapterFileError::Unsupported { what, why }));
    match settings.get("fine_tune_type") {
        None | Some(Value::Null) => {}
        Some(Value::String(kind)) if kind == "lora" => {}
        Some(other) => {
            let what: String = format!("`fine_tune_type` = {other}").chars().take(100).collect();
            return unsupported(what, "train with --fine-tune-type lora");
        }
    }
    let Some(Value::Object(parameters)) = settings.get("lora_parameters") else {
        return Err("it has no `lora_parameters`; is it of mlx-lm?".into());
    };
    if parameters.contains_key("alpha") {
        let why = "versions of mlx-lm disagree on it; write `scale` times alpha / rank as the scale if the adapter was \
                   trained that way, and remove `alpha`";
        return unsupported("`alpha` beside `scale`".into(), why);
    }
    match parameters.get("scale") {
        None => Ok(Ok(DEFAULT_SCALE)),
        Some(value) => value.as_f64().map(Ok).ok_or_else(|| "`scale` must be a number".into()),
    }
}

/// `model.layers.N.self_attn.q_proj.lora_a`.
fn slot(name: &str) -> Option<Slot> {
    let (layer, rest) = name.strip_prefix("model.layers.")?.split_once('.')?;
    let (module, factor) = match rest.rsplit_once('.')? {
        // Transposed: their A is [in, rank].
        (module, "lora_a") => (module, Factor::A),
        (module, "lora_b") => (module, Factor::B),
        _ => return None,
    };
    let target = Target::ALL.into_iter().find(|target| target.module_name() == module)?;
    Some(Slot { layer: layer_number(layer)?, target, factor })
}
