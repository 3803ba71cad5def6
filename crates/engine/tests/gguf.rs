//! Reading and writing GGUF files. Damaged ones are in `gguf_malformed`.
#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

mod fixtures;
#[path = "fixtures/round_trip.rs"]
mod round_trip;

use engine::gguf::{Gguf, GgufError, Kind, MetadataBuilder, Strings, TensorData, Value, write};
use fixtures::{TINY, path, tiny};
use kernels::{Bytes, Format};
use proptest::prelude::*;

#[test]
fn what_the_gguf_package_wrote_is_read() {
    let file = tiny("llama-legacy-quants");
    let metadata = file.metadata();
    assert_eq!(metadata.require::<&str>("general.architecture").unwrap(), "llama");
    assert_eq!(metadata.require::<u32>("llama.embedding_length").unwrap(), 64);
    assert_eq!(metadata.require::<f32>("llama.rope.freq_base").unwrap(), 5000.0);
    assert!(!metadata.require::<bool>("tokenizer.ggml.add_bos_token").unwrap());
    let tokens: Strings<'_> = metadata.require("tokenizer.ggml.tokens").unwrap();
    assert_eq!(tokens.len(), 302);
    assert_eq!(tokens.take(3).collect::<Vec<_>>(), ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]);
    let types: Vec<i32> = metadata.require("tokenizer.ggml.token_type").unwrap();
    assert_eq!(types[..8], [3, 3, 3, 3, 3, 3, 1, 1]);

    let tensor = file.tensor("blk.1.ffn_down.weight").unwrap();
    assert_eq!((tensor.dims(), tensor.format()), (&[64, 64][..], Format::Bf16));
    assert_eq!(file.data(tensor).len(), 64 * 64 * 2);
    assert!(file.tensor("blk.2.ffn_down.weight").is_none());
}

#[test]
fn what_is_written_equals_what_the_gguf_package_wrote() {
    for name in TINY {
        let theirs = std::fs::read(path(&format!("models/{name}.gguf"))).unwrap();
        assert!(round_trip::check(&theirs), "{name}");
        assert!(round_trip::rewrite(&tiny(name)) == theirs, "{name}");
    }
}

#[test]
fn version_2_is_read_like_version_3() {
    let mut bytes = std::fs::read(path("models/qwen2.gguf")).unwrap();
    bytes[4..8].copy_from_slice(&2u32.to_le_bytes());
    let file = Gguf::read(Bytes::copy(&bytes)).unwrap();
    assert_eq!(file.metadata(), tiny("qwen2").metadata());
    assert_eq!(file.tensors(), tiny("qwen2").tensors());
}

#[test]
fn built_metadata_says_what_was_put_in() {
    let mut builder = MetadataBuilder::new();
    builder.str("text", "grüße").u32("count", 7).f32("share", 0.5).bool("yes", true);
    builder.strings("words", &["", "a", "\u{1F600}"]).i32s("numbers", &[-1, i32::MAX]).f32s("floats", &[1.5]);
    let metadata = builder.build().unwrap();
    assert_eq!(metadata.require::<&str>("text").unwrap(), "grüße");
    assert_eq!(metadata.require::<u64>("count").unwrap(), 7);
    assert_eq!(metadata.get("share"), Some(Value::Float(0.5)));
    assert!(metadata.require::<bool>("yes").unwrap());
    let words: Strings<'_> = metadata.require("words").unwrap();
    assert_eq!(words.collect::<Vec<_>>(), ["", "a", "\u{1F600}"]);
    assert_eq!(metadata.require::<Vec<i32>>("numbers").unwrap(), [-1, i32::MAX]);
    assert_eq!(metadata.require::<Vec<f32>>("floats").unwrap(), [1.5]);
    let keys: Vec<&str> = metadata.iter().map(|(key, _)| key).collect();
    assert_eq!(keys, ["text", "count", "share", "yes", "words", "numbers", "floats"]);
    assert_eq!(metadata.find::<u32>("absent").unwrap(), None);
}

#[test]
fn a_value_of_another_type_is_an_error_that_names_both() {
    let metadata = MetadataBuilder::new().str("a", "b").i32s("n", &[-1]).u32("u", 7).build().unwrap();
    let type_of = |result: Result<(), GgufError>| match result {
        Err(GgufError::Type { found, .. }) => found,
        other => panic!("{other:?}"),
    };
    assert_eq!(type_of(metadata.require::<u32>("a").map(drop)), Kind::String);
    assert_eq!(type_of(metadata.require::<&str>("u").map(drop)), Kind::U32);
    assert_eq!(type_of(metadata.require::<Vec<u32>>("n").map(drop)), Kind::Array);
    assert_eq!(type_of(metadata.require::<Strings<'_>>("n").map(drop)), Kind::Array);
    let message = metadata.require::<u32>("a").unwrap_err().to_string();
    assert_eq!(message, "metadata `a` is String, expected an integer of 32 bits, 0 or more");
    assert!(matches!(metadata.require::<u32>("z"), Err(GgufError::MissingKey(key)) if key == "z"));
}

#[test]
fn a_tensor_whose_bytes_are_not_its_shape_is_not_written() {
    for (dims, format, len) in [
        (&[32][..], Format::F32, 127),
        (&[32, 2], Format::F32, 128),
        (&[31], Format::Q8_0, 34),
        (&[], Format::F32, 0),
        (&[0], Format::F32, 0),
        (&[1, 1, 1, 1, 1], Format::F32, 4),
    ] {
        let data = vec![0; len];
        let tensor = TensorData { name: "a", dims, format, data: &data };
        let result = write(&mut Vec::new(), &MetadataBuilder::new(), &[tensor]);
        assert_eq!(result.unwrap_err().kind(), std::io::ErrorKind::InvalidInput, "{dims:?}");
    }
}

#[test]
fn what_is_not_a_file_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    assert!(matches!(Gguf::open(folder.path()), Err(GgufError::NotGguf(_))));
    assert!(matches!(Gguf::open(&folder.path().join("absent.gguf")), Err(GgufError::Io(_))));
    // A sparse file of a terabyte: its header is looked at, not its length.
    let large = folder.path().join("large.gguf");
    if std::fs::File::create(&large).unwrap().set_len(1 << 40).is_ok() {
        assert!(matches!(Gguf::open(&large), Err(GgufError::NotGguf(_) | GgufError::Io(_))));
    }
}

#[cfg(unix)]
#[test]
fn a_device_is_not_opened() {
    assert!(matches!(Gguf::open("/dev/zero".as_ref()), Err(GgufError::NotGguf(_))));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(50_000))]

    #[test]
    fn any_change_of_a_small_file_is_an_error_or_a_file(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in prop::option::weighted(0.1, any::<prop::sample::Index>()),
    ) {
        let mut bytes = round_trip::small_file();
        for (at, value) in changes {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        bytes.truncate(cut.map_or(bytes.len(), |at| at.index(bytes.len())));
        round_trip::check(&bytes);
    }

    #[test]
    fn any_number_in_a_small_file_may_be_extreme(
        at in any::<prop::sample::Index>(),
        value in prop::sample::select(vec![0, 1, 5, 13, 1 << 31, (1 << 32) - 1, 1 << 61, 1 << 63, u64::MAX - 31, u64::MAX]),
        width in prop::sample::select(vec![4, 8]),
    ) {
        let mut bytes = round_trip::small_file();
        let at = at.index(bytes.len() - width);
        bytes[at..at + width].copy_from_slice(&value.to_le_bytes()[..width]);
        round_trip::check(&bytes);
    }
}
