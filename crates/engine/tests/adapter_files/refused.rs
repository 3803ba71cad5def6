//! Adapters that are sound and yet cannot be computed with, or are for another model.

use crate::make::{RawTensor, config, edit_config, edit_tensors, uniform, write};
use engine::adapter::{AdapterFileError, Layout};
use engine::model::Config;
use serde_json::{Value, json};
use std::path::Path;

/// What reading says after the settings were changed.
fn after_config(layout: Layout, edit: impl FnOnce(&mut Value)) -> Result<f32, String> {
    let config = config("llama");
    let folder = tempfile::tempdir().unwrap();
    let path = write(layout, &uniform(&config, 4, 2.0), &config, folder.path());
    edit_config(&path, edit);
    scale(layout, &path, &config)
}

/// What reading says after the tensors were changed.
fn after_tensors(layout: Layout, edit: impl FnOnce(&mut Vec<RawTensor>)) -> Result<f32, String> {
    let config = config("llama");
    let folder = tempfile::tempdir().unwrap();
    let path = write(layout, &uniform(&config, 4, 2.0), &config, folder.path());
    let file = if layout == Layout::Peft { "adapter_model.safetensors" } else { "adapters.safetensors" };
    edit_tensors(&path.join(file), edit);
    scale(layout, &path, &config)
}

/// The scale of the first update.
fn scale(layout: Layout, path: &Path, config: &Config) -> Result<f32, String> {
    let adapter = layout.read(path, config).map_err(|e| e.to_string())?;
    Ok(adapter.iter().next().unwrap().2.scale)
}

#[test]
fn kinds_of_peft_that_are_not_plain_lora() {
    for (key, value) in [
        ("use_dora", json!(true)),
        ("bias", json!("all")),
        ("bias", json!("lora_only")),
        ("lora_bias", json!(true)),
        ("modules_to_save", json!(["lm_head"])),
        ("peft_type", json!("IA3")),
        ("peft_type", json!(null)),
        ("target_parameters", json!(["mlp.experts"])),
        ("trainable_token_indices", json!([1, 2])),
        ("layer_replication", json!([[0, 2]])),
        ("init_lora_weights", json!("pissa_niter_4")),
        ("init_lora_weights", json!("olora")),
        ("fan_in_fan_out", json!(true)),
        ("alora_invocation_tokens", json!([1])),
        ("kasa_config", json!({"beta": 1e-4})),
        ("use_something_new", json!(true)),
    ] {
        let error = after_config(Layout::Peft, |settings| settings[key] = value).unwrap_err();
        assert!(error.contains(key) && error.contains("not supported"), "{error}");
    }
}

#[test]
fn settings_that_change_nothing_are_tolerated() {
    for (key, value) in [
        ("layers_to_transform", json!([0, 1])),
        ("modules_to_save", json!([])),
        ("bias", json!("none")),
        ("init_lora_weights", json!("gaussian")),
        ("init_lora_weights", json!(false)),
        ("rank_pattern", json!(null)),
        ("peft_version", json!("0.99.0")),
        ("corda_config", json!(null)),
    ] {
        assert_eq!(after_config(Layout::Peft, |settings| settings[key] = value), Ok(2.0), "{key}");
    }
}

#[test]
fn patterns_and_rank_stabilisation_set_the_scale() {
    let scale = |edit: fn(&mut Value)| after_config(Layout::Peft, edit);
    assert_eq!(scale(|s| s["use_rslora"] = json!(true)), Ok(4.0)); // 8 / √4
    assert_eq!(scale(|s| s["lora_alpha"] = json!(2.5)), Ok(0.625));
    assert_eq!(scale(|s| s["alpha_pattern"] = json!({"q_proj": 32})), Ok(8.0));
    assert_eq!(scale(|s| s["alpha_pattern"] = json!({r"layers\.0\..*": 12})), Ok(3.0));
    assert_eq!(scale(|s| s["alpha_pattern"] = json!({"layers.1.self_attn.q_proj": 32})), Ok(2.0));
    let ranks = |s: &mut Value| {
        s["r"] = json!(16);
        s["rank_pattern"] = json!({".*": 4});
    };
    assert_eq!(after_config(Layout::Peft, ranks), Ok(2.0));
}

#[test]
fn a_rank_that_is_not_the_tensors_is_an_error() {
    let error = after_config(Layout::Peft, |settings| settings["r"] = json!(8)).unwrap_err();
    assert!(error.contains("rank 4") && error.contains('8'), "{error}");
    let wrong = |s: &mut Value| s["rank_pattern"] = json!({"q_proj": 2});
    assert!(after_config(Layout::Peft, wrong).unwrap_err().contains("q_proj"));
}

#[test]
fn settings_that_are_not_what_they_should_be() {
    for (key, value) in [
        ("r", json!("4")),
        ("lora_alpha", json!(null)),
        ("use_rslora", json!("yes")),
        ("rank_pattern", json!([1])),
        ("alpha_pattern", json!({"(": 1})),
        ("lora_alpha", json!(1e300)),
    ] {
        assert!(after_config(Layout::Peft, |settings| settings[key] = value).is_err(), "{key}");
    }
    for edit in [
        (|s| s["lora_parameters"] = json!(null)) as fn(&mut Value),
        |s| s["lora_parameters"]["scale"] = json!("20"),
        |s| s["lora_parameters"]["alpha"] = json!(16),
        |s| s["fine_tune_type"] = json!("dora"),
        |s| s["fine_tune_type"] = json!("full"),
        |s| *s = json!([]),
    ] {
        after_config(Layout::Mlx, edit).unwrap_err();
    }
}

#[test]
fn tensors_that_are_no_factors_are_named() {
    for name in [
        "base_model.model.model.embed_tokens.lora_embedding_A",
        "base_model.model.lm_head.weight",
        "base_model.model.model.layers.0.self_attn.q_proj.lora_magnitude_vector",
        "base_model.model.model.layers.0.self_attn.rotary.lora_A.weight",
        "base_model.model.model.layers.00.self_attn.q_proj.lora_A.weight",
        "base_model.model.model.layers.-1.self_attn.q_proj.lora_A.weight",
        "base_model.model.model.layers.99999999999999999999.self_attn.q_proj.lora_A.weight",
        "\u{1b}[2J",
    ] {
        let error = after_tensors(Layout::Peft, |tensors| tensors[0].name = name.into()).unwrap_err();
        assert!(error.contains("not a LoRA factor") && !error.contains('\u{1b}'), "{error}");
    }
    let m = |tensors: &mut Vec<RawTensor>| tensors[0].name = "model.layers.0.self_attn.q_proj.m".into();
    assert!(after_tensors(Layout::Mlx, m).unwrap_err().contains("not a LoRA factor"));
    let long = |tensors: &mut Vec<RawTensor>| tensors[0].name = "x".repeat(100_000);
    assert!(after_tensors(Layout::Mlx, long).unwrap_err().len() < 500);
}

#[test]
fn factors_that_do_not_fit_the_model() {
    let name = "base_model.model.model.layers.2.self_attn.q_proj.lora_A.weight";
    let error = after_tensors(Layout::Peft, |tensors| tensors[0].name = name.into()).unwrap_err();
    assert!(error.contains("layer 2") && error.contains("2 layers"), "{error}");
    let error = after_tensors(Layout::Peft, |tensors| drop(tensors.remove(0))).unwrap_err();
    assert!(error.contains("one of its two factors"), "{error}");
    let error = after_tensors(Layout::Peft, Vec::clear).unwrap_err();
    assert!(error.contains("empty"), "{error}");
    // The first is lora_A of down_proj.
    let narrow =
        |tensors: &mut Vec<RawTensor>| (tensors[0].shape, tensors[0].data) = (vec![4, 8], vec![0; 128]);
    let error = after_tensors(Layout::Peft, narrow).unwrap_err();
    assert!(error.contains("another model"), "{error}");
    let ranks = |tensors: &mut Vec<RawTensor>| {
        (tensors[1].shape, tensors[1].data) = (vec![64, 2], vec![0; 512]);
    };
    let error = after_tensors(Layout::Peft, ranks).unwrap_err();
    assert!(error.contains("ranks 4 and 2"), "{error}");
}

#[test]
fn an_adapter_of_another_architecture_or_size() {
    let (llama, qwen2) = (config("llama"), config("qwen2"));
    let folder = tempfile::tempdir().unwrap();
    let path = write(Layout::Gguf, &uniform(&llama, 4, 2.0), &llama, folder.path());
    let error = Layout::Gguf.read(&path, &qwen2).unwrap_err();
    assert!(matches!(error, AdapterFileError::Architecture { .. }), "{error}");
    assert!(error.to_string().contains("llama") && error.to_string().contains("qwen2"));
    let shorter = config("llama-llama3");
    assert!(Layout::Gguf.read(&path, &shorter).unwrap_err().to_string().contains("1 layers"));
}

#[test]
fn what_is_not_an_adapter_is_not_recognised() {
    let folder = tempfile::tempdir().unwrap();
    let said = |path: &Path| Layout::of(path).unwrap_err().to_string();
    assert!(said(&folder.path().join("nothing")).contains("no such file"));
    assert!(said(folder.path()).contains("neither"));
    std::fs::write(folder.path().join("adapter_model.bin"), "").unwrap();
    assert!(said(folder.path()).contains("pickle"));
    let llama = config("llama");
    let model = crate::fixtures::path("models/llama.gguf");
    let error = Layout::Gguf.read(&model, &llama).unwrap_err().to_string();
    assert!(error.contains("a model is not an adapter"), "{error}");
    // A file of the folder stands for the folder.
    let path = write(Layout::Peft, &uniform(&llama, 4, 2.0), &llama, folder.path());
    assert_eq!(Layout::of(&path.join("adapter_config.json")).unwrap(), Layout::Peft);
    assert!(Layout::Peft.read(&path.join("adapter_model.safetensors"), &llama).is_ok());
}
