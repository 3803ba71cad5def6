//! Tensors by name, as what the decoder multiplies with.

use super::{Config, ModelError};
use crate::gguf::{Gguf, GgufError, TensorInfo};
use kernels::{Format, Matrix};
use std::collections::HashSet;

/// Everything a decoder multiplies with. Matrices stay in the mapped file.
#[derive(Clone, Debug)]
pub(crate) struct Weights {
    /// `[V, D]`.
    pub(crate) embedding: Matrix,
    pub(crate) layers: Vec<Layer>,
    /// `[D]`.
    pub(crate) final_norm: Vec<f32>,
    /// `[V, D]`; shares the embedding's bytes where the two are tied.
    pub(crate) head: Projection,
    /// `[r / 2]`, see `Rope::new`.
    pub(crate) rope_factors: Option<Vec<f32>>,
}

/// One decoder layer. `Q` and `K` are the widths of all query and of all key heads, `H` of the hidden layer.
#[derive(Clone, Debug)]
pub(crate) struct Layer {
    /// `[D]`.
    pub(crate) attention_norm: Vec<f32>,
    /// `[Q, D]`.
    pub(crate) q: Projection,
    /// `[K, D]`.
    pub(crate) k: Projection,
    /// `[K, D]`.
    pub(crate) v: Projection,
    /// `[head]`.
    pub(crate) q_norm: Option<Vec<f32>>,
    /// `[head]`.
    pub(crate) k_norm: Option<Vec<f32>>,
    /// `[D, Q]`.
    pub(crate) output: Projection,
    /// `[D]`.
    pub(crate) feed_forward_norm: Vec<f32>,
    /// `[H, D]`.
    pub(crate) gate: Matrix,
    /// `[H, D]`.
    pub(crate) up: Matrix,
    /// `[D, H]`.
    pub(crate) down: Projection,
}

/// A matrix and, where the model has one, its bias.
#[derive(Clone, Debug)]
pub(crate) struct Projection {
    pub(crate) weight: Matrix,
    pub(crate) bias: Option<Vec<f32>>,
}

impl Weights {
    /// Finds all tensors and checks their shapes. Tensors that are left over are an error: a model with parts
    /// that are not computed gives wrong answers.
    pub(crate) fn load(file: &Gguf, config: &Config) -> Result<Self, ModelError> {
        let width = config.width;
        let table = file.tensor("token_embd.weight");
        let vocab = table.ok_or_else(|| GgufError::MissingTensor("token_embd.weight".into()))?.rows();

        let mut tensors = Tensors { file, used: HashSet::new() };
        let embedding = tensors.matrix("token_embd.weight", vocab, width)?;
        let head = match file.tensor("output.weight") {
            Some(_) => tensors.projection("output", vocab, width)?,
            None => Projection { weight: embedding.clone(), bias: None },
        };
        let final_norm = tensors.vector("output_norm.weight", width)?;
        let rope_factors = tensors.optional_vector("rope_freqs.weight", config.rope.dims / 2)?;
        let layers =
            (0..config.layers).map(|n| Layer::load(&mut tensors, config, n)).collect::<Result<_, _>>()?;
        tensors.check_all_used()?;
        Ok(Weights { embedding, layers, final_norm, head, rope_factors })
    }
}

impl Layer {
    fn load(tensors: &mut Tensors<'_>, config: &Config, n: usize) -> Result<Self, ModelError> {
        let name = |part: &str| format!("blk.{n}.{part}");
        let (width, hidden, heads) = (config.width, config.hidden, config.heads);
        let (q_width, kv_width) = (heads.q * heads.dim, heads.kv * heads.dim);
        let head_norms = config.architecture == super::Architecture::Qwen3;
        Ok(Layer {
            attention_norm: tensors.vector(&name("attn_norm.weight"), width)?,
            q: tensors.projection(&name("attn_q"), q_width, width)?,
            k: tensors.projection(&name("attn_k"), kv_width, width)?,
            v: tensors.projection(&name("attn_v"), kv_width, width)?,
            q_norm: tensors.vector_if(head_norms, &name("attn_q_norm.weight"), heads.dim)?,
            k_norm: tensors.vector_if(head_norms, &name("attn_k_norm.weight"), heads.dim)?,
            output: tensors.projection(&name("attn_output"), width, q_width)?,
            feed_forward_norm: tensors.vector(&name("ffn_norm.weight"), width)?,
            gate: tensors.matrix(&name("ffn_gate.weight"), hidden, width)?,
            up: tensors.matrix(&name("ffn_up.weight"), hidden, width)?,
            down: tensors.projection(&name("ffn_down"), width, hidden)?,
        })
    }
}

/// Takes tensors out of a file and remembers which.
struct Tensors<'a> {
    file: &'a Gguf,
    used: HashSet<&'a str>,
}

impl<'a> Tensors<'a> {
    fn find(&mut self, name: &str, dims: &[u64]) -> Result<Option<&'a TensorInfo>, ModelError> {
        let Some(tensor) = self.file.tensor(name) else { return Ok(None) };
        if tensor.dims() != dims {
            let (expected, found) = (dims.to_vec(), tensor.dims().to_vec());
            return Err(ModelError::Shape { name: name.to_owned(), expected, found });
        }
        self.used.insert(tensor.name());
        Ok(Some(tensor))
    }

    fn matrix(&mut self, name: &str, rows: usize, cols: usize) -> Result<Matrix, ModelError> {
        let tensor = self.find(name, &[cols as u64, rows as u64])?;
        let tensor = tensor.ok_or_else(|| GgufError::MissingTensor(name.to_owned()))?;
        let matrix = Matrix::new(tensor.format(), rows, cols, self.file.data(tensor));
        Ok(matrix.expect("the reader made format, dimensions and bytes agree"))
    }

    fn projection(&mut self, name: &str, rows: usize, cols: usize) -> Result<Projection, ModelError> {
        let weight = self.matrix(&format!("{name}.weight"), rows, cols)?;
        Ok(Projection { weight, bias: self.optional_vector(&format!("{name}.bias"), rows)? })
    }

    fn vector(&mut self, name: &str, len: usize) -> Result<Vec<f32>, ModelError> {
        let vector = self.optional_vector(name, len)?;
        Ok(vector.ok_or_else(|| GgufError::MissingTensor(name.to_owned()))?)
    }

    fn vector_if(&mut self, needed: bool, name: &str, len: usize) -> Result<Option<Vec<f32>>, ModelError> {
        if needed { self.vector(name, len).map(Some) } else { Ok(None) }
    }

    /// Vectors are small and read often: they become f32 once.
    fn optional_vector(&mut self, name: &str, len: usize) -> Result<Option<Vec<f32>>, ModelError> {
        let Some(tensor) = self.find(name, &[len as u64])? else { return Ok(None) };
        let bytes = self.file.data(tensor);
        let half = |pair: &[u8]| u16::from_le_bytes([pair[0], pair[1]]);
        match tensor.format() {
            Format::F32 => Ok(Some(
                bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect(),
            )),
            Format::F16 => {
                Ok(Some(bytes.chunks_exact(2).map(|b| half::f16::from_bits(half(b)).to_f32()).collect()))
            }
            Format::Bf16 => {
                Ok(Some(bytes.chunks_exact(2).map(|b| half::bf16::from_bits(half(b)).to_f32()).collect()))
            }
            other => {
                let (tensor, format) =
                    (name.to_owned(), format!("{other}, which norms and biases cannot be"));
                Err(GgufError::Format { tensor, format }.into())
            }
        }
    }

    fn check_all_used(&self) -> Result<(), ModelError> {
        // Some converters keep this table; it is a function of the metadata.
        let known = |name: &str| self.used.contains(name) || name.ends_with("rotary_emb.inv_freq");
        match self.file.tensors().iter().find(|tensor| !known(tensor.name())) {
            Some(tensor) => Err(ModelError::UnknownTensor(tensor.name().to_owned())),
            None => Ok(()),
        }
    }
}
