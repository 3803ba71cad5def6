//! Checkpoints that a test changes before they are written.

use super::committed;
use half::{bf16, f16};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::fs;
use tempfile::TempDir;

/// A checkpoint in memory: one file of weights.
#[derive(Clone)]
pub(crate) struct Checkpoint {
    pub(crate) config: Value,
    pub(crate) tokenizer: Value,
    /// Dtype, shape and bytes.
    pub(crate) tensors: BTreeMap<String, (String, Vec<usize>, Vec<u8>)>,
    /// Any other file.
    pub(crate) files: BTreeMap<String, Vec<u8>>,
}

impl Checkpoint {
    /// A committed one with a single file of weights.
    pub(crate) fn committed(name: &str) -> Checkpoint {
        let json = |file| serde_json::from_slice(&fs::read(committed(name).join(file)).unwrap()).unwrap();
        let bytes = fs::read(committed(name).join("model.safetensors")).unwrap();
        let start = 8 + u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
        let header: Map<String, Value> = serde_json::from_slice(&bytes[8..start]).unwrap();
        let tensors = header.into_iter().filter(|(name, _)| name != "__metadata__").map(|(name, entry)| {
            let list = |key: &str| -> Vec<usize> { serde_json::from_value(entry[key].clone()).unwrap() };
            let at = list("data_offsets");
            let data = bytes[start + at[0]..start + at[1]].to_vec();
            (name, (entry["dtype"].as_str().unwrap().to_owned(), list("shape"), data))
        });
        let (config, tokenizer) = (json("config.json"), json("tokenizer.json"));
        Checkpoint { config, tokenizer, tensors: tensors.collect(), files: BTreeMap::new() }
    }

    /// A Qwen 3 of one layer that is `width` wide, with the vocabulary of `gpt-2` and no weights yet.
    pub(crate) fn wide(width: usize) -> Checkpoint {
        let small = Checkpoint::committed("gpt-2");
        let mut config = small.config;
        for key in ["hidden_size", "intermediate_size"] {
            config[key] = json!(width);
        }
        config["num_hidden_layers"] = json!(1);
        config["num_key_value_heads"] = json!(4);
        config["head_dim"] = json!(width / 4);
        config["layer_types"] = Value::Null;
        let empty = Checkpoint { config, tensors: BTreeMap::new(), ..small };
        let ones = vec![1.0; width];
        ["input_layernorm", "post_attention_layernorm"]
            .iter()
            .fold(empty, |made, norm| {
                made.with_floats(&format!("model.layers.0.{norm}.weight"), "F32", &ones)
            })
            .with_floats("model.norm.weight", "F32", &ones)
            .with_floats("model.layers.0.self_attn.q_norm.weight", "F32", &ones[..width / 4])
            .with_floats("model.layers.0.self_attn.k_norm.weight", "F32", &ones[..width / 4])
    }

    /// Names and shapes of the matrices of [`wide`](Self::wide).
    pub(crate) fn matrices(width: usize) -> Vec<(String, [usize; 2])> {
        let vocab = 703;
        let parts =
            ["self_attn.q", "self_attn.k", "self_attn.v", "self_attn.o", "mlp.gate", "mlp.up", "mlp.down"];
        let layer = parts.map(|part| (format!("model.layers.0.{part}_proj"), [width, width]));
        [vec![("model.embed_tokens".to_owned(), [vocab, width])], layer.to_vec()].concat()
    }

    pub(crate) fn with(mut self, name: &str, dtype: &str, shape: &[usize], bytes: Vec<u8>) -> Checkpoint {
        self.tensors.insert(name.to_owned(), (dtype.to_owned(), shape.to_vec(), bytes));
        self
    }

    /// A vector.
    pub(crate) fn with_floats(self, name: &str, dtype: &str, values: &[f32]) -> Checkpoint {
        let shape = [values.len()];
        self.with(name, dtype, &shape, bytes(dtype, values))
    }

    /// Writes it into a folder of its own.
    pub(crate) fn written(&self) -> TempDir {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, bytes: &[u8]| fs::write(folder.path().join(name), bytes).unwrap();
        write("config.json", self.config.to_string().as_bytes());
        write("tokenizer.json", self.tokenizer.to_string().as_bytes());
        write("model.safetensors", &self.safetensors());
        self.files.iter().for_each(|(name, bytes)| write(name, bytes));
        folder
    }

    /// The file of weights.
    pub(crate) fn safetensors(&self) -> Vec<u8> {
        let (mut header, mut data) = (Map::new(), Vec::new());
        for (name, (dtype, shape, bytes)) in &self.tensors {
            let offsets = [data.len(), data.len() + bytes.len()];
            header.insert(name.clone(), json!({"dtype": dtype, "shape": shape, "data_offsets": offsets}));
            data.extend(bytes);
        }
        let header = Value::from(header).to_string();
        [(header.len() as u64).to_le_bytes().as_slice(), header.as_bytes(), &data].concat()
    }
}

/// Floats as they are stored.
pub(crate) fn bytes(dtype: &str, values: &[f32]) -> Vec<u8> {
    match dtype {
        "F32" => values.iter().flat_map(|v| v.to_le_bytes()).collect(),
        "F16" => values.iter().flat_map(|v| f16::from_f32(*v).to_le_bytes()).collect(),
        "BF16" => values.iter().flat_map(|v| bf16::from_f32(*v).to_le_bytes()).collect(),
        other => panic!("{other}"),
    }
}

/// Numbers that look random, between -1 and 1.
pub(crate) fn random(seed: u64, count: usize) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    };
    (0..count).map(|_| next()).collect()
}
