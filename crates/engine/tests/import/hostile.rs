//! Checkpoints made by strangers: each fault is a typed error, and nothing is left behind.

use super::checkpoint::Checkpoint;
use super::{committed, imported};
use engine::import::{Format, ImportError, Options, check};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use tempfile::TempDir;

fn refused(folder: &Path) -> ImportError {
    imported(folder, Some(Format::F32)).map(|(_, report)| report).unwrap_err()
}

/// A copy of the committed checkpoint with several files of weights.
fn sharded() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for entry in committed("llama-bpe").read_dir().unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, folder.path().join(path.file_name().unwrap())).unwrap();
    }
    folder
}

#[test]
fn a_file_that_is_missing_is_named() {
    for name in ["config.json", "tokenizer.json", "model-00002-of-00003.safetensors"] {
        let folder = sharded();
        fs::remove_file(folder.path().join(name)).unwrap();
        let error = refused(folder.path());
        assert!(matches!(&error, ImportError::MissingFile(file) if file == name), "{error}");
    }
    let folder = Checkpoint::committed("gpt-2").written();
    fs::remove_file(folder.path().join("model.safetensors")).unwrap();
    assert!(matches!(refused(folder.path()), ImportError::MissingFile(_)));
    check(folder.path(), &Options::default()).unwrap();
    assert!(matches!(refused(Path::new("/nowhere")), ImportError::MissingFile(_)));
}

#[test]
fn the_index_stays_in_its_folder() {
    let outside = tempfile::tempdir().unwrap();
    let stranger = outside.path().join("x.safetensors");
    fs::copy(committed("gpt-2").join("model.safetensors"), &stranger).unwrap();
    let hostile = [
        "../x.safetensors",
        stranger.to_str().unwrap(),
        "a/../x.safetensors",
        "..\\x.safetensors",
        "C:x.safetensors",
        "/etc/passwd",
        "config.json",
        "\0.safetensors",
    ];
    for shard in hostile {
        let folder = sharded();
        let path = folder.path().join("model.safetensors.index.json");
        let mut index: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        index["weight_map"]["model.norm.weight"] = json!(shard);
        fs::write(&path, index.to_string()).unwrap();
        let error = refused(folder.path());
        assert!(matches!(error, ImportError::Outside(_)), "{shard}: {error}");
    }
}

#[test]
fn an_index_that_lies_is_refused() {
    for index in [
        json!({}),
        json!([]),
        json!({"weight_map": 3}),
        json!({"weight_map": {"a": "model-00001-of-00003.safetensors"}}),
    ] {
        let folder = sharded();
        fs::write(folder.path().join("model.safetensors.index.json"), index.to_string()).unwrap();
        let error = refused(folder.path());
        assert!(
            matches!(error, ImportError::Json { .. } | ImportError::MissingTensor(_)),
            "{index}: {error}"
        );
    }
}

#[test]
fn a_cut_off_file_of_weights_is_refused_wherever_it_ends() {
    let made = Checkpoint::committed("gpt-2");
    let folder = made.written();
    let path = folder.path().join("model.safetensors");
    let whole = made.safetensors();
    let header = 8 + u64::from_le_bytes(whole[..8].try_into().unwrap()) as usize;
    for end in [0, 1, 7, 8, 9, header / 2, header - 1, header, header + 1, whole.len() / 2, whole.len() - 1] {
        fs::write(&path, &whole[..end]).unwrap();
        let error = refused(folder.path());
        assert!(matches!(error, ImportError::Safetensors { .. }), "{end} bytes: {error}");
    }
}

#[test]
fn headers_of_strangers_are_refused() {
    let folder = Checkpoint::committed("gpt-2").written();
    let path = folder.path().join("model.safetensors");
    let entry = |dtype: &str, shape: Value, offsets: Value| {
        let entry = json!({"dtype": dtype, "shape": shape, "data_offsets": offsets});
        json!({"model.embed_tokens.weight": entry}).to_string()
    };
    let headers = [
        "".to_owned(),
        "[]".to_owned(),
        "{".to_owned(),
        "[".repeat(100_000),
        json!({"a": 3}).to_string(),
        entry("F32", json!([2]), json!([0, 4])),
        entry("F32", json!([2]), json!([4, 0])),
        entry("F32", json!([2]), json!([0])),
        entry("F32", json!([2.5]), json!([0, 10])),
        entry("F32", json!([-1]), json!([0, 4])),
        entry("F99", json!([2]), json!([0, 8])),
        entry("F32", json!([u64::MAX, u64::MAX]), json!([0, 4])),
        entry("F32", json!([u64::MAX / 4]), json!([8, u64::MAX])),
        entry("F32", json!([1u64 << 40]), json!([0, 1u64 << 42])),
    ];
    for header in headers {
        let bytes = [(header.len() as u64).to_le_bytes().as_slice(), header.as_bytes(), &[0; 64]].concat();
        fs::write(&path, bytes).unwrap();
        let error = refused(folder.path());
        let shown: String = header.chars().take(100).collect();
        assert!(matches!(error, ImportError::Safetensors { .. }), "{shown}: {error}");
    }
    for length in [1 << 30, u64::MAX] {
        fs::write(&path, [length.to_le_bytes().as_slice(), b"{}"].concat()).unwrap();
        assert!(matches!(refused(folder.path()), ImportError::Safetensors { .. }));
    }
}

#[test]
fn tensors_are_what_the_configuration_says() {
    let made = Checkpoint::committed("gpt-2");
    let norm = "model.norm.weight";
    let refused = |made: &Checkpoint| refused(made.written().path());
    let short = made.clone().with_floats(norm, "BF16", &[1.0; 31]);
    assert!(matches!(refused(&short), ImportError::Shape { .. }));
    let integers = made.clone().with(norm, "I16", &[32], vec![0; 64]);
    assert!(matches!(refused(&integers), ImportError::Dtype { .. }));
    let flat = made.clone().with("model.layers.0.mlp.up_proj.weight", "BF16", &[64 * 32], vec![0; 64 * 64]);
    assert!(matches!(refused(&flat), ImportError::Shape { .. }));
    let more = made.clone().with_floats("model.layers.0.mlp.up_proj.bias", "BF16", &[0.0; 64]);
    assert!(matches!(refused(&more), ImportError::UnknownTensor(_)));
    let table = made.clone().with_floats("model.layers.0.self_attn.rotary_emb.inv_freq", "F32", &[0.0; 4]);
    imported(table.written().path(), Some(Format::F32)).unwrap();
    let mut less = made.clone();
    less.tensors.remove("model.layers.1.self_attn.k_norm.weight");
    assert!(matches!(refused(&less), ImportError::MissingTensor(_)));
    let large = made.clone().with_floats(norm, "F32", &[1e6; 32]);
    imported(large.written().path(), Some(Format::F16)).unwrap();
    let large =
        made.with("model.embed_tokens.weight", "F32", &[703, 32], 1e6f32.to_le_bytes().repeat(703 * 32));
    let found = imported(large.written().path(), Some(Format::F16));
    assert!(matches!(found, Err(ImportError::Range(_))));
}

#[test]
fn what_the_engine_does_not_compute_is_refused() {
    let cases = [
        ("architectures", json!(["MistralForCausalLM"])),
        ("architectures", json!([])),
        ("layer_types", json!(["full_attention", "sliding_attention"])),
        ("hidden_act", json!("gelu")),
        ("num_experts", json!(8)),
        ("mlp_bias", json!(true)),
        ("logits_scaling", json!(8.0)),
        ("final_logit_softcapping", json!(30.0)),
        ("partial_rotary_factor", json!(0.5)),
        ("rope_parameters", json!({"rope_type": "dynamic", "factor": 2.0})),
        ("rope_parameters", json!({"rope_type": "yarn", "factor": 2.0, "truncate": false})),
        ("rope_parameters", json!({"rope_type": "linear"})),
        ("quantization_config", json!({"quant_method": "gptq", "bits": 4})),
        ("hidden_size", json!("32")),
        ("hidden_size", json!(-1)),
        ("num_hidden_layers", json!(0)),
        ("num_hidden_layers", json!(4_000_000_000u32)),
        ("num_attention_heads", json!(0)),
        ("head_dim", json!(7)),
        ("num_key_value_heads", json!(3)),
        ("vocab_size", json!(3)),
        ("vocab_size", json!(4_000_000_000u32)),
        ("rms_norm_eps", json!(7)),
        ("intermediate_size", json!(4_000_000_000u32)),
    ];
    for (key, value) in cases {
        let mut made = Checkpoint::committed("gpt-2");
        made.config[key] = value.clone();
        let folder = made.written();
        let error = check(folder.path(), &Options::default()).expect_err(&format!("{key} = {value}"));
        let same = std::mem::discriminant(&error) == std::mem::discriminant(&refused(folder.path()));
        assert!(same, "{key} = {value}: {error}");
    }
    // A window that no layer has changes nothing.
    for (used, first_layer, fine) in [(false, 0, true), (true, 2, true), (true, 1, false)] {
        let mut made = Checkpoint::committed("gpt-2");
        made.config["sliding_window"] = json!(16);
        made.config["use_sliding_window"] = json!(used);
        made.config["max_window_layers"] = json!(first_layer);
        assert_eq!(check(made.written().path(), &Options::default()).is_ok(), fine, "{used} {first_layer}");
    }
}

#[test]
fn files_that_are_no_files_are_refused() {
    let folder = Checkpoint::committed("gpt-2").written();
    fs::remove_file(folder.path().join("config.json")).unwrap();
    fs::create_dir(folder.path().join("config.json")).unwrap();
    assert!(matches!(refused(folder.path()), ImportError::MissingFile(_)));
    let folder = Checkpoint::committed("gpt-2").written();
    let large = fs::File::create(folder.path().join("tokenizer.json")).unwrap();
    large.set_len(65 << 20).unwrap();
    assert!(matches!(refused(folder.path()), ImportError::TooLarge { .. }));
    fs::write(folder.path().join("tokenizer.json"), b"{\"model\": 3}").unwrap();
    assert!(matches!(refused(folder.path()), ImportError::Json { .. }));
}
