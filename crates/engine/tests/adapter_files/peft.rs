//! What PEFT itself saved, against the logits that PEFT computes with it. `fixtures/make_adapter.py` made both.

use crate::fixtures::{Expected, distance, logits, path, tiny};
use crate::make::{config, write};
use engine::Model;
use engine::adapter::fuse::fuse;
use engine::adapter::{Adapter, Layout, Target};
use engine::gguf::Gguf;
use kernels::KvFormat;
use kernels::reference::Reference;

/// As in `logits.rs`: only the order of f32 sums differs, and the rounding of the fused weights.
const EXACT: f32 = 1e-4;

/// Distance of the logits of the tiny llama with this adapter to those of PEFT.
fn to_peft(adapter: &Adapter) -> f32 {
    let base = tiny("llama");
    let folder = tempfile::tempdir().unwrap();
    let fused = folder.path().join("fused.gguf");
    fuse(&base, adapter, None, &fused, |_, _| {}).unwrap();
    let model = Model::from_gguf(&Gguf::open(&fused).unwrap()).unwrap();
    let Expected { tokens, rows, .. } = Expected::of(base.metadata());
    let found = logits(&model, &Reference, KvFormat::F16, &tokens, &rows, 1000);
    let text = std::fs::read(path("peft/logits.json")).unwrap();
    let expected: Vec<Vec<f32>> = serde_json::from_slice(&text).unwrap();
    found.iter().zip(&expected).map(|(found, expected)| distance(found, expected)).fold(0.0, f32::max)
}

#[test]
fn an_adapter_of_peft_gives_the_logits_of_peft() {
    let config = config("llama");
    let adapter = Layout::Peft.read(&path("peft"), &config).unwrap();
    let scale = |layer, target| adapter.get(layer, target).unwrap().scale;
    assert_eq!(scale(0, Target::Q), (3.0 / 2f64.sqrt()) as f32);
    assert_eq!(scale(1, Target::Q), (5.0 / 2f64.sqrt()) as f32);
    assert_eq!((scale(0, Target::K), adapter.get(0, Target::K).unwrap().rank()), (3.0, 1));
    let distance = to_peft(&adapter);
    assert!(distance <= EXACT, "{distance}");

    // Through every layout and back.
    for layout in Layout::ALL {
        let folder = tempfile::tempdir().unwrap();
        let path = write(layout, &adapter, &config, folder.path());
        let distance = to_peft(&layout.read(&path, &config).unwrap());
        assert!(distance <= EXACT, "{layout:?}: {distance}");
    }
}

#[test]
fn a_wrong_order_of_rows_or_a_wrong_scale_is_noticed() {
    let config = config("llama");
    // As if the base were not permuted.
    let mut halves = config.clone();
    halves.rope.pairing = kernels::Pairing::Halves;
    let wrong = Layout::Peft.read(&path("peft"), &halves).unwrap();
    assert!(to_peft(&wrong) > 100.0 * EXACT);
    let mut louder = Layout::Peft.read(&path("peft"), &config).unwrap();
    louder.get_mut(1, Target::Down).unwrap().scale *= 1.01;
    assert!(to_peft(&louder) > EXACT);
}
