//! Files from strangers: every one is an error, never a panic.

use crate::make::{adapter, config, edit_tensors, uniform, write};
use engine::adapter::{AdapterFileError, Layout, Target};
use engine::gguf::{MetadataBuilder, TensorData, write as write_gguf};
use kernels::Format;
use proptest::prelude::*;
use safetensors::Dtype;
use std::fs;
use std::path::Path;

/// Reads a GGUF adapter for the tiny llama that was put together here.
fn gguf(alpha: f32, tensors: &[(&str, &[u64], Format, Vec<u8>)]) -> Result<(), AdapterFileError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("adapter.gguf");
    let mut metadata = MetadataBuilder::new();
    metadata.str("general.type", "adapter").str("general.architecture", "llama");
    metadata.str("adapter.type", "lora").f32("adapter.lora.alpha", alpha);
    let data: Vec<_> = tensors
        .iter()
        .map(|(name, dims, format, data)| TensorData { name, dims, format: *format, data })
        .collect();
    write_gguf(&mut fs::File::create(&path).unwrap(), &metadata, &data).unwrap();
    Layout::Gguf.read(&path, &config("llama")).map(drop)
}

const A: &str = "blk.0.attn_q.weight.lora_a";
const B: &str = "blk.0.attn_q.weight.lora_b";

#[test]
fn gguf_adapters_that_lie() {
    let zeros = |n: usize| vec![0; 4 * n];
    let sound = [(A, &[64, 2][..], Format::F32, zeros(128)), (B, &[2, 64], Format::F32, zeros(128))];
    gguf(1.0, &sound).unwrap();
    // ggml leaves out dimensions of 1 at the end.
    gguf(1.0, &[(A, &[64], Format::F32, zeros(64)), (B, &[1, 64], Format::F32, zeros(64))]).unwrap();
    let nan = |n: usize| [f32::NAN.to_le_bytes().to_vec(), zeros(n - 1)].concat();
    let infinite = |n: usize| [zeros(n - 1), f32::INFINITY.to_le_bytes().to_vec()].concat();
    let half_nan = [0x7e00u16.to_le_bytes().to_vec(), vec![0; 254]].concat();
    let b = sound[1].clone();
    for (first, word) in [
        ((A, &[64, 2][..], Format::F32, nan(128)), "finite"),
        ((A, &[64, 2], Format::F32, infinite(128)), "finite"),
        ((A, &[64, 2], Format::F16, half_nan), "finite"),
        ((A, &[64, 2], Format::Q8_0, vec![0; 136]), "Q8_0"),
        ((A, &[64, 1, 2], Format::F32, zeros(128)), "matrix"),
        ((A, &[2, 64], Format::F32, zeros(128)), "another model"),
        ((A, &[64, 3], Format::F32, zeros(192)), "ranks"),
        (("blk.7.attn_q.weight.lora_a", &[64, 2], Format::F32, zeros(128)), "layer 7"),
        (("blk.0.attn_q.weight", &[64, 2], Format::F32, zeros(128)), "not a LoRA factor"),
        (("token_embd.weight.lora_a", &[64, 2], Format::F32, zeros(128)), "not a LoRA factor"),
        (("blk.0.attn_norm.weight", &[64], Format::F32, zeros(64)), "not a LoRA factor"),
        (("blk.1.attn_q.weight.lora_a", &[64, 2], Format::F32, zeros(128)), "only one"),
    ] {
        let error = gguf(1.0, &[first, b.clone()]).unwrap_err().to_string();
        assert!(error.contains(word), "{word}: {error}");
    }
    for alpha in [f32::NAN, f32::INFINITY] {
        assert!(gguf(alpha, &sound).unwrap_err().to_string().contains("finite"));
    }
    assert!(matches!(gguf(1.0, &[]), Err(AdapterFileError::Empty)));
}

#[test]
fn every_cut_of_a_file_is_an_error() {
    let config = config("llama");
    for layout in Layout::ALL {
        let folder = tempfile::tempdir().unwrap();
        let path = write(layout, &uniform(&config, 1, 1.0), &config, folder.path());
        let files = match layout {
            Layout::Gguf => vec![path.clone()],
            Layout::Peft => vec![path.join("adapter_model.safetensors"), path.join("adapter_config.json")],
            Layout::Mlx => vec![path.join("adapters.safetensors"), path.join("adapter_config.json")],
        };
        for file in files {
            let whole = fs::read(&file).unwrap();
            // Many places of the header, then some of the data. Files may end with padding, or a line end.
            let end = whole.len() - if layout == Layout::Gguf { 32 } else { 2 };
            for cut in (0..end.min(4000)).step_by(7).chain((4000..end).step_by(1009)).chain([end]) {
                fs::write(&file, &whole[..cut]).unwrap();
                let error = layout.read(&path, &config).map(drop).unwrap_err().to_string();
                assert!(error.len() < 1000, "{error}");
            }
            fs::write(&file, &whole).unwrap();
        }
        layout.read(&path, &config).unwrap();
    }
}

/// A safetensors file with this header.
fn with_header(path: &Path, length: u64, header: &[u8], data: usize) {
    fs::write(path, [&length.to_le_bytes()[..], header, &vec![0; data]].concat()).unwrap();
}

#[test]
fn safetensors_files_that_lie() {
    let config = config("llama");
    let folder = tempfile::tempdir().unwrap();
    let path = write(Layout::Peft, &uniform(&config, 4, 2.0), &config, folder.path());
    let file = path.join("adapter_model.safetensors");
    let name = "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight";
    let header = |entries: &str| format!("{{{entries}}}").into_bytes();
    let entry = |dtype: &str, shape: &str, from: u64, to: u64| {
        header(&format!(r#""{name}":{{"dtype":"{dtype}","shape":{shape},"data_offsets":[{from},{to}]}}"#))
    };
    let deep = [vec![b'['; 100_000], vec![b']'; 100_000]].concat();
    for (n, (header, length, data)) in [
        (header(""), Some(u64::MAX), 0),
        (header(""), Some(1 << 40), 0),
        (header(""), Some((16 << 20) + 1), 0),
        (header(""), Some(100), 0),
        (header(""), Some(0), 0),
        (b"[]".to_vec(), None, 0),
        (b"{".to_vec(), None, 0),
        (b"\xff\xff".to_vec(), None, 0),
        (deep, None, 0),
        (header(""), None, 0),
        (header(""), None, 64),
        (entry("F32", "[4,64]", 0, 1024), None, 1023),
        (entry("F32", "[4,64]", 0, 1024), None, 1025),
        (entry("F32", "[4,64]", 8, 1032), None, 1032),
        (entry("F32", "[4,64]", 1024, 0), None, 1024),
        (entry("F32", "[4,63]", 0, 1024), None, 1024),
        (entry("F32", "[4294967296,4294967296]", 0, 0), None, 0),
        (entry("F32", "[18446744073709551615,2]", 0, 0), None, 0),
        (entry("F32", "[0,64]", 0, 0), None, 0),
        (entry("F32", "[256]", 0, 1024), None, 1024),
        (entry("F32", "[4,64,1]", 0, 1024), None, 1024),
        (entry("F64", "[4,32]", 0, 1024), None, 1024),
        (entry("I8", "[16,64]", 0, 1024), None, 1024),
        (entry("X99", "[4,64]", 0, 1024), None, 1024),
        (entry("F32", "[4,64]", 0, 1024), None, 1024), // sound, but B is missing
    ]
    .into_iter()
    .enumerate()
    {
        with_header(&file, length.unwrap_or(header.len() as u64), &header, data);
        let error = Layout::Peft.read(&path, &config).map(drop).unwrap_err().to_string();
        assert!(error.len() < 1000, "{n}: {error}");
    }
    fs::write(&file, "<html>").unwrap();
    assert!(Layout::Peft.read(&path, &config).is_err());
    fs::write(&file, "").unwrap();
    assert!(Layout::Peft.read(&path, &config).is_err());
}

#[test]
fn values_and_types_of_safetensors_are_checked() {
    let config = config("llama");
    let folder = tempfile::tempdir().unwrap();
    let sound = uniform(&config, 4, 2.0);
    let path = write(Layout::Mlx, &sound, &config, folder.path());
    let file = path.join("adapters.safetensors");
    edit_tensors(&file, |tensors| tensors[3].data[..4].copy_from_slice(&f32::NAN.to_le_bytes()));
    assert!(Layout::Mlx.read(&path, &config).unwrap_err().to_string().contains("finite"));
    write(Layout::Mlx, &sound, &config, folder.path());
    edit_tensors(&file, |tensors| tensors[0].dtype = Dtype::I32);
    assert!(Layout::Mlx.read(&path, &config).unwrap_err().to_string().contains("I32"));
}

#[test]
fn settings_that_are_huge_or_not_settings() {
    let config = config("llama");
    let folder = tempfile::tempdir().unwrap();
    let path = write(Layout::Peft, &uniform(&config, 4, 2.0), &config, folder.path());
    let file = path.join("adapter_config.json");
    let deep = "[".repeat(200_000);
    for text in ["", "null", "[]", "{", "\u{0}", &deep, &" ".repeat(2 << 20)] {
        fs::write(&file, text).unwrap();
        let error = Layout::Peft.read(&path, &config).unwrap_err();
        assert!(matches!(error, AdapterFileError::Config { .. }), "{error}");
    }
    fs::remove_file(&file).unwrap();
    fs::create_dir(&file).unwrap();
    assert!(matches!(Layout::Peft.read(&path, &config), Err(AdapterFileError::Io { .. })));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn any_change_of_a_file_is_an_error_or_an_adapter(
        layout in prop::sample::select(Layout::ALL.to_vec()),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        in_header in any::<bool>(),
    ) {
        let config = config("llama");
        let folder = tempfile::tempdir().unwrap();
        let small = adapter(&config, |layer, target| (layer == 0 && target == Target::K).then_some((1, 1.0)));
        let path = write(layout, &small, &config, folder.path());
        let file = match layout {
            Layout::Gguf => path.clone(),
            Layout::Peft => path.join("adapter_model.safetensors"),
            Layout::Mlx => path.join("adapters.safetensors"),
        };
        let mut bytes = fs::read(&file).unwrap();
        for (at, value) in changes {
            let at = at.index(if in_header { 200 } else { bytes.len() });
            bytes[at] = value;
        }
        fs::write(&file, bytes).unwrap();
        if let Ok(read) = layout.read(&path, &config) {
            read.check(&config).unwrap();
        }
    }
}
