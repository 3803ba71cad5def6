//! AdamW in f32 (Loshchilov and Hutter, "Decoupled Weight Decay Regularization", 2019), as torch computes it.

use crate::adapter::Adapter;

/// The optimiser's settings and state.
#[derive(Debug)]
pub struct AdamW {
    beta1: f32,
    beta2: f32,
    epsilon: f32,
    weight_decay: f32,
    /// Updates so far.
    pub(super) steps: u64,
    /// Running means of the gradients, and of their squares.
    pub(super) mean: Adapter,
    pub(super) square: Adapter,
}

impl AdamW {
    /// Before the first update of `parameters`.
    pub fn new(parameters: &Adapter, weight_decay: f32) -> Self {
        let (mean, square) = (parameters.zeros_like(), parameters.zeros_like());
        AdamW { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weight_decay, steps: 0, mean, square }
    }

    /// One update with `gradients · factor`.
    pub(super) fn update(&mut self, parameters: &mut Adapter, gradients: &Adapter, factor: f32, rate: f32) {
        self.steps += 1;
        let correction = |beta: f32| 1.0 - f64::from(beta).powf(self.steps as f64);
        let step = (f64::from(rate) / correction(self.beta1)) as f32;
        let root = correction(self.beta2).sqrt() as f32;
        let (beta1, beta2, epsilon) = (self.beta1, self.beta2, self.epsilon);
        let shrink = 1.0 - rate * self.weight_decay;
        let tensors = parameters.factors_mut().zip(gradients.factors());
        for ((p, g), (m, v)) in tensors.zip(self.mean.factors_mut().zip(self.square.factors_mut())) {
            let values = p.as_mut_slice().iter_mut().zip(g.as_slice());
            for ((p, g), (m, v)) in values.zip(m.as_mut_slice().iter_mut().zip(v.as_mut_slice())) {
                let g = g * factor;
                *m += (1.0 - beta1) * (g - *m);
                *v = beta2 * *v + (1.0 - beta2) * g * g;
                *p = *p * shrink - step * *m / (v.sqrt() / root + epsilon);
            }
        }
    }
}
