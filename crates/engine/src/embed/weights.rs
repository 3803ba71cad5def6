//! The tensors of a BERT encoder, mapped from its safetensors file.

use super::config::Config;
use super::encoder::Precision;
use crate::import::{ImportError, safetensors::Tensors};
use kernels::quant::{dequantize_row, quantize_row};
use kernels::{Bytes, Format, LayerNorm, Matrix};
use std::path::Path;

/// All weights.
pub(super) struct Weights {
    /// `[vocabulary, width]`.
    pub(super) words: Matrix,
    /// `[positions, width]`: what is added to a word at each position, the type of the first segment included.
    pub(super) places: Vec<f32>,
    pub(super) norm: Norm,
    pub(super) layers: Vec<Layer>,
}

/// One layer.
pub(super) struct Layer {
    pub(super) query: Dense,
    pub(super) key: Dense,
    pub(super) value: Dense,
    pub(super) output: Dense,
    pub(super) attention_norm: Norm,
    pub(super) up: Dense,
    pub(super) down: Dense,
    pub(super) norm: Norm,
}

/// `y = x · weightᵀ + bias`.
pub(super) struct Dense {
    pub(super) weight: Matrix,
    pub(super) bias: Vec<f32>,
}

/// Parameters of LayerNorm.
pub(super) struct Norm {
    weight: Vec<f32>,
    bias: Vec<f32>,
    eps: f32,
}

impl Norm {
    pub(super) fn get(&self) -> LayerNorm<'_> {
        LayerNorm { weight: &self.weight, bias: &self.bias, eps: self.eps }
    }
}

impl Weights {
    /// Maps the weights in `folder`. With [`Precision::Fast`] some matrices are rounded to 8 bits, in memory.
    pub(super) fn open(folder: &Path, config: &Config, precision: Precision) -> Result<Weights, ImportError> {
        let tensors = Tensors::open(folder)?;
        let reader = Reader { tensors: &tensors, config, precision };
        let (width, positions) = (config.hidden_size, config.max_position_embeddings);
        let mut places = reader.numbers("embeddings.position_embeddings.weight", &[positions, width])?;
        let types =
            reader.numbers("embeddings.token_type_embeddings.weight", &[config.type_vocab_size, width])?;
        for place in places.chunks_exact_mut(width) {
            place.iter_mut().zip(&types).for_each(|(p, t)| *p += t);
        }
        Ok(Weights {
            words: reader.matrix("embeddings.word_embeddings.weight", config.vocab_size, width)?,
            places,
            norm: reader.norm("embeddings.LayerNorm")?,
            layers: (0..config.num_hidden_layers).map(|n| reader.layer(n)).collect::<Result<_, _>>()?,
        })
    }
}

struct Reader<'a> {
    tensors: &'a Tensors,
    config: &'a Config,
    precision: Precision,
}

impl Reader<'_> {
    fn layer(&self, n: usize) -> Result<Layer, ImportError> {
        let (width, inner) = (self.config.hidden_size, self.config.intermediate_size);
        let name = |part: &str| format!("encoder.layer.{n}.{part}");
        let dense = |part: &str, rows, cols| self.dense(&name(part), rows, cols);
        Ok(Layer {
            query: dense("attention.self.query", width, width)?,
            key: dense("attention.self.key", width, width)?,
            value: dense("attention.self.value", width, width)?,
            output: self.rounded(&name("attention.output.dense"), width, width)?,
            attention_norm: self.norm(&name("attention.output.LayerNorm"))?,
            up: dense("intermediate.dense", inner, width)?,
            down: self.rounded(&name("output.dense"), width, inner)?,
            norm: self.norm(&name("output.LayerNorm"))?,
        })
    }

    fn norm(&self, name: &str) -> Result<Norm, ImportError> {
        let width = [self.config.hidden_size];
        Ok(Norm {
            weight: self.numbers(&format!("{name}.weight"), &width)?,
            bias: self.numbers(&format!("{name}.bias"), &width)?,
            eps: self.config.layer_norm_eps,
        })
    }

    fn dense(&self, name: &str, rows: usize, cols: usize) -> Result<Dense, ImportError> {
        let weight = self.matrix(&format!("{name}.weight"), rows, cols)?;
        Ok(Dense { weight, bias: self.numbers(&format!("{name}.bias"), &[rows])? })
    }

    /// A matrix that may be rounded to 8 bits, with its input: what leads back into the residual stream. With the
    /// others rounded too, vectors of short texts would have a cosine below 0.999 with the exact ones.
    fn rounded(&self, name: &str, rows: usize, cols: usize) -> Result<Dense, ImportError> {
        let dense = self.dense(name, rows, cols)?;
        let rounded = self.precision == Precision::Fast && cols.is_multiple_of(Format::Q8_0.block_len());
        Ok(if rounded { Dense { weight: to_8_bits(&dense.weight), ..dense } } else { dense })
    }

    fn matrix(&self, name: &str, rows: usize, cols: usize) -> Result<Matrix, ImportError> {
        let (format, bytes) = self.floats(name, &[rows, cols])?;
        Ok(Matrix::new(format, rows, cols, bytes).expect("a tensor's bytes are as many as its shape needs"))
    }

    fn numbers(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, ImportError> {
        let (format, bytes) = self.floats(name, shape)?;
        let mut numbers = vec![0.0; shape.iter().product()];
        dequantize_row(format, &bytes, &mut numbers);
        Ok(numbers)
    }

    /// A tensor of this shape, of floats. Some exporters put `bert.` before every name.
    fn floats(&self, name: &str, shape: &[usize]) -> Result<(Format, Bytes), ImportError> {
        let stored = self.tensors.get(name).or_else(|| self.tensors.get(&format!("bert.{name}")));
        let stored = stored.ok_or_else(|| ImportError::MissingTensor(name.to_owned()))?;
        let format = stored.floats(name)?;
        stored.expect_shape(name, &shape.iter().map(|&dim| dim as u64).collect::<Vec<_>>())?;
        Ok((format, stored.bytes.clone()))
    }
}

fn to_8_bits(weight: &Matrix) -> Matrix {
    let (rows, cols) = (weight.rows(), weight.cols());
    let width = Format::Q8_0.row_bytes(cols);
    let (mut row, mut bytes) = (vec![0.0; cols], vec![0; rows * width]);
    for (r, bytes) in bytes.chunks_exact_mut(width).enumerate() {
        dequantize_row(weight.format(), weight.row(r), &mut row);
        quantize_row(Format::Q8_0, &row, bytes);
    }
    Matrix::new(Format::Q8_0, rows, cols, Bytes::copy(&bytes)).expect("columns are whole blocks")
}
