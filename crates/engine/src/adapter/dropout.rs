//! Dropout of an update's input, as a function of where it happens.
//!
//! No state: the backward pass, a recomputed layer and a resumed run find the same elements left out.

use super::Target;
use kernels::Tensor;

/// Leaves out elements with a probability and enlarges the others.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Dropout {
    /// Between 0 and 1.
    pub(crate) probability: f32,
    /// The run's seed.
    pub(crate) seed: u64,
    /// Number of the micro-batch in the run.
    pub(crate) batch: u64,
}

impl Dropout {
    /// Multiplies every element with 0 or `1 / (1 - probability)`.
    pub(crate) fn apply(&self, layer: usize, target: Target, x: &mut Tensor) {
        let stream = mix(mix(mix(self.seed) ^ self.batch) ^ (layer as u64 * 8 + target as u64));
        let keep = 1.0 / (1.0 - self.probability);
        let limit = (f64::from(self.probability) * 2f64.powi(32)) as u64;
        for (i, v) in x.as_mut_slice().iter_mut().enumerate() {
            *v *= if mix(stream ^ i as u64) >> 32 < limit { 0.0 } else { keep };
        }
    }
}

/// The finaliser of SplitMix64 (Steele, Lea, Flood, 2014): every bit of the result depends on every bit of `x`.
pub(super) fn mix(x: u64) -> u64 {
    let x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dropped(dropout: Dropout, layer: usize, target: Target) -> Vec<f32> {
        let mut x = Tensor::from_slice(100, 100, &[1.0; 10_000]);
        dropout.apply(layer, target, &mut x);
        x.as_slice().to_vec()
    }

    #[test]
    fn the_mean_stays_and_the_places_depend_on_everything() {
        let dropout = Dropout { probability: 0.25, seed: 3, batch: 5 };
        let x = dropped(dropout, 1, Target::Q);
        let zeros = x.iter().filter(|&&v| v == 0.0).count();
        assert!((2300..2700).contains(&zeros), "{zeros}");
        assert!(x.iter().all(|&v| v == 0.0 || (v - 4.0 / 3.0).abs() < 1e-6));
        assert_eq!(x, dropped(dropout, 1, Target::Q));
        let others = [
            dropped(dropout, 2, Target::Q),
            dropped(dropout, 1, Target::K),
            dropped(Dropout { seed: 4, ..dropout }, 1, Target::Q),
            dropped(Dropout { batch: 6, ..dropout }, 1, Target::Q),
        ];
        assert!(others.iter().all(|other| *other != x));
    }
}
