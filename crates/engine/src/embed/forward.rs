//! The layers, over the tokens of several texts at once.

use super::config::Config;
use super::weights::{Dense, Layer, Weights};
use kernels::{Encoder, Linear, Tensor, Within};
use std::ops::Range;

/// Activations, kept from batch to batch.
#[derive(Default)]
pub(super) struct Work {
    /// `[T, width]`: what the layers hand on, and at the end the result.
    pub(super) hidden: Tensor,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mixed: Tensor,
    inner: Tensor,
}

/// Runs `tokens` through the model. `texts` are their ranges, one after the other.
pub(super) fn forward(
    device: &dyn Encoder,
    config: &Config,
    weights: &Weights,
    tokens: &[u32],
    texts: &[Range<usize>],
    work: &mut Work,
) {
    let (rows, width) = (tokens.len(), config.hidden_size);
    let Work { hidden, query, key, value, mixed, inner } = work;
    for tensor in [&mut *hidden, query, key, value, mixed] {
        tensor.reshape(rows, width);
    }
    inner.reshape(rows, config.intermediate_size);

    device.embed(&weights.words, tokens, hidden);
    for (place, row) in texts.iter().flat_map(|text| text.clone().enumerate()) {
        let place = &weights.places[place * width..][..width];
        hidden.row_mut(row).iter_mut().zip(place).for_each(|(h, p)| *h += p);
    }
    device.layer_norm(hidden, weights.norm.get());
    let op = Within { heads: config.num_attention_heads, texts };
    for layer in &weights.layers {
        let Layer { query: q, key: k, value: v, .. } = layer;
        device.linear(hidden, None, &mut [job(q, query, false), job(k, key, false), job(v, value, false)]);
        device.attend_within(&op, query, key, value, mixed);
        device.linear(mixed, None, &mut [job(&layer.output, hidden, true)]);
        device.layer_norm(hidden, layer.attention_norm.get());
        device.linear(hidden, None, &mut [job(&layer.up, inner, false)]);
        device.gelu(inner);
        device.linear(inner, None, &mut [job(&layer.down, hidden, true)]);
        device.layer_norm(hidden, layer.norm.get());
    }
}

fn job<'a>(dense: &'a Dense, out: &'a mut Tensor, add: bool) -> Linear<'a> {
    Linear { weight: &dense.weight, bias: Some(&dense.bias), out, add }
}
