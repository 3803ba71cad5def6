//! The mean of several adapters' updates.

use super::{Adapter, Lora};
use kernels::Tensor;

impl Adapter {
    /// The mean of the updates of `adapters`, which sit on the same layers with the same scale. Exact, and so of all their ranks together: products of averaged factors are not the average of products.
    ///
    /// # Panics
    /// Where there are none, or where their places or scales differ.
    pub fn average(adapters: &[Adapter]) -> Adapter {
        let first = adapters.first().expect("at least one adapter");
        let mut mean = Adapter::empty(first.layers());
        for (layer, target, lora) in first.iter() {
            let all: Vec<&Lora> = adapters
                .iter()
                .map(|adapter| adapter.get(layer, target).expect("updates at the same places"))
                .collect();
            assert!(all.iter().all(|other| other.scale == lora.scale), "updates of one scale");
            let scale = lora.scale / all.len() as f32;
            let (a, b) = (stacked(all.iter().map(|l| &l.a)), stacked(all.iter().map(|l| &l.b)));
            mean.set(layer, target, Lora { a, b, scale });
        }
        mean
    }
}

/// Rows of one below rows of the other.
fn stacked<'a>(parts: impl Iterator<Item = &'a Tensor>) -> Tensor {
    let (mut rows, mut cols, mut values) = (0, 0, Vec::new());
    for part in parts {
        (rows, cols) = (rows + part.rows(), part.cols());
        values.extend_from_slice(part.as_slice());
    }
    Tensor::from_slice(rows, cols, &values)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapter::Target;

    const LAYERS: usize = 2;

    /// Any numbers: rank 3, from four inputs to five outputs.
    fn adapter(seed: usize) -> Adapter {
        let mut adapter = Adapter::empty(LAYERS);
        for layer in 0..LAYERS {
            let values = |count: usize, n: usize| -> Vec<f32> {
                (0..count).map(|i| ((seed * 31 + layer * 7 + n * 3 + i) as f32).sin()).collect()
            };
            let (a, b) = (Tensor::from_slice(3, 4, &values(12, 1)), Tensor::from_slice(3, 5, &values(15, 2)));
            adapter.set(layer, Target::Up, Lora { a, b, scale: 2.0 });
        }
        adapter
    }

    /// The update as one matrix.
    fn update(lora: &Lora) -> Vec<f32> {
        let at = |o: usize, i: usize| -> f32 {
            (0..lora.rank()).map(|r| lora.a.row(r)[i] * lora.b.row(r)[o] * lora.scale).sum()
        };
        (0..20).map(|n| at(n / 4, n % 4)).collect()
    }

    #[test]
    fn the_update_is_the_mean_of_the_updates() {
        let adapters: Vec<Adapter> = (0..3).map(adapter).collect();
        let mean = Adapter::average(&adapters);
        for layer in 0..LAYERS {
            let lora = |adapter: &Adapter| update(adapter.get(layer, Target::Up).unwrap());
            let each: Vec<Vec<f32>> = adapters.iter().map(lora).collect();
            for (n, found) in lora(&mean).into_iter().enumerate() {
                let expected = each.iter().map(|update| update[n]).sum::<f32>() / 3.0;
                assert!((found - expected).abs() < 1e-6, "{found} and {expected}");
            }
        }
        assert_eq!(mean.get(0, Target::Up).unwrap().rank(), 9);
    }
}
