//! What is written is read again, to the bit.

use crate::make::{adapter, assert_same, config, edit_config, edit_tensors, product, uniform, write};
use engine::adapter::{Layout, Target};
use engine::gguf::{Gguf, Value};
use half::{bf16, f16};
use kernels::Format;
use safetensors::Dtype;
use serde_json::json;

#[test]
fn every_layout_gives_back_what_was_written() {
    for name in ["llama", "qwen2", "qwen3"] {
        let config = config(name);
        let alphas_over_ranks = [(4, 2.0), (1, 20.0), (3, 16.0 / 3.0), (8, 0.1), (5, -1.0), (7, 11.0 / 7.0)];
        for (rank, scale) in alphas_over_ranks {
            let adapter = uniform(&config, rank, scale);
            for layout in Layout::ALL {
                let folder = tempfile::tempdir().unwrap();
                let path = write(layout, &adapter, &config, folder.path());
                assert_eq!(Layout::of(&path).unwrap(), layout);
                let read = layout.read(&path, &config).unwrap();
                assert_same(&read, &adapter, &format!("{name} {layout:?} {rank} {scale}"));
            }
        }
    }
}

#[test]
fn some_modules_of_some_layers_are_enough() {
    let config = config("llama");
    let some = |layer, target| match (layer, target) {
        (1, Target::Q | Target::Down) => Some((4, 2.0)),
        _ => None,
    };
    let adapter = adapter(&config, some);
    for layout in Layout::ALL {
        let folder = tempfile::tempdir().unwrap();
        let path = write(layout, &adapter, &config, folder.path());
        assert_same(&layout.read(&path, &config).unwrap(), &adapter, layout.name());
    }
}

#[test]
fn different_ranks_and_scales_keep_their_products() {
    let config = config("llama");
    let mixed = adapter(&config, |layer, target| match target {
        Target::Q => Some((2 + layer, 2.0)),
        Target::V => Some((8, 0.75)),
        Target::Up => Some((4, 0.0)),
        _ => None,
    });
    for layout in Layout::ALL {
        let folder = tempfile::tempdir().unwrap();
        let path = write(layout, &mixed, &config, folder.path());
        let read = layout.read(&path, &config).unwrap();
        // PEFT can say all of it; the others have one alpha, or one rank and one scale.
        if layout == Layout::Peft {
            assert_same(&read, &mixed, "peft");
        }
        assert_eq!(read.iter().count(), mixed.iter().count());
        for (layer, target, lora) in mixed.iter() {
            let found = product(read.get(layer, target).unwrap());
            for (found, expected) in found.iter().zip(product(lora)) {
                assert!((found - expected).abs() <= 1e-6 * expected.abs(), "{layout:?} {found} {expected}");
            }
        }
    }
}

#[test]
fn a_rank_of_one_and_scales_of_zero_everywhere_change_nothing() {
    let config = config("qwen2");
    let adapter = uniform(&config, 1, 0.0);
    for layout in Layout::ALL {
        let folder = tempfile::tempdir().unwrap();
        let path = write(layout, &adapter, &config, folder.path());
        let read = layout.read(&path, &config).unwrap();
        assert!(read.iter().all(|(_, _, lora)| product(lora).iter().all(|v| *v == 0.0)), "{layout:?}");
    }
}

#[test]
fn the_gguf_file_says_what_llama_cpp_asks() {
    let config = config("llama");
    let folder = tempfile::tempdir().unwrap();
    let path = write(Layout::Gguf, &uniform(&config, 4, 2.0), &config, folder.path());
    let file = Gguf::open(&path).unwrap();
    for (key, value) in [
        ("general.type", Value::Str("adapter")),
        ("general.architecture", Value::Str("llama")),
        ("adapter.type", Value::Str("lora")),
        ("adapter.lora.alpha", Value::Float(8.0)),
    ] {
        assert_eq!(file.metadata().get(key), Some(value), "{key}");
    }
    assert_eq!(file.tensors().len(), 2 * 2 * 7);
    let tensor = |name| file.tensor(name).unwrap();
    let (a, b) = (tensor("blk.1.attn_k.weight.lora_a"), tensor("blk.1.attn_k.weight.lora_b"));
    assert_eq!((a.dims(), a.format()), (&[64, 4][..], Format::F32));
    assert_eq!((b.dims(), b.format()), (&[4, 32][..], Format::F32));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "a temporary file was left");
}

#[test]
fn the_peft_folder_says_what_peft_asks() {
    let config = config("llama");
    let folder = tempfile::tempdir().unwrap();
    let path = write(Layout::Peft, &uniform(&config, 4, 2.0), &config, folder.path());
    edit_config(&path, |settings| {
        assert_eq!(settings["peft_type"], "LORA");
        assert_eq!((&settings["r"], &settings["lora_alpha"]), (&json!(4), &json!(8)));
        assert_eq!((&settings["rank_pattern"], &settings["alpha_pattern"]), (&json!({}), &json!({})));
        let modules = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"];
        assert_eq!(settings["target_modules"], json!(modules));
    });
    edit_tensors(&path.join("adapter_model.safetensors"), |tensors| {
        assert_eq!(tensors.len(), 28);
        let name = "base_model.model.model.layers.1.self_attn.k_proj.lora_B.weight";
        assert_eq!(tensors.iter().find(|t| t.name == name).unwrap().shape, [32, 4]);
    });

    let uneven = adapter(&config, |layer, target| (target == Target::Q).then_some((4 + layer, 2.0)));
    let path = write(Layout::Peft, &uneven, &config, &folder.path().join("uneven"));
    edit_config(&path, |settings| {
        let q1 = "model.layers.1.self_attn.q_proj";
        assert_eq!(settings["rank_pattern"], json!({ q1: 5 }));
        assert_eq!(settings["alpha_pattern"], json!({ q1: 10 }));
    });
}

#[test]
fn the_mlx_folder_says_what_mlx_lm_asks() {
    let config = config("llama");
    let folder = tempfile::tempdir().unwrap();
    let last = adapter(&config, |layer, target| (layer == 1 && target == Target::V).then_some((4, 0.1)));
    let path = write(Layout::Mlx, &last, &config, folder.path());
    edit_config(&path, |settings| {
        let parameters = json!({"rank": 4, "scale": 0.1, "dropout": 0.0, "keys": ["self_attn.v_proj"]});
        assert_eq!((&settings["fine_tune_type"], &settings["num_layers"]), (&json!("lora"), &json!(1)));
        assert_eq!(settings["lora_parameters"], parameters);
    });
    edit_tensors(&path.join("adapters.safetensors"), |tensors| {
        let named: Vec<_> = tensors.iter().map(|t| (t.name.as_str(), &t.shape[..])).collect();
        let prefix = "model.layers.1.self_attn.v_proj";
        let (a, b) = (format!("{prefix}.lora_a"), format!("{prefix}.lora_b"));
        assert_eq!(named, [(&a[..], &[64, 4][..]), (&b[..], &[4, 32][..])]);
    });
    // Where the scale is left out, mlx-lm takes 20.
    edit_config(&path, |settings| drop(settings["lora_parameters"].as_object_mut().unwrap().remove("scale")));
    let read = Layout::Mlx.read(&path, &config).unwrap();
    assert_eq!(read.get(1, Target::V).unwrap().scale, 20.0);
}

#[test]
fn half_precision_files_are_read() {
    let config = config("qwen3");
    let folder = tempfile::tempdir().unwrap();
    let path = write(Layout::Peft, &uniform(&config, 4, 2.0), &config, folder.path());
    let file = path.join("adapter_model.safetensors");
    let original = Layout::Peft.read(&path, &config).unwrap();
    let narrow = |dtype, v: f32| match dtype {
        Dtype::F16 => (f16::from_f32(v).to_le_bytes(), f16::from_f32(v).to_f32()),
        _ => (bf16::from_f32(v).to_le_bytes(), bf16::from_f32(v).to_f32()),
    };
    for dtype in [Dtype::F16, Dtype::BF16] {
        write(Layout::Peft, &original, &config, folder.path());
        edit_tensors(&file, |tensors| {
            for tensor in tensors {
                let values = tensor.data.chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap()));
                tensor.data = values.flat_map(|v| narrow(dtype, v).0).collect();
                tensor.dtype = dtype;
            }
        });
        let read = Layout::Peft.read(&path, &config).unwrap();
        for ((_, _, found), (_, _, was)) in read.iter().zip(original.iter()) {
            let rounded: Vec<f32> = was.b.as_slice().iter().map(|v| narrow(dtype, *v).1).collect();
            assert_eq!(found.b.as_slice(), rounded);
        }
    }
}
