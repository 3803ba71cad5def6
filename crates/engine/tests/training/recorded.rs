//! The runs of torch and PEFT in `fixtures/training/`; `make_training.py` says what they hold.

use crate::fixtures;
use engine::Model;
use engine::adapter::{Adapter, Lora, Target};
use engine::train::{Example, Options, Pack, Trainer};
use kernels::{Device, KvFormat, Tensor};
use safetensors::SafeTensors;
use std::sync::Arc;

pub(crate) const CASES: [&str; 6] =
    ["llama", "llama-upper", "llama-legacy-quants", "qwen2", "qwen2-upper", "qwen3"];

/// One recorded run.
pub(crate) struct Recorded {
    bytes: Vec<u8>,
    recipe: serde_json::Value,
    pub(crate) model: Arc<Model>,
    /// Sequences of each micro-batch.
    pub(crate) batches: Vec<Vec<Example>>,
}

impl Recorded {
    pub(crate) fn open(case: &str) -> Self {
        let bytes = std::fs::read(fixtures::path(&format!("training/{case}.safetensors"))).unwrap();
        let (_, metadata) = SafeTensors::read_metadata(&bytes).unwrap();
        let recipe: serde_json::Value =
            serde_json::from_str(&metadata.metadata().as_ref().unwrap()["recipe"]).unwrap();
        let name = recipe["model"]
            .as_str()
            .unwrap()
            .trim_end_matches(".gguf")
            .rsplit('/')
            .next()
            .unwrap()
            .to_owned();
        let model = Arc::new(Model::from_gguf(&fixtures::tiny(&name)).unwrap());
        let mut recorded = Recorded { bytes, recipe, model, batches: Vec::new() };
        recorded.batches = recorded.read_batches();
        recorded
    }

    pub(crate) fn number(&self, name: &str) -> f64 {
        self.recipe[name].as_f64().unwrap_or_else(|| panic!("{name} in {}", self.recipe))
    }

    pub(crate) fn floats(&self, name: &str) -> Vec<f32> {
        let file = SafeTensors::deserialize(&self.bytes).unwrap();
        let tensor = file.tensor(name).unwrap();
        tensor.data().as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect()
    }

    fn integers(&self, name: &str) -> Vec<usize> {
        let file = SafeTensors::deserialize(&self.bytes).unwrap();
        let tensor = file.tensor(name).unwrap();
        tensor.data().as_chunks::<4>().0.iter().map(|b| i32::from_le_bytes(*b) as usize).collect()
    }

    fn read_batches(&self) -> Vec<Vec<Example>> {
        let (tokens, lengths) = (self.integers("data.tokens"), self.integers("data.sequences"));
        let file = SafeTensors::deserialize(&self.bytes).unwrap();
        let supervised = file.tensor("data.supervised").unwrap();
        let (mut first, mut examples) = (0, Vec::new());
        for len in lengths {
            examples.push(Example::new(
                tokens[first..first + len].iter().map(|&t| t as u32).collect(),
                supervised.data()[first..first + len].iter().map(|&s| s == 1).collect(),
            ));
            first += len;
        }
        let mut examples = examples.into_iter();
        self.integers("data.batches").into_iter().map(|n| examples.by_ref().take(n).collect()).collect()
    }

    /// The tensors whose names begin with `prefix`.
    pub(crate) fn adapter(&self, prefix: &str) -> Adapter {
        let file = SafeTensors::deserialize(&self.bytes).unwrap();
        let mut adapter = Adapter::empty(self.model.config().layers);
        for (layer, target) in
            (0..adapter.layers()).flat_map(|n| Target::ALL.into_iter().map(move |target| (n, target)))
        {
            let name = format!("{prefix}.blk.{layer}.{}.weight.lora", target.gguf_name());
            let Ok(a) = file.tensor(&format!("{name}_a")) else { continue };
            let b = file.tensor(&format!("{name}_b")).unwrap();
            let (rank, inputs, outputs) = (a.shape()[0], a.shape()[1], b.shape()[0]);
            let a = Tensor::from_slice(rank, inputs, &self.floats(&format!("{name}_a")));
            let stored = self.floats(&format!("{name}_b"));
            let mut b = Tensor::zeros(rank, outputs);
            (0..rank * outputs).for_each(|i| b.row_mut(i % rank)[i / rank] = stored[i]);
            adapter.set(layer, target, Lora { a, b, scale: self.number("scale") as f32 });
        }
        adapter
    }

    /// The initial adapter, moved along `way · factor`.
    pub(crate) fn moved(&self, way: &Adapter, factor: f32) -> Adapter {
        self.moved_from("initial", way, factor)
    }

    /// The adapter of this name, moved along `way · factor`.
    pub(crate) fn moved_from(&self, name: &str, way: &Adapter, factor: f32) -> Adapter {
        let mut adapter = self.adapter(name);
        for (n, target, way) in way.iter() {
            let lora = adapter.get_mut(n, target).unwrap();
            for (to, from) in [(&mut lora.a, &way.a), (&mut lora.b, &way.b)] {
                to.as_mut_slice().iter_mut().zip(from.as_slice()).for_each(|(to, from)| *to += factor * from);
            }
        }
        adapter
    }

    pub(crate) fn trainer(&self, device: Arc<dyn Device>, options: Options) -> Trainer {
        Trainer::new(self.model.clone(), device, self.adapter("initial"), options).unwrap()
    }

    /// All steps of the run; returns their losses and norms.
    pub(crate) fn run(&self, trainer: &mut Trainer) -> (Vec<f64>, Vec<f64>) {
        let accumulation = self.number("accumulation") as usize;
        let rates = self.floats("steps.rate");
        let (mut losses, mut norms) = (Vec::new(), Vec::new());
        for (step, rate) in rates.iter().enumerate() {
            let (mut sum, mut targets) = (0.0, 0);
            for i in 0..accumulation {
                let pack = Pack::new(&self.batches[(step * accumulation + i) % self.batches.len()]);
                sum += total(&trainer.accumulate(&pack, &mut || false).unwrap());
                targets += pack.targets();
            }
            losses.push(sum / targets as f64);
            norms.push(trainer.update(*rate, self.number("clip") as f32).norm);
        }
        (losses, norms)
    }
}

/// Nothing rounded on the way.
pub(crate) fn exact() -> Options {
    Options { kv_format: KvFormat::F32, compact: false, ..Options::default() }
}

pub(crate) fn total(losses: &[f32]) -> f64 {
    losses.iter().map(|&l| f64::from(l)).sum()
}

/// `|a - b| / |b|` over all factors.
pub(crate) fn distance(a: &Adapter, b: &Adapter) -> f64 {
    let (mut error, mut square) = (0.0, 0.0);
    let factors = |x: &Adapter| -> Vec<f32> {
        x.iter().flat_map(|(_, _, l)| [l.a.as_slice(), l.b.as_slice()].concat()).collect()
    };
    let (a, b) = (factors(a), factors(b));
    assert_eq!(a.len(), b.len());
    for (a, b) in a.iter().zip(&b) {
        error += (f64::from(*a) - f64::from(*b)).powi(2);
        square += f64::from(*b).powi(2);
    }
    (error / square).sqrt()
}

/// All values as bits.
pub(crate) fn bits(adapter: &Adapter) -> Vec<u32> {
    let values = adapter.iter().flat_map(|(_, _, l)| [l.a.as_slice(), l.b.as_slice()].concat());
    values.map(f32::to_bits).collect()
}
