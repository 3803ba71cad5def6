//! Tokens and vectors of all-MiniLM-L6-v2 against those of sentence-transformers (`prepare.py` made them).
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test ends at the first surprise")]

use engine::embed::{EmbedError, Options, Precision, TextEncoder};
use serde::Deserialize;
use std::path::{Path, PathBuf};

#[derive(Deserialize)]
struct Expected {
    rows: Vec<Row>,
}

#[derive(Deserialize)]
struct Row {
    text: String,
    tokens: Tokens,
    /// Base64 of little-endian f32.
    vector: String,
}

/// All of them, or how many there are.
#[derive(Deserialize)]
#[serde(untagged)]
enum Tokens {
    All(Vec<u32>),
    Count(usize),
}

fn expected() -> Vec<Row> {
    let text = std::fs::read_to_string("tests/embed/expected.json").unwrap();
    serde_json::from_str::<Expected>(&text).unwrap().rows
}

impl Row {
    fn vector(&self) -> Vec<f32> {
        const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let value = |digit: &u8| DIGITS.iter().position(|known| known == digit).unwrap() as u32;
        let bytes: Vec<u8> = (self.vector.as_bytes().chunks_exact(4))
            .flat_map(|four| {
                four.iter().fold(0, |bits, digit| bits << 6 | value(digit)).to_be_bytes()[1..].to_vec()
            })
            .collect();
        bytes.as_chunks().0.iter().map(|four| f32::from_le_bytes(*four)).collect()
    }
}

/// The folder that `HONE_TEST_EMBEDDING` names, or where `./test` has put the model.
fn model() -> Option<PathBuf> {
    let cached = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.cache/models/all-minilm-l6-v2");
    let path = std::env::var_os("HONE_TEST_EMBEDDING").map_or(cached, PathBuf::from);
    if path.join("model.safetensors").is_file() {
        return Some(path);
    }
    println!("skipped: no embedding model at {}; set HONE_TEST_EMBEDDING", path.display());
    None
}

fn open(path: &Path, threads: usize, precision: Precision) -> TextEncoder {
    TextEncoder::open(path, Options { threads: Some(threads), precision }).unwrap()
}

fn dot(a: &[f32], b: &[f32]) -> f64 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
}

#[test]
fn tokens_are_those_of_the_tokenizers_library() {
    let Some(path) = model() else { return };
    let encoder = open(&path, 1, Precision::Fast);
    for row in expected() {
        let mut found = Vec::new();
        encoder.tokenizer().encode(&row.text, encoder.window(), &mut found);
        match row.tokens {
            Tokens::All(tokens) => assert_eq!(found, tokens, "{:?}", row.text),
            Tokens::Count(count) => assert_eq!(found.len(), count, "{:?}", row.text),
        }
    }
}

#[test]
fn vectors_are_those_of_sentence_transformers() {
    let Some(path) = model() else { return };
    let rows = expected();
    let texts: Vec<&str> = rows.iter().map(|row| row.text.as_str()).collect();
    for (precision, least) in [(Precision::Exact, 0.9999), (Precision::Fast, 0.999)] {
        let encoder = open(&path, 2, precision);
        let together = encoder.embed(&texts);
        let mut worst = 1.0f64;
        for (row, vector) in rows.iter().zip(&together) {
            assert!((dot(vector, vector) - 1.0).abs() < 1e-6, "{:?} has no unit length", row.text);
            let cosine = dot(vector, &row.vector());
            let start: String = row.text.chars().take(60).collect();
            assert!(cosine >= least, "{precision:?} {start:?}: {cosine}");
            worst = worst.min(cosine);
        }
        println!("{precision:?}: smallest cosine {worst:.6}");
        for (row, vector) in rows.iter().zip(&together) {
            let alone = encoder.embed(&[&row.text]);
            let cosine = dot(&alone[0], vector);
            assert!(cosine >= least, "{precision:?} {:?} alone and together: {cosine}", row.text);
        }
    }
}

#[test]
fn threads_change_nothing_and_callers_take_turns() {
    let Some(path) = model() else { return };
    let texts = ["one text", "and another one, a little longer", "x"];
    let expected = open(&path, 1, Precision::Fast).embed(&texts);
    let encoder = open(&path, 3, Precision::Fast);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..20).for_each(|_| assert_eq!(encoder.embed(&texts), expected)));
        }
    });
    assert!(encoder.embed(&[]).is_empty());
}

#[test]
fn tokens_are_embedded_as_their_text_is() {
    let Some(path) = model() else { return };
    let encoder = open(&path, 1, Precision::Fast);
    let mut tokens = Vec::new();
    encoder.tokenizer().encode("How do I sort a list?", 256, &mut tokens);
    let inner = &tokens[1..tokens.len() - 1];
    assert_eq!(encoder.embed_tokens(&[inner]).unwrap(), encoder.embed(&["How do I sort a list?"]));
    assert!(matches!(encoder.embed_tokens(&[&[30_522]]), Err(EmbedError::Token { token: 30_522, .. })));
    assert!(matches!(
        encoder.embed_tokens(&[&[5; 255]]),
        Err(EmbedError::Window { count: 257, window: 256 })
    ));
    assert_eq!(encoder.embed_tokens(&[[5; 254].as_slice(); 40]).unwrap().len(), 40);
}

#[test]
fn hostile_texts_are_embedded_in_bounded_time() {
    let Some(path) = model() else { return };
    let encoder = open(&path, 2, Precision::Fast);
    let long = [
        "x".repeat(8 << 20),
        "\u{0}".repeat(8 << 20),
        "[SEP]".repeat(1 << 20),
        "ﷺ".repeat(1 << 20),
        "\u{fdfa} ".repeat(1 << 18),
    ];
    let texts: Vec<&str> =
        long.iter().map(String::as_str).chain(["\u{10ffff}", "\u{202e}evil", "\u{1}"]).collect();
    for vector in encoder.embed(&texts) {
        assert!((dot(&vector, &vector) - 1.0).abs() < 1e-6);
    }
}

/// A damaged model is an error that names what is wrong.
#[test]
fn damaged_models_are_refused() {
    let Some(path) = model() else { return };
    let folder = tempfile::tempdir().unwrap();
    let read = |name: &str| std::fs::read(path.join(name)).unwrap();
    let (config, tokenizer, weights) =
        (read("config.json"), read("tokenizer.json"), read("model.safetensors"));
    let text = String::from_utf8(config.clone()).unwrap();
    let change = |from: &str, to: &str| {
        assert!(text.contains(from), "{from}");
        text.replace(from, to).into_bytes()
    };
    let cases = [
        ("config.json", b"{}".to_vec(), "model_type"),
        ("config.json", change("\"bert\"", "\"gpt2\""), "only bert"),
        ("config.json", change("\"gelu\"", "\"relu\""), "only gelu"),
        ("config.json", change("\"num_attention_heads\": 12", "\"num_attention_heads\": 7"), "whole width"),
        ("config.json", change("\"hidden_size\": 384", "\"hidden_size\": 768"), "has the shape"),
        ("config.json", change("\"num_hidden_layers\": 6", "\"num_hidden_layers\": 7"), "encoder.layer.6"),
        ("config.json", change("\"vocab_size\": 30522", "\"vocab_size\": 30521"), "below 30521"),
        ("tokenizer.json", b"{".to_vec(), "tokenizer.json"),
        ("tokenizer.json", b"{\"model\": {\"type\": \"BPE\"}}".to_vec(), "BERT"),
        ("model.safetensors", weights[..weights.len() / 2].to_vec(), "past the end"),
        ("model.safetensors", b"short".to_vec(), "too short"),
    ];
    for (name, bytes, why) in cases {
        for (file, bytes) in
            [("config.json", &config), ("tokenizer.json", &tokenizer), ("model.safetensors", &weights)]
        {
            std::fs::write(folder.path().join(file), bytes).unwrap();
        }
        std::fs::write(folder.path().join(name), bytes).unwrap();
        let error = TextEncoder::open(folder.path(), Options::default()).unwrap_err().to_string();
        assert!(error.contains(why), "{name}: {error}");
    }
}
