//! Rotary position embedding: one angle for each position and pair, all scaling included.

use super::config::{RopeConfig, Scaling};
use kernels::{Pairing, RopeRows, Span, Tensor};
use std::f32::consts::TAU;

/// Rotary position embedding with all scaling worked out.
#[derive(Clone, Debug)]
pub(crate) struct Rope {
    /// Radians a position, of each rotated pair: `[dims / 2]`.
    inverse_frequencies: Vec<f32>,
    /// Multiplies cosines and sines.
    attention_factor: f32,
    pairing: Pairing,
}

impl Rope {
    /// `factors [dims / 2]` divide the frequencies: the tensor `rope_freqs.weight` of Llama 3.
    pub(crate) fn new(config: &RopeConfig, factors: Option<&[f32]>) -> Self {
        let pairs = config.dims / 2;
        let mut inverse_frequencies: Vec<f32> =
            (0..pairs).map(|i| config.theta.powf(-(2.0 * i as f32) / config.dims as f32)).collect();
        if let Some(factors) = factors {
            for (frequency, factor) in inverse_frequencies.iter_mut().zip(factors) {
                *frequency /= factor;
            }
        }
        let mut attention_factor = 1.0;
        match config.scaling {
            Scaling::None => {}
            Scaling::Linear { factor } => inverse_frequencies.iter_mut().for_each(|f| *f /= factor),
            Scaling::Yarn { factor, original_context, beta_fast, beta_slow, attention_factor: extra } => {
                let ramp = YarnRamp::new(config, original_context, beta_fast, beta_slow);
                for (i, frequency) in inverse_frequencies.iter_mut().enumerate() {
                    let interpolated = ramp.at(i);
                    *frequency = *frequency / factor * interpolated + *frequency * (1.0 - interpolated);
                }
                attention_factor = extra * (0.1 * factor.max(1.0).ln() + 1.0);
            }
        }
        Rope { inverse_frequencies, attention_factor, pairing: config.pairing }
    }

    /// An empty table, to be filled by [`Rope::fill`].
    pub(crate) fn rows(&self) -> RopeRows {
        RopeRows { cos: Tensor::default(), sin: Tensor::default(), pairing: self.pairing }
    }

    /// Cosines and sines of all rows of a batch.
    pub(crate) fn fill(&self, spans: &[Span<'_>], rows: &mut RopeRows) {
        let count = spans.iter().map(|span| span.rows.end).max().unwrap_or(0);
        rows.cos.reshape(count, self.inverse_frequencies.len());
        rows.sin.reshape(count, self.inverse_frequencies.len());
        for span in spans {
            for (position, row) in (span.start..).zip(span.rows.clone()) {
                let pairs = rows.cos.row_mut(row).iter_mut().zip(rows.sin.row_mut(row));
                for ((cos, sin), frequency) in pairs.zip(&self.inverse_frequencies) {
                    let (s, c) = (position as f32 * frequency).sin_cos();
                    (*cos, *sin) = (c * self.attention_factor, s * self.attention_factor);
                }
            }
        }
    }
}

/// Goes from 0 (the frequency stays) to 1 (it is divided by the factor).
struct YarnRamp {
    low: f32,
    high: f32,
}

impl YarnRamp {
    fn new(config: &RopeConfig, original_context: usize, beta_fast: f32, beta_slow: f32) -> Self {
        // The pair that makes `rotations` turns over the original context.
        let pair = |rotations: f32| {
            let wavelength = original_context as f32 / (rotations * TAU);
            config.dims as f32 * wavelength.ln() / (2.0 * config.theta.ln())
        };
        let low = pair(beta_fast).floor().max(0.0);
        let high = pair(beta_slow).ceil().min(config.dims as f32 - 1.0);
        YarnRamp { low, high }
    }

    fn at(&self, pair: usize) -> f32 {
        ((pair as f32 - self.low) / (self.high - self.low).max(0.001)).clamp(0.0, 1.0)
    }
}
