//! The adapter that a run begins with.

use super::{Adapter, Lora, Target, dropout::mix};
use crate::model::Config;
use kernels::Tensor;
use std::ops::Range;

/// Shape of a new adapter.
#[derive(Clone, Debug)]
pub struct Shape {
    /// Rows of A and of B.
    pub rank: usize,
    /// alpha / rank.
    pub scale: f32,
    /// Decoder layers that get updates.
    pub layers: Range<usize>,
    /// Linear layers in each.
    pub targets: Vec<Target>,
}

impl Adapter {
    /// An adapter that changes nothing yet: B is zero, A uniform in ±1/√in, as PEFT begins. Equal seeds give equal
    /// bits everywhere.
    pub fn init(config: &Config, shape: &Shape, seed: u64) -> Adapter {
        let mut adapter = Adapter::empty(config.layers);
        for layer in shape.layers.clone() {
            for &target in &shape.targets {
                let (inputs, outputs) = target.shape(config);
                let stream = mix(mix(seed) ^ (layer * 8 + target as usize) as u64);
                let bound = 1.0 / (inputs as f32).sqrt();
                let mut a = Tensor::zeros(shape.rank, inputs);
                for (i, v) in a.as_mut_slice().iter_mut().enumerate() {
                    // 24 bits: exact in f32, from 0 to just below 1.
                    let uniform = (mix(stream ^ i as u64) >> 40) as f32 / (1u32 << 24) as f32;
                    *v = (2.0 * uniform - 1.0) * bound;
                }
                adapter.set(
                    layer,
                    target,
                    Lora { a, b: Tensor::zeros(shape.rank, outputs), scale: shape.scale },
                );
            }
        }
        adapter
    }
}
