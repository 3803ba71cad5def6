//! Adapters and files to test with.

use engine::adapter::{Adapter, Layout, Lora, Target};
use engine::model::Config;
use kernels::Tensor;
use rand::rngs::SmallRng;
use rand::{Rng, RngExt, SeedableRng};
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

/// Hyperparameters of a tiny model.
pub(crate) fn config(name: &str) -> Config {
    Config::from_gguf(crate::fixtures::tiny(name).metadata()).unwrap()
}

/// A random matrix.
pub(crate) fn matrix(rows: usize, cols: usize, random: &mut impl Rng) -> Tensor {
    let values: Vec<f32> = (0..rows * cols).map(|_| random.random_range(-1.0..1.0)).collect();
    Tensor::from_slice(rows, cols, &values)
}

/// An update on every linear layer for which `of` gives a rank and a scale.
pub(crate) fn adapter(config: &Config, of: impl Fn(usize, Target) -> Option<(usize, f32)>) -> Adapter {
    let mut random = SmallRng::seed_from_u64(7);
    let mut adapter = Adapter::empty(config.layers);
    for layer in 0..config.layers {
        for target in Target::ALL {
            let Some((rank, scale)) = of(layer, target) else { continue };
            let (inputs, outputs) = target.shape(config);
            let (a, b) = (matrix(rank, inputs, &mut random), matrix(rank, outputs, &mut random));
            adapter.set(layer, target, Lora { a, b, scale });
        }
    }
    adapter
}

/// The same rank and scale everywhere.
pub(crate) fn uniform(config: &Config, rank: usize, scale: f32) -> Adapter {
    adapter(config, |_, _| Some((rank, scale)))
}

/// Writes an adapter into `folder` and says where it is.
pub(crate) fn write(layout: Layout, adapter: &Adapter, config: &Config, folder: &Path) -> PathBuf {
    let path = match layout {
        Layout::Gguf => folder.join("adapter.gguf"),
        _ => folder.join(layout.name()),
    };
    layout.write(&path, adapter, config, Some("base")).unwrap();
    path
}

/// Fails unless both hold the same bits.
pub(crate) fn assert_same(found: &Adapter, expected: &Adapter, what: &str) {
    let bits = |t: &Tensor| -> Vec<u32> { t.as_slice().iter().map(|v| v.to_bits()).collect() };
    assert_eq!(found.iter().count(), expected.iter().count(), "{what}");
    for ((layer, target, found), (n, t, expected)) in found.iter().zip(expected.iter()) {
        assert_eq!((layer, target, found.scale.to_bits()), (n, t, expected.scale.to_bits()), "{what}");
        assert!(bits(&found.a) == bits(&expected.a), "{what}: A of {layer} {target:?}");
        assert!(bits(&found.b) == bits(&expected.b), "{what}: B of {layer} {target:?}");
    }
    assert_eq!(found.layers(), expected.layers(), "{what}");
}

/// `scale · B·A`.
pub(crate) fn product(lora: &Lora) -> Vec<f32> {
    let (rows, cols) = (lora.b.cols(), lora.a.cols());
    let element = |r: usize, c: usize| {
        let sum: f64 =
            (0..lora.rank()).map(|k| f64::from(lora.b.row(k)[r]) * f64::from(lora.a.row(k)[c])).sum();
        (sum * f64::from(lora.scale)) as f32
    };
    (0..rows * cols).map(|n| element(n / cols, n % cols)).collect()
}

/// The tensors of a safetensors file, changed and written back.
pub(crate) fn edit_tensors(path: &Path, edit: impl FnOnce(&mut Vec<RawTensor>)) {
    let bytes = fs::read(path).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let mut tensors: Vec<RawTensor> = file
        .iter()
        .map(|(name, view)| RawTensor {
            name: name.into(),
            dtype: view.dtype(),
            shape: view.shape().to_vec(),
            data: view.data().to_vec(),
        })
        .collect();
    tensors.sort_by(|a, b| a.name.cmp(&b.name));
    edit(&mut tensors);
    let views = tensors
        .iter()
        .map(|t| (t.name.as_str(), TensorView::new(t.dtype, t.shape.clone(), &t.data).unwrap()));
    fs::write(path, safetensors::serialize(views, None).unwrap()).unwrap();
}

/// A tensor of a safetensors file.
pub(crate) struct RawTensor {
    pub(crate) name: String,
    pub(crate) dtype: Dtype,
    pub(crate) shape: Vec<usize>,
    pub(crate) data: Vec<u8>,
}

/// `adapter_config.json` of a folder, changed and written back.
pub(crate) fn edit_config(folder: &Path, edit: impl FnOnce(&mut Value)) {
    let path = folder.join("adapter_config.json");
    let mut value: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    edit(&mut value);
    fs::write(&path, value.to_string()).unwrap();
}
