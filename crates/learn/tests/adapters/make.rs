//! A tiny model and adapters for it.

use engine::adapter::{Adapter, Lora, Target, Tensor};
use engine::gguf::Gguf;
use engine::model::Config;
use learn::adapters::{Base, Library, Manifest, NewAdapter};
use serde_json::{Value, json};
use std::path::Path;

/// Hyperparameters of the tiny llama.
pub(crate) fn config() -> Config {
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("../engine/tests/fixtures/models");
    Config::from_gguf(Gguf::open(&models.join("llama.gguf")).unwrap().metadata()).unwrap()
}

/// A base whose hash is this digit, many times.
pub(crate) fn base(digit: char) -> Base {
    let sha256 = std::iter::repeat_n(digit, 64).collect();
    Base { name: format!("model-{digit}"), sha256, architecture: "llama".into() }
}

/// An update of one matrix, all of one value.
pub(crate) fn adapter(config: &Config, value: f32) -> Adapter {
    let mut adapter = Adapter::empty(config.layers);
    let (inputs, outputs) = Target::V.shape(config);
    let a = Tensor::from_slice(2, inputs, &vec![value; 2 * inputs]);
    let b = Tensor::from_slice(2, outputs, &vec![value; 2 * outputs]);
    adapter.set(1, Target::V, Lora { a, b, scale: 2.0 });
    adapter
}

/// What is said of a new adapter.
pub(crate) fn new(name: &str, base: Base) -> NewAdapter {
    let recipe = json!({"rank": 2, "learning_rate": 1e-3});
    NewAdapter {
        name: name.into(),
        base,
        data: None,
        examples: None,
        recipe,
        parent: None,
        scores: Value::Null,
        run: None,
        files: Vec::new(),
    }
}

/// Adds an adapter for `base`.
pub(crate) fn add(library: &Library, name: &str, base: Base) -> Manifest {
    let config = config();
    library.add(new(name, base), &adapter(&config, 0.5), &config).unwrap()
}

/// The id in use.
pub(crate) fn active(library: &Library, base: &Base) -> Option<String> {
    library.active(&base.sha256).unwrap().map(|manifest| manifest.id)
}
