//! llama.cpp's LoRA files, which are also hone's own.
//!
//! A GGUF file with `general.type` = `adapter`, `adapter.type` = `lora`, `general.architecture` of the base and
//! `adapter.lora.alpha`. Tensors are `blk.N.attn_q.weight.lora_a` with dimensions `[in, rank]` (the first is the one that
//! lies closest together) and `.lora_b` with `[rank, out]`; so for attn_k, attn_v, attn_output, ffn_gate, ffn_up and
//! ffn_down. The scale is alpha / rank, with the rank of the tensor, and 1 where alpha is 0 (`get_scale` in
//! llama-adapter.h). Rows of B are in the order of the base file's rows. F32, F16 and BF16 are read, F32 is written.

use super::parts::{Factor, Parts, Slot, decode, layer_number};
use super::shared::{rescaled, shared_by};
use super::{Adapter, AdapterFileError, Lora, Target, files};
use crate::gguf::{Gguf, MetadataBuilder, TensorData, write as write_gguf};
use crate::model::Config;
use kernels::{Format, Tensor};
use std::io::Write;
use std::path::Path;

const TYPE: &str = "general.type";
const ARCHITECTURE: &str = "general.architecture";
const KIND: &str = "adapter.type";
const ALPHA: &str = "adapter.lora.alpha";
const INVOCATION: &str = "adapter.alora.invocation_tokens";

/// Reads an adapter of the model that `config` describes.
pub fn read(path: &Path, config: &Config) -> Result<Adapter, AdapterFileError> {
    from_gguf(&Gguf::open(path)?, config)
}

/// The adapter in a file that is open already.
pub fn from_gguf(file: &Gguf, config: &Config) -> Result<Adapter, AdapterFileError> {
    let alpha = check_metadata(file, config)?;
    let mut parts = Parts::new(config);
    for tensor in file.tensors() {
        let name = tensor.name();
        let slot = slot(name).ok_or_else(|| AdapterFileError::unknown_tensor(name))?;
        if !tensor.format().is_float() {
            let why = format!("is in {}; factors must be F32, F16 or BF16", tensor.format());
            return Err(AdapterFileError::tensor(name, why));
        }
        if tensor.dims().iter().skip(2).any(|dim| *dim != 1) {
            let why = format!("has dimensions {:?}; a factor is a matrix", tensor.dims());
            return Err(AdapterFileError::tensor(name, why));
        }
        let data = file.data(tensor);
        parts.put(name, slot, decode(name, tensor.format(), tensor.rows(), tensor.cols(), &data)?)?;
    }
    parts.finish(|_, _, rank| Ok(if alpha == 0.0 { 1.0 } else { alpha / rank as f32 }))
}

/// Writes an adapter to `path`; the file is there wholly or not at all. `name` is for people.
pub fn save(
    path: &Path,
    adapter: &Adapter,
    config: &Config,
    name: Option<&str>,
) -> Result<(), AdapterFileError> {
    files::replace(path, |out| write(out, adapter, config, name))
}

/// Writes an adapter.
///
/// A file has one alpha. Updates whose scale is another one than alpha / rank get the ratio multiplied into B.
pub fn write(
    out: &mut impl Write,
    adapter: &Adapter,
    config: &Config,
    name: Option<&str>,
) -> Result<(), AdapterFileError> {
    adapter.check(config)?;
    let alpha = shared_by(adapter, alpha).ok_or(AdapterFileError::Empty)?;
    let mut metadata = MetadataBuilder::new();
    metadata.str(TYPE, "adapter").str(ARCHITECTURE, config.architecture.name());
    if let Some(name) = name {
        metadata.str("general.name", name);
    }
    metadata.str(KIND, "lora").f32(ALPHA, alpha);

    let factors: Vec<Named<'_>> = adapter
        .iter()
        .flat_map(|(layer, target, lora)| {
            let name = |factor| format!("blk.{layer}.{}.weight.{factor}", target.gguf_name());
            let b = rescaled(lora, lora.scale, alpha / lora.rank() as f32);
            [Named::new(name("lora_a"), Shared::Of(&lora.a)), Named::new(name("lora_b"), Shared::Own(b))]
        })
        .collect();
    let tensors: Vec<TensorData<'_>> = factors.iter().map(Named::data).collect();
    write_gguf(out, &metadata, &tensors).map_err(AdapterFileError::writing(Path::new("the adapter")))
}

/// A factor on its way into a file.
struct Named<'a> {
    name: String,
    dims: [u64; 2],
    factor: Shared<'a>,
}

/// A factor of the adapter, or one that was made for the file.
enum Shared<'a> {
    Own(Tensor),
    Of(&'a Tensor),
}

impl<'a> Named<'a> {
    fn new(name: String, factor: Shared<'a>) -> Self {
        let tensor = factor.tensor();
        let dims = [tensor.cols() as u64, tensor.rows() as u64];
        Named { name, dims, factor }
    }

    fn data(&self) -> TensorData<'_> {
        let data = bytemuck::cast_slice(self.factor.tensor().as_slice());
        TensorData { name: &self.name, dims: &self.dims, format: Format::F32, data }
    }
}

impl Shared<'_> {
    fn tensor(&self) -> &Tensor {
        match self {
            Shared::Own(tensor) => tensor,
            Shared::Of(tensor) => tensor,
        }
    }
}

/// Checks what the file says it is, and returns alpha.
fn check_metadata(file: &Gguf, config: &Config) -> Result<f32, AdapterFileError> {
    let metadata = file.metadata();
    let unsupported = |what: String, why| Err(AdapterFileError::Unsupported { what, why });
    match metadata.find::<&str>(TYPE)?.unwrap_or("model") {
        "adapter" => {}
        other => {
            return unsupported(
                format!("{TYPE} `{}`", super::error::shown(other)),
                "only files of type `adapter` are; a model is not an adapter",
            );
        }
    }
    match metadata.require::<&str>(KIND)? {
        "lora" => {}
        other => {
            let what = format!("{KIND} `{}`", super::error::shown(other));
            return unsupported(what, "only `lora` is");
        }
    }
    if metadata.get(INVOCATION).is_some() {
        return unsupported(INVOCATION.to_owned(), "an activated LoRA works on a part of the prompt only");
    }
    let (adapter, model) = (metadata.require::<&str>(ARCHITECTURE)?, config.architecture.name());
    if adapter != model {
        return Err(AdapterFileError::Architecture { adapter: super::error::shown(adapter), model });
    }
    Ok(metadata.find(ALPHA)?.unwrap_or(0.0))
}

/// `blk.N.attn_q.weight.lora_a`.
fn slot(name: &str) -> Option<Slot> {
    let (rest, factor) = match name.rsplit_once(".weight.")? {
        (rest, "lora_a") => (rest, Factor::A),
        (rest, "lora_b") => (rest, Factor::B),
        _ => return None,
    };
    let (layer, part) = rest.strip_prefix("blk.")?.split_once('.')?;
    let target = Target::ALL.into_iter().find(|target| target.gguf_name() == part)?;
    Some(Slot { layer: layer_number(layer)?, target, factor })
}

/// The alpha that a reader turns into this very scale: the product, or a neighbour of it where rounding says so.
fn alpha(lora: &Lora) -> f32 {
    let (scale, rank) = (lora.scale, lora.rank() as f32);
    let product = scale * rank;
    let near = [product, product.next_up(), product.next_down()];
    near.into_iter().find(|alpha| alpha / rank == scale).unwrap_or(product)
}
