//! A model and an adapter in one file.

use crate::fixtures::tiny;
use crate::make::{adapter, config, product, uniform};
use engine::adapter::fuse::{FuseError, fuse};
use engine::adapter::{Adapter, Target};
use engine::gguf::{Gguf, TensorInfo};
use engine::{Model, model};
use kernels::{Format, quant};
use std::fs;

/// The numbers of a tensor.
fn values(file: &Gguf, tensor: &TensorInfo) -> Vec<f32> {
    let mut values = vec![0.0; tensor.rows() * tensor.cols()];
    quant::dequantize_row(tensor.format(), &file.data(tensor), &mut values);
    values
}

/// Checks that exactly the adapted matrices differ, and by how much.
fn check(base: &Gguf, fused: &Gguf, adapter: &Adapter, tolerance: f32) {
    assert_eq!(base.tensors().len(), fused.tensors().len());
    for tensor in base.tensors() {
        let new = fused.tensor(tensor.name()).unwrap();
        let update = adapter
            .iter()
            .find(|(layer, target, _)| tensor.name() == format!("blk.{layer}.{}.weight", target.gguf_name()));
        let Some((_, _, lora)) = update else {
            assert_eq!(new.format(), tensor.format());
            assert!(*fused.data(new) == *base.data(tensor), "{}", tensor.name());
            continue;
        };
        let expected = values(base, tensor).into_iter().zip(product(lora)).map(|(w, d)| w + d);
        for (found, expected) in values(fused, new).iter().zip(expected) {
            assert!((found - expected).abs() <= tolerance, "{}: {found} {expected}", tensor.name());
        }
    }
}

#[test]
fn the_update_is_added_to_the_adapted_matrices_only() {
    let base = tiny("llama");
    let config = config("llama");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("fused.gguf");
    let some = |layer, target: Target| (layer == 1 || target == Target::Q).then_some((3, 0.5));
    let adapter = adapter(&config, some);
    let mut steps = Vec::new();
    let fused = fuse(&base, &adapter, None, &path, |done, total| steps.push((done, total))).unwrap();
    let file = Gguf::open(&path).unwrap();
    check(&base, &file, &adapter, 1e-5);
    assert_eq!(file.metadata(), base.metadata());
    assert_eq!((fused.bytes, fused.matrices, fused.lost), (fs::metadata(&path).unwrap().len(), 8, 0.0));
    assert!(steps.is_sorted() && steps.iter().all(|(_, total)| *total == steps.last().unwrap().0));
    Model::from_gguf(&file).unwrap();
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn a_chosen_format_rounds_and_says_so() {
    let base = tiny("llama");
    let adapter = uniform(&config("llama"), 4, 0.1);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("fused.gguf");
    let mut last = 0.0;
    for (format, tolerance) in [(Format::F16, 2e-3), (Format::Q8_0, 0.03), (Format::Q4_1, 0.4)] {
        let fused = fuse(&base, &adapter, Some(format), &path, |_, _| {}).unwrap();
        let file = Gguf::open(&path).unwrap();
        check(&base, &file, &adapter, tolerance);
        assert!(file.tensor("blk.0.attn_q.weight").unwrap().format() == format);
        assert!(file.metadata().get("general.file_type").is_none());
        assert!(fused.lost > last, "{format}: {} after {last}", fused.lost);
        last = fused.lost;
        Model::from_gguf(&file).unwrap();
    }
}

#[test]
fn quantised_bases_keep_their_formats() {
    let base = tiny("llama-legacy-quants");
    let adapter = uniform(&config("llama-legacy-quants"), 4, 0.1);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("fused.gguf");
    fuse(&base, &adapter, None, &path, |_, _| {}).unwrap();
    let file = Gguf::open(&path).unwrap();
    for (tensor, new) in base.tensors().iter().zip(file.tensors()) {
        assert_eq!((tensor.name(), tensor.dims(), tensor.format()), (new.name(), new.dims(), new.format()));
    }
    check(&base, &file, &adapter, 0.5);
    // Many rows take more than one piece of work.
    let base = tiny("qwen3-k-quants");
    let adapter = uniform(&config("qwen3-k-quants"), 4, 0.01);
    fuse(&base, &adapter, Some(Format::Q6_K), &path, |_, _| {}).unwrap();
    check(&base, &Gguf::open(&path).unwrap(), &adapter, 0.05);
}

#[test]
fn what_cannot_be_fused_leaves_no_file() {
    let base = tiny("llama");
    let config = config("llama");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("fused.gguf");
    let sound = uniform(&config, 4, 2.0);
    let error = fuse(&base, &sound, Some(Format::Q4_K), &path, |_, _| {}).unwrap_err();
    assert!(matches!(error, FuseError::Ragged { cols: 64, block: 256, .. }), "{error}");
    let other = uniform(&config_of("qwen2-yarn"), 4, 2.0);
    assert!(matches!(fuse(&base, &other, None, &path, |_, _| {}), Err(FuseError::Mismatch(_))));
    let mut hot = uniform(&config, 4, 2.0);
    let lora = hot.get_mut(1, Target::Down).unwrap();
    lora.a.as_mut_slice().fill(1e30);
    lora.b.as_mut_slice().fill(1e30);
    assert!(matches!(fuse(&base, &hot, None, &path, |_, _| {}), Err(FuseError::NotFinite(_))));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    let nowhere = folder.path().join("no/such/folder/fused.gguf");
    assert!(matches!(fuse(&base, &sound, None, &nowhere, |_, _| {}), Err(FuseError::File(_))));
}

fn config_of(name: &str) -> model::Config {
    config(name)
}
