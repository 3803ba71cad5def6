//! Rows of q and k move with those of the base, for architecture `llama` and no other.

use crate::make::{config, edit_tensors, uniform, write};
use engine::adapter::{Adapter, Layout, Target};
use engine::model::Config;

/// What `rows.reshape(heads, 2, dim / 2, -1).swapaxes(1, 2)` of the converters does: Hugging Face's row of each GGUF row.
fn converted(heads: usize, dim: usize) -> Vec<usize> {
    let mut rows = Vec::new();
    for head in 0..heads {
        for pair in 0..dim / 2 {
            for half in 0..2 {
                rows.push((head * 2 + half) * (dim / 2) + pair);
            }
        }
    }
    rows
}

/// The rows of B that PEFT would see, numbered as in hone.
fn exported(adapter: &Adapter, config: &Config, target: Target) -> Vec<usize> {
    let folder = tempfile::tempdir().unwrap();
    let path = write(Layout::Peft, adapter, config, folder.path());
    let name = format!("base_model.model.model.layers.0.{}.lora_B.weight", target.module_name());
    let mut rows = Vec::new();
    edit_tensors(&path.join("adapter_model.safetensors"), |tensors| {
        let tensor = tensors.iter().find(|t| t.name == name).unwrap();
        let b = adapter.get(0, target).unwrap().b.transposed();
        for row in tensor.data.chunks_exact(4 * b.cols()) {
            let same = |r: &usize| bytemuck::cast_slice::<f32, u8>(b.row(*r)) == row;
            rows.push((0..b.rows()).find(same).unwrap());
        }
    });
    rows
}

#[test]
fn q_and_k_of_llama_are_unpermuted_by_their_own_heads() {
    let config = config("llama");
    let adapter = uniform(&config, 4, 2.0);
    assert_eq!((config.heads.q, config.heads.kv, config.heads.dim), (4, 2, 16));
    for (target, heads) in [(Target::Q, 4), (Target::K, 2)] {
        let rows = exported(&adapter, &config, target);
        assert_ne!(rows, (0..heads * 16).collect::<Vec<_>>());
        for (gguf, hugging_face) in converted(heads, 16).into_iter().enumerate() {
            assert_eq!(rows[hugging_face], gguf, "{target:?}");
        }
    }
    assert_eq!(converted(1, 4), [0, 2, 1, 3]);
}

#[test]
fn everything_else_stays() {
    for (name, targets) in [
        ("llama", &[Target::V, Target::Output, Target::Gate, Target::Up, Target::Down][..]),
        ("qwen2", &Target::ALL),
        ("qwen3", &Target::ALL),
    ] {
        let config = config(name);
        let adapter = uniform(&config, 4, 2.0);
        for target in targets {
            let rows = exported(&adapter, &config, *target);
            assert_eq!(rows, (0..rows.len()).collect::<Vec<_>>(), "{name} {target:?}");
        }
    }
}

#[test]
fn peft_and_mlx_agree() {
    let config = config("llama");
    let folder = tempfile::tempdir().unwrap();
    let adapter = uniform(&config, 4, 2.0);
    let peft = write(Layout::Peft, &adapter, &config, folder.path());
    let mlx = write(Layout::Mlx, &adapter, &config, folder.path());
    let values = |data: &[u8]| -> Vec<f32> {
        data.chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect()
    };
    let mut theirs = Vec::new();
    edit_tensors(&peft.join("adapter_model.safetensors"), |tensors| {
        let name = "base_model.model.model.layers.1.self_attn.k_proj.lora_B.weight";
        theirs = values(&tensors.iter().find(|t| t.name == name).unwrap().data);
    });
    edit_tensors(&mlx.join("adapters.safetensors"), |tensors| {
        let name = "model.layers.1.self_attn.k_proj.lora_b";
        let turned = values(&tensors.iter().find(|t| t.name == name).unwrap().data);
        for (n, value) in theirs.iter().enumerate() {
            assert_eq!(turned[n % 4 * 32 + n / 4], *value);
        }
    });
}
