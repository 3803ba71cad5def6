//! Checkpoints of Hugging Face and MLX become models with the same logits, tokens and weights.
//! `fixtures/make_checkpoints.py` made the committed ones and asked transformers for their logits.
#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

mod checkpoint;
mod hostile;
mod mlx;
mod tokens;
mod weights;

#[path = "../fixtures/mod.rs"]
mod fixtures;
#[path = "../tokens/lines.rs"]
mod lines;

use engine::Model;
use engine::gguf::Gguf;
use engine::import::{Format, ImportError, Options, Report, import};
use fixtures::{Expected, distance, logits};
use kernels::KvFormat;
use kernels::reference::Reference;
use std::path::{Path, PathBuf};

/// All folders of `fixtures/checkpoints`, and the format that holds their weights as they are.
const CHECKPOINTS: [(&str, Option<Format>); 6] = [
    ("llama-bpe", Some(Format::F16)),
    ("smollm", Some(Format::F32)),
    ("sentencepiece", Some(Format::F16)),
    ("qwen2", Some(Format::Bf16)),
    ("gpt-2", Some(Format::Bf16)),
    ("mlx", None),
];

/// Exact weights and activations: see `logits.rs`.
const EXACT: f32 = 1e-4;

fn committed(name: &str) -> PathBuf {
    fixtures::path("checkpoints").join(name)
}

/// The imported file, and what the import said.
fn imported(folder: &Path, format: Option<Format>) -> Result<(Gguf, Report), ImportError> {
    let out = tempfile::tempdir().unwrap();
    let path = out.path().join("model.gguf");
    let (mut last, mut total) = (0, 0);
    let options = Options { name: Some("A Model".into()), format };
    let report = import(folder, &path, &options, &mut |done, of| {
        assert!(done > last && done <= of);
        (last, total) = (done, of);
    });
    let left: Vec<_> = out.path().read_dir().unwrap().map(|entry| entry.unwrap().path()).collect();
    match report {
        Ok(report) => {
            assert_eq!((left, last), (vec![path.clone()], total));
            Ok((Gguf::open(&path).unwrap(), report))
        }
        Err(error) => {
            assert!(left.is_empty(), "a failed import leaves nothing: {left:?}");
            Err(error)
        }
    }
}

#[test]
fn logits_are_those_of_transformers() {
    for (name, own) in CHECKPOINTS {
        let formats = if own.is_some() { vec![own, Some(Format::F32)] } else { vec![None] };
        for format in formats {
            let (file, report) = imported(&committed(name), format).unwrap();
            assert!(report.lossless && report.notes.is_empty(), "{name}: {report:?}");
            let expected = Gguf::open(&committed(name).join("reference.gguf")).unwrap();
            let expected = Expected::of(expected.metadata());
            let model = Model::from_gguf(&file).unwrap();
            let found = logits(&model, &Reference, KvFormat::F16, &expected.tokens, &expected.rows, 1000);
            for (row, (found, expected)) in found.iter().zip(&expected.logits).enumerate() {
                let distance = distance(found, expected);
                assert!(distance <= EXACT, "{name} {format:?}, row {row}: {distance}");
            }
        }
    }
}

#[test]
fn an_import_is_described() {
    let (file, report) = imported(&committed("qwen2"), Some(Format::Q4_K)).unwrap();
    assert_eq!((report.architecture, report.format, report.lossless), ("qwen2", Format::Q4_K, false));
    assert_eq!(report.notes.len(), 2, "a width of 32 is no block of Q4_K: {:?}", report.notes);
    let model = Model::from_gguf(&file).unwrap();
    assert_eq!((model.info.name.as_deref(), model.info.quantisation.as_str()), (Some("A Model"), "Q4_K_M"));
    assert_eq!(model.info.parameters, report.parameters);
}

#[test]
fn a_file_that_is_there_stays_when_an_import_fails() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("model.gguf");
    std::fs::write(&out, b"mine").unwrap();
    let broken = checkpoint::Checkpoint::committed("gpt-2");
    let broken = broken.with_floats("model.norm.weight", "BF16", &[f32::NAN; 32]).written();
    let failed = import(broken.path(), &out, &Options::default(), &mut |_, _| ());
    assert!(matches!(failed, Err(ImportError::NotFinite(_))), "{failed:?}");
    assert_eq!(std::fs::read(&out).unwrap(), b"mine");
    assert_eq!(folder.path().read_dir().unwrap().count(), 1);
}
