//! Weights as they lie in a checkpoint: one safetensors file, or several with an index.
//!
//! A file is the length of its header (u64, little-endian), the header (JSON: name, dtype, shape and offsets of
//! every tensor), and the bytes. Format: the README of the `safetensors` project.

use super::{ImportError, files};
use kernels::{Bytes, Format};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::Path;

/// All tensors of a checkpoint, by name. Their bytes stay where they are mapped.
#[derive(Debug)]
pub(crate) struct Tensors {
    by_name: BTreeMap<String, Stored>,
}

/// One tensor as it is stored.
#[derive(Clone, Debug)]
pub(crate) struct Stored {
    /// `F32`, `BF16`, `U32` and so on.
    dtype: String,
    /// Slowest dimension first.
    pub(super) shape: Vec<u64>,
    /// As many as dtype and shape need.
    pub(crate) bytes: Bytes,
}

const SINGLE: &str = "model.safetensors";
const INDEX: &str = "model.safetensors.index.json";
/// Largest header; that of a model with 10,000 tensors has 1 MB.
const HEADER_LIMIT: u64 = 16 << 20;
const SHARD_LIMIT: usize = 1024;

impl Tensors {
    /// Maps the weights of the checkpoint in `folder`.
    pub(crate) fn open(folder: &Path) -> Result<Tensors, ImportError> {
        match files::find_json(folder, INDEX)? {
            Some(index) => Tensors::open_shards(folder, &index),
            None => Ok(Tensors { by_name: read(folder, SINGLE)? }),
        }
    }

    fn open_shards(folder: &Path, index: &Value) -> Result<Tensors, ImportError> {
        let malformed =
            |reason: &str| ImportError::Json { file: INDEX.to_owned(), reason: reason.to_owned() };
        let map = index["weight_map"].as_object().ok_or_else(|| malformed("it has no weight_map"))?;
        let shards: BTreeSet<&str> = map.values().filter_map(Value::as_str).collect();
        if shards.len() > SHARD_LIMIT {
            return Err(malformed("it names more than 1024 files"));
        }
        let mut all = BTreeMap::new();
        for shard in shards {
            let plain = !shard.contains(['/', '\\', ':']) && !shard.contains(char::is_control);
            if !plain || !shard.ends_with(".safetensors") {
                return Err(ImportError::Outside(
                    shard.chars().filter(|c| !c.is_control()).take(120).collect(),
                ));
            }
            all.append(&mut read(folder, shard)?);
        }
        match map.keys().find(|name| !all.contains_key(*name)) {
            Some(missing) => Err(ImportError::MissingTensor(missing.clone())),
            None => Ok(Tensors { by_name: all }),
        }
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Stored> {
        self.by_name.get(name)
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.by_name.keys().map(String::as_str)
    }
}

impl Stored {
    /// The format of a tensor of floats.
    pub(crate) fn floats(&self, name: &str) -> Result<Format, ImportError> {
        match self.dtype.as_str() {
            "F32" => Ok(Format::F32),
            "F16" => Ok(Format::F16),
            "BF16" => Ok(Format::Bf16),
            _ => Err(self.wrong_dtype(name, "F32, F16 or BF16")),
        }
    }

    /// Checks that the tensor holds MLX's packed codes.
    pub(super) fn expect_u32(&self, name: &str) -> Result<(), ImportError> {
        if self.dtype == "U32" { Ok(()) } else { Err(self.wrong_dtype(name, "U32")) }
    }

    /// Checks the shape.
    pub(crate) fn expect_shape(&self, name: &str, expected: &[u64]) -> Result<(), ImportError> {
        if self.shape == expected {
            return Ok(());
        }
        let (expected, found) = (expected.to_vec(), self.shape.clone());
        Err(ImportError::Shape { tensor: name.to_owned(), expected, found })
    }

    fn wrong_dtype(&self, name: &str, expected: &'static str) -> ImportError {
        ImportError::Dtype { tensor: name.to_owned(), expected, found: self.dtype.clone() }
    }
}

/// Maps one file and reads its header.
fn read(folder: &Path, name: &str) -> Result<BTreeMap<String, Stored>, ImportError> {
    let path = folder.join(name);
    if !path.is_file() {
        return Err(ImportError::MissingFile(name.to_owned()));
    }
    let failed = || ImportError::io("cannot read", &path);
    let bytes = Bytes::map(&File::open(&path).map_err(failed())?).map_err(failed())?;
    entries(&bytes).map_err(|reason| ImportError::Safetensors { file: name.to_owned(), reason })
}

fn entries(bytes: &Bytes) -> Result<BTreeMap<String, Stored>, String> {
    let length = bytes.first_chunk().map(|length| u64::from_le_bytes(*length)).ok_or("it is too short")?;
    if length > HEADER_LIMIT {
        return Err(format!("its header has {length} bytes, the limit is {HEADER_LIMIT}"));
    }
    let start = 8 + length as usize;
    let header = bytes.get(8..start).ok_or("it ends inside of its header")?;
    let header: BTreeMap<String, Value> =
        serde_json::from_slice(header).map_err(|error| format!("its header is not JSON: {error}"))?;
    let tensors = header.into_iter().filter(|(name, _)| name != "__metadata__");
    tensors.map(|(name, entry)| Ok((name.clone(), stored(bytes, start, &name, &entry)?))).collect()
}

fn stored(bytes: &Bytes, start: usize, name: &str, entry: &Value) -> Result<Stored, String> {
    let wrong = |what: &str| format!("tensor `{name}` {what}");
    let numbers = |value: &Value| value.as_array()?.iter().map(Value::as_u64).collect::<Option<Vec<u64>>>();
    let dtype = entry["dtype"].as_str().ok_or_else(|| wrong("has no dtype"))?;
    let shape = numbers(&entry["shape"]).ok_or_else(|| wrong("has no shape"))?;
    let offsets = numbers(&entry["data_offsets"]).filter(|offsets| offsets.len() == 2);
    let offsets = offsets.ok_or_else(|| wrong("has no data_offsets"))?;
    let width = width(dtype).ok_or_else(|| wrong("has an unknown dtype"))?;
    let needed = shape.iter().try_fold(width, |product, &dim| product.checked_mul(dim));
    if needed.is_none() || needed != offsets[1].checked_sub(offsets[0]) {
        return Err(wrong("has another number of bytes than its shape needs"));
    }
    let at = |offset: u64| usize::try_from(offset).ok()?.checked_add(start);
    let range = at(offsets[0]).zip(at(offsets[1])).map(|(from, to)| from..to);
    let bytes = range.and_then(|range| bytes.slice(range));
    let bytes = bytes.ok_or_else(|| wrong("is past the end of the file"))?;
    Ok(Stored { dtype: dtype.to_owned(), shape, bytes })
}

/// Bytes of a number.
fn width(dtype: &str) -> Option<u64> {
    Some(match dtype {
        "BOOL" | "U8" | "I8" | "F8_E4M3" | "F8_E5M2" | "F8_E8M0" => 1,
        "I16" | "U16" | "F16" | "BF16" => 2,
        "I32" | "U32" | "F32" => 4,
        "I64" | "U64" | "F64" => 8,
        _ => return None,
    })
}
