//! Which tensors a checkpoint must have, and what they are called in a GGUF file.

use super::config::{Biases, Shape};
use crate::model::Architecture;

/// A tensor that belongs to the model.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    /// Name in the checkpoint.
    pub(super) source: String,
    /// Name in the GGUF file.
    pub(super) target: String,
    /// `[rows, cols]`, or `[len]`.
    pub(super) dims: Vec<usize>,
    /// Heads whose rows are permuted: see [`permuted`].
    pub(super) heads: Option<usize>,
    /// Whether the model is nothing without it.
    pub(super) required: bool,
    /// What it does, for the choice of its format.
    pub(super) role: Role,
}

/// What a tensor does, as far as the choice of its format asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// The embedding, where it is not the head too.
    Embedding,
    /// The head.
    Head,
    /// Values or the way down in this layer: small errors there cost most.
    Delicate(usize),
    /// Any other matrix, and every vector.
    Plain,
}

/// All tensors of the model, in the order of the file. `tied`: the embedding is the head.
pub(super) fn wanted(shape: &Shape, tied: bool) -> Vec<Wanted> {
    let config = &shape.config;
    let width = config.width;
    let embedding = if tied { Role::Head } else { Role::Embedding };
    let mut all =
        vec![matrix("model.embed_tokens.weight", "token_embd.weight", [shape.vocab, width], embedding)];
    (0..config.layers).for_each(|n| add_layer(&mut all, shape, n));
    all.push(vector("model.norm.weight", "output_norm.weight", width));
    if !tied {
        all.push(matrix("lm_head.weight", "output.weight", [shape.vocab, width], Role::Head));
    }
    all
}

fn add_layer(all: &mut Vec<Wanted>, shape: &Shape, n: usize) {
    let config = &shape.config;
    let (width, hidden, heads) = (config.width, config.hidden, config.heads);
    let (q, kv) = (heads.q * heads.dim, heads.kv * heads.dim);
    let source = |name: &str| format!("model.layers.{n}.{name}");
    let target = |name: &str| format!("blk.{n}.{name}");
    let llama = config.architecture == Architecture::Llama;
    let permuted = |heads: usize| llama.then_some(heads);

    all.push(vector(&source("input_layernorm.weight"), &target("attn_norm.weight"), width));
    let projections = [
        ("self_attn.q_proj", "attn_q", [q, width], permuted(heads.q), Role::Plain),
        ("self_attn.k_proj", "attn_k", [kv, width], permuted(heads.kv), Role::Plain),
        ("self_attn.v_proj", "attn_v", [kv, width], None, Role::Delicate(n)),
        ("self_attn.o_proj", "attn_output", [width, q], None, Role::Plain),
    ];
    for (from, to, dims, heads, role) in projections {
        let weight = matrix(&source(&format!("{from}.weight")), &target(&format!("{to}.weight")), dims, role);
        let bias = vector(&source(&format!("{from}.bias")), &target(&format!("{to}.bias")), dims[0]);
        let required = match shape.biases {
            Biases::None => false,
            Biases::Qkv => to != "attn_output",
            Biases::All => true,
        };
        all.push(Wanted { heads, ..weight });
        all.push(Wanted { heads, required, ..bias });
    }
    if config.architecture == Architecture::Qwen3 {
        all.push(vector(&source("self_attn.q_norm.weight"), &target("attn_q_norm.weight"), heads.dim));
        all.push(vector(&source("self_attn.k_norm.weight"), &target("attn_k_norm.weight"), heads.dim));
    }
    all.push(vector(&source("post_attention_layernorm.weight"), &target("ffn_norm.weight"), width));
    for (from, to, dims, role) in [
        ("mlp.gate_proj.weight", "ffn_gate.weight", [hidden, width], Role::Plain),
        ("mlp.up_proj.weight", "ffn_up.weight", [hidden, width], Role::Plain),
        ("mlp.down_proj.weight", "ffn_down.weight", [width, hidden], Role::Delicate(n)),
    ] {
        all.push(matrix(&source(from), &target(to), dims, role));
    }
}

fn matrix(source: &str, target: &str, dims: [usize; 2], role: Role) -> Wanted {
    Wanted {
        source: source.to_owned(),
        target: target.to_owned(),
        dims: dims.to_vec(),
        heads: None,
        required: true,
        role,
    }
}

fn vector(source: &str, target: &str, len: usize) -> Wanted {
    Wanted {
        source: source.to_owned(),
        target: target.to_owned(),
        dims: vec![len],
        heads: None,
        required: true,
        role: Role::Plain,
    }
}

/// Whether a tensor may be left over: a table that follows from the metadata, or the copy of a tied head.
pub(super) fn may_be_left(name: &str, tied: bool) -> bool {
    name.ends_with("rotary_emb.inv_freq") || (tied && name.starts_with("lm_head."))
}

/// The row of the checkpoint that becomes row `row`. GGUF files of architecture `llama` rotate neighbours, where
/// transformers rotates halves of a head: within each head, rows `0, d/2, 1, d/2 + 1, ...` follow each other.
pub(super) fn permuted(row: usize, rows: usize, heads: usize) -> usize {
    let dim = rows / heads;
    let (head, inside) = (row / dim, row % dim);
    head * dim + inside % 2 * (dim / 2) + inside / 2
}
