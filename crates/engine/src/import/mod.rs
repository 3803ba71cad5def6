//! A checkpoint of Hugging Face or MLX becomes a GGUF file.
//!
//! A checkpoint is a folder: `config.json` ([`config`]), `tokenizer.json` and its companions ([`tokenizer`],
//! [`special`]), and weights in safetensors files ([`safetensors`], [`mlx`]). Everything is checked before the
//! first byte is written; then one tensor follows the other ([`quantize`]), with little memory. Checkpoints come
//! from strangers: a bad one is a typed error. Keys and values are those of llama.cpp's `convert_hf_to_gguf.py`.

mod config;
mod error;
pub(crate) mod files;
mod mlx;
mod names;
mod pieces;
mod quantize;
mod report;
pub(crate) mod safetensors;
mod special;
mod tokenizer;
mod write;

pub use error::ImportError;
pub use kernels::Format;
pub use report::{Note, Report};

use crate::gguf::MetadataBuilder;
use config::Shape;
use mlx::Packed;
use names::Wanted;
use quantize::{Job, Source};
use safetensors::Tensors;
use std::collections::HashSet;
use std::path::Path;

/// What the result shall be.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Name of the model, for people.
    pub name: Option<String>,
    /// Format of most matrices: [`DEFAULT`] where it is left out. A checkpoint that MLX quantised keeps its
    /// codes, and takes no format.
    pub format: Option<Format>,
}

/// The format of most matrices where none is asked for. As in llama.cpp's `Q4_K_M`, some get more bits.
pub const DEFAULT: Format = Format::Q4_K;

/// A checkpoint that was read and found good, ready to be written.
#[derive(Debug)]
pub struct Import {
    metadata: MetadataBuilder,
    /// Name and shape of every tensor of the result, and where it comes from.
    tensors: Vec<(Wanted, Job)>,
    report: Report,
}

/// Checks all of the checkpoint in `folder` but its weights, which need not be there yet.
pub fn check(folder: &Path, options: &Options) -> Result<(), ImportError> {
    describe(folder, options, &mut Vec::new()).map(|_| ())
}

/// Imports the checkpoint in `folder` into the file `out`, which appears only when it is complete.
///
/// `progress` hears how many of how many bytes are written. See [`Import`] for the steps.
pub fn import(
    folder: &Path,
    out: &Path,
    options: &Options,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Report, ImportError> {
    Import::open(folder, options)?.write(out, progress)
}

impl Import {
    /// Reads everything but the numbers.
    ///
    /// The weights stay mapped until the result is written: their files must not be shortened before.
    pub fn open(folder: &Path, options: &Options) -> Result<Import, ImportError> {
        let mut notes = Vec::new();
        let (mut metadata, shape) = describe(folder, options, &mut notes)?;
        let weights = Tensors::open(folder)?;
        let tied = shape.tied.unwrap_or(weights.get("lm_head.weight").is_none());
        let mlx = weights.names().any(|name| name.ends_with(".scales"));
        if mlx && options.format.is_some() {
            return Err(ImportError::FormatGiven);
        }
        let asked = options.format.unwrap_or(if mlx { Format::Q4_1 } else { DEFAULT });
        let mut used = HashSet::new();
        let mut tensors = Vec::new();
        for wanted in names::wanted(&shape, tied) {
            let asked = if mlx { None } else { Some(asked) };
            if let Some(job) = find(&weights, &wanted, shape.config.layers, asked, &mut used)? {
                tensors.push((wanted, job));
            }
        }
        let left = weights.names().find(|name| !used.contains(*name) && !names::may_be_left(name, tied));
        if let Some(name) = left {
            return Err(ImportError::UnknownTensor(name.to_owned()));
        }
        if let Some(factors) = &shape.rope_factors {
            tensors.push(write::rope_factors(factors));
        }
        metadata.u32("general.quantization_version", 2);
        let report = Report::new(&shape, &tensors, asked, notes);
        if let Some(number) = report.file_type() {
            metadata.u32("general.file_type", number);
        }
        Ok(Import { metadata, tensors, report })
    }

    /// Size of the tensors of the result; its header comes on top.
    pub fn bytes(&self) -> u64 {
        self.tensors.iter().map(|(_, job)| job.bytes() as u64).sum()
    }
}

/// The metadata, and what they say of the weights.
fn describe(
    folder: &Path,
    options: &Options,
    notes: &mut Vec<Note>,
) -> Result<(MetadataBuilder, Shape), ImportError> {
    let config = files::json(folder, "config.json")?;
    if options.format.is_some() && config["quantization"].is_object() {
        return Err(ImportError::FormatGiven);
    }
    let tokenizer = files::json(folder, "tokenizer.json")?;
    let mut metadata = MetadataBuilder::new();
    let shape = Shape::read(&config, &mut metadata)?;
    if let Some(name) = &options.name {
        metadata.str("general.name", name);
    }
    let vocabulary = tokenizer::write(&tokenizer, shape.vocab, &mut metadata, notes)?;
    special::write(folder, &config, &vocabulary, &mut metadata)?;
    Ok((metadata, shape))
}

/// Finds one tensor of the checkpoint and decides what it becomes; `None` where it may be missing and is.
/// Without a format that was `asked` for, everything keeps its own.
fn find(
    weights: &Tensors,
    wanted: &Wanted,
    layers: usize,
    asked: Option<Format>,
    used: &mut HashSet<String>,
) -> Result<Option<Job>, ImportError> {
    let name = &wanted.source;
    let Some(stored) = weights.get(name) else {
        return if wanted.required { Err(ImportError::MissingTensor(name.clone())) } else { Ok(None) };
    };
    used.insert(name.clone());
    let &[rows, cols] = wanted.dims.as_slice() else {
        let rows = wanted.dims[0];
        stored.expect_shape(name, &[rows as u64])?;
        let source = Source::Floats(stored.floats(name)?, stored.bytes.clone());
        // A column, so that a permutation moves elements as it moves the rows of a matrix.
        return Ok(Some(Job { source, rows, cols: 1, heads: wanted.heads, format: Format::F32 }));
    };
    let stem = name.strip_suffix(".weight").unwrap_or(name);
    if let Some(packed) = Packed::find(weights, stem, [rows, cols])? {
        used.extend(["scales", "biases"].map(|part| format!("{stem}.{part}")));
        let format = packed.exact_format().unwrap_or(Format::Q8_0);
        return Ok(Some(Job { source: Source::Packed(packed), rows, cols, heads: wanted.heads, format }));
    }
    stored.expect_shape(name, &[rows as u64, cols as u64])?;
    let own = stored.floats(name)?;
    let format = asked.map_or(own, |asked| quantize::choose(asked, wanted.role, layers, cols));
    let source = Source::Floats(own, stored.bytes.clone());
    Ok(Some(Job { source, rows, cols, heads: wanted.heads, format }))
}
