//! Sound files that are no sound model: made from a tiny model by changing one key or one tensor.

use crate::{Case, case};
use engine::gguf::{Gguf, MetadataBuilder, TensorData, write};
use kernels::{Bytes, Format};

/// What is changed in a model.
enum Change<'a> {
    Drop(&'a str),
    Text(&'a str, &'a str),
    Int(&'a str, u32),
    Float(&'a str, f32),
    Texts(&'a str, Vec<String>),
    Ints(&'a str, Vec<i32>),
    Floats(&'a str, Vec<f32>),
    Transpose(&'a str),
    Shorten(&'a str),
    Quantise(&'a str),
    Add(&'a str),
}

/// `file` has an output matrix of its own, `tied` has not.
pub(crate) fn all(file: &Gguf, tied: &Gguf) -> Vec<Case> {
    let groups = [missing(file), mistyped(file), numbers(file), tensors(file), tokenizers(file, tied)];
    groups.into_iter().flatten().collect()
}

const NEEDED: [&str; 8] = [
    "general.architecture",
    "llama.block_count",
    "llama.embedding_length",
    "llama.feed_forward_length",
    "llama.context_length",
    "llama.attention.head_count",
    "llama.attention.layer_norm_rms_epsilon",
    "tokenizer.ggml.tokens",
];

fn missing(file: &Gguf) -> Vec<Case> {
    NEEDED.map(|key| case("missing key", "MissingKey", changed(file, Change::Drop(key)))).into()
}

fn mistyped(file: &Gguf) -> Vec<Case> {
    let optional = [
        "llama.attention.head_count_kv",
        "llama.attention.key_length",
        "llama.rope.freq_base",
        "llama.rope.dimension_count",
        "llama.rope.scaling.factor",
        "llama.expert_count",
        "tokenizer.ggml.model",
        "tokenizer.ggml.merges",
    ];
    let mut cases = Vec::new();
    for key in NEEDED.into_iter().chain(optional) {
        // No key of a model is an array of numbers.
        cases.push(case("key of a wrong type", "Type", changed(file, Change::Ints(key, vec![1, 2, 3]))));
        cases.push(case("key of a wrong type", "Type", changed(file, Change::Floats(key, vec![1.0]))));
    }
    let numbers = NEEDED[1..7].iter().chain(&optional[..6]);
    cases.extend(numbers.map(|key| case("text for a number", "Type", changed(file, Change::Text(key, "8")))));
    cases
}

fn numbers(file: &Gguf) -> Vec<Case> {
    let mut cases = Vec::new();
    for name in ["", "gpt2", "llama4", "LLAMA", "qwen2moe", "llama\0", "../llama", "clip"] {
        let change = Change::Text("general.architecture", name);
        cases.push(case("architecture", "Architecture", changed(file, change)));
    }
    for key in &NEEDED[1..6] {
        for value in [0, 1 << 31, u32::MAX] {
            cases.push(case("hyperparameter", "Hyperparameter", changed(file, Change::Int(key, value))));
        }
    }
    let integers = [
        ("llama.attention.head_count_kv", [0, 3, 8, 1 << 31]),
        ("llama.attention.key_length", [0, 15, 1 << 20, u32::MAX]),
        ("llama.attention.value_length", [0, 8, 32, u32::MAX]),
        ("llama.rope.dimension_count", [0, 3, 32, u32::MAX]),
        ("llama.expert_count", [1, 8, 128, u32::MAX]),
    ];
    for (key, values) in integers {
        for value in values {
            cases.push(case("hyperparameter", "Hyperparameter", changed(file, Change::Int(key, value))));
        }
    }
    let floats =
        ["llama.attention.layer_norm_rms_epsilon", "llama.rope.freq_base", "llama.rope.scaling.factor"];
    for key in floats {
        for value in [-1.0, f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            cases.push(case("hyperparameter", "Hyperparameter", changed(file, Change::Float(key, value))));
        }
    }
    for kind in ["longrope", "dynamic", ""] {
        let change = Change::Text("llama.rope.scaling.type", kind);
        cases.push(case("rope scaling", "Hyperparameter", changed(file, change)));
    }
    for (key, value, expected) in [
        ("llama.block_count", 3, "MissingTensor"),
        ("llama.block_count", 4000, "MissingTensor"),
        ("llama.block_count", 1, "UnknownTensor"),
        ("llama.embedding_length", 32, "Shape"),
        ("llama.embedding_length", 1 << 20, "Shape"),
        ("llama.feed_forward_length", 63, "Shape"),
        ("llama.attention.head_count", 2, "Shape"),
        ("llama.attention.head_count_kv", 4, "Shape"),
        ("llama.attention.head_count_kv", 1, "Shape"),
    ] {
        cases.push(case("hyperparameter against tensors", expected, changed(file, Change::Int(key, value))));
    }
    cases
}

fn tensors(file: &Gguf) -> Vec<Case> {
    let mut cases = Vec::new();
    for tensor in file.tensors() {
        let name = tensor.name();
        // Without `output.weight` the embedding takes its place: that is a sound model.
        if name != "output.weight" {
            cases.push(case("missing tensor", "MissingTensor", changed(file, Change::Drop(name))));
        }
        cases.push(case("short tensor", "", changed(file, Change::Shorten(name))));
        if tensor.rows() != tensor.cols() {
            cases.push(case("transposed tensor", "Shape", changed(file, Change::Transpose(name))));
        }
        if tensor.dims().len() == 1 {
            cases.push(case("quantised norm", "Format", changed(file, Change::Quantise(name))));
        }
    }
    for name in [
        "blk.2.attn_norm.weight",
        "blk.0.ffn_gate.bias",
        "blk.0.attn_q_norm.weight",
        "v.patch_embd.weight",
        "x",
    ] {
        cases.push(case("unknown tensor", "UnknownTensor", changed(file, Change::Add(name))));
    }
    cases
}

fn tokenizers(file: &Gguf, tied: &Gguf) -> Vec<Case> {
    let tokens: Vec<String> = (0..100_000).map(|n| n.to_string()).collect();
    vec![
        case("a token without embedding", "Vocabulary", changed(tied, Change::Shorten("token_embd.weight"))),
        case("no tokens", "", changed(file, Change::Texts("tokenizer.ggml.tokens", vec![]))),
        case("tokens without types", "Length", changed(file, Change::Texts("tokenizer.ggml.tokens", tokens))),
        case(
            "types without tokens",
            "Length",
            changed(file, Change::Ints("tokenizer.ggml.token_type", vec![1, 1])),
        ),
        case("unknown tokenizer", "", changed(file, Change::Text("tokenizer.ggml.model", "unheard of"))),
    ]
}

/// The file with one change.
fn changed(file: &Gguf, change: Change<'_>) -> Vec<u8> {
    let mut metadata = MetadataBuilder::new();
    let key = match &change {
        Change::Drop(key) | Change::Text(key, _) | Change::Int(key, _) | Change::Float(key, _) => key,
        Change::Texts(key, _) | Change::Ints(key, _) | Change::Floats(key, _) => key,
        _ => "",
    };
    metadata.copy(file.metadata(), |k| k != key && !k.starts_with("reference."));
    match &change {
        Change::Text(key, value) => drop(metadata.str(key, value)),
        Change::Int(key, value) => drop(metadata.u32(key, *value)),
        Change::Float(key, value) => drop(metadata.f32(key, *value)),
        Change::Texts(key, values) => drop(metadata.strings(key, values)),
        Change::Ints(key, values) => drop(metadata.i32s(key, values)),
        Change::Floats(key, values) => drop(metadata.f32s(key, values)),
        _ => {}
    }
    let zeros = [0; 1 << 10];
    let parts: Vec<(&str, Vec<u64>, Format, Bytes)> =
        file.tensors().iter().map(|t| (t.name(), t.dims().to_vec(), t.format(), file.data(t))).collect();
    let mut tensors = Vec::new();
    for (name, dims, format, bytes) in &parts {
        let (mut dims, mut format, mut bytes): (_, _, &[u8]) = (dims.clone(), *format, bytes);
        match change {
            Change::Drop(dropped) if dropped == *name => continue,
            Change::Transpose(changed) if changed == *name => match dims.len() {
                1 => dims.insert(0, 1),
                _ => dims.reverse(),
            },
            Change::Shorten(changed) if changed == *name => {
                let rows = dims.pop().expect("a tensor has dimensions");
                bytes = &bytes[..bytes.len() / rows as usize * (rows as usize - 1)];
                dims.push(rows - 1);
            }
            Change::Quantise(changed) if changed == *name => {
                format = Format::Q8_0;
                bytes = &zeros[..dims[0] as usize / 32 * 34];
            }
            _ => {}
        }
        tensors.push((*name, dims, format, bytes));
    }
    if let Change::Add(name) = change {
        tensors.push((name, vec![64], Format::F32, &zeros[..256]));
    }
    let tensors: Vec<TensorData<'_>> = tensors
        .iter()
        .map(|(name, dims, format, bytes)| TensorData { name, dims, format: *format, data: bytes })
        .collect();
    let mut out = Vec::new();
    write(&mut out, &metadata, &tensors).expect("a vector can be written to");
    out
}
