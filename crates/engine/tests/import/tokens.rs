//! The imported tokenizer gives the tokens of Hugging Face's `tokenizers`.

use super::checkpoint::{Checkpoint, bytes};
use super::lines::{Reference, folder};
use super::{committed, imported};
use engine::gguf::Gguf;
use engine::import::{Format, ImportError};
use engine::text::Tokenizer;
use engine::{Model, text::Message};
use serde_json::{Value, json};

fn tokenizer(file: &Gguf) -> Tokenizer {
    Tokenizer::from_gguf(file.metadata()).unwrap()
}

#[test]
fn two_thousand_lines_have_the_same_tokens() {
    let mut lines = 0;
    for name in ["gpt-2", "smollm", "qwen2", "llama-bpe", "sentencepiece"] {
        let (file, _) = imported(&committed(name), Some(Format::F32)).unwrap();
        lines += Reference::tiny(name).compare_with(&tokenizer(&file));
    }
    assert!(lines >= 1990, "{lines}");
}

/// Qwen's own tokenizer, with the tokens that `tokens/prepare.py` asked `tokenizers` for.
#[test]
fn qwens_own_tokenizer_gives_the_same_tokens() {
    let cache = folder().join("../../../../.cache/tokens");
    let (json, reference) = (cache.join("qwen3/tokenizer.json"), cache.join("qwen3.gguf"));
    if !json.is_file() || !reference.is_file() {
        eprintln!("skipped: no qwen3 vocabulary; python3 crates/engine/tests/tokens/prepare.py makes it");
        return;
    }
    let mut made = Checkpoint::committed("qwen2");
    let (rows, cols) = (151_936, 32);
    made.config["vocab_size"] = json!(rows);
    made.tokenizer = serde_json::from_slice(&std::fs::read(&json).unwrap()).unwrap();
    let zeros = bytes("F16", &vec![0.0; rows * cols]);
    let made = made.with("model.embed_tokens.weight", "F16", &[rows, cols], zeros);
    let (file, report) = imported(made.written().path(), Some(Format::Q8_0)).unwrap();
    assert!(report.notes.is_empty(), "{:?}", report.notes);
    assert!(Reference::open(&reference).compare_with(&tokenizer(&file)) >= 10_000);
}

#[test]
fn tokens_with_a_role_are_those_of_the_configuration() {
    for (name, bos, eos, add_bos) in [
        ("llama-bpe", "<|begin_of_text|>", "<|eot_id|>", true),
        ("sentencepiece", "<s>", "</s>", true),
        ("smollm", "<|im_start|>", "<|im_end|>", false),
        ("mlx", "<|im_start|>", "<|im_end|>", false),
    ] {
        let format = (name != "mlx").then_some(Format::F32);
        let tokenizer = tokenizer(&imported(&committed(name), format).unwrap().0);
        let text = |id: Option<u32>| String::from_utf8_lossy(tokenizer.token_bytes(id.unwrap())).into_owned();
        assert_eq!((text(tokenizer.bos()), text(tokenizer.eos())), (bos.into(), eos.into()), "{name}");
        assert_eq!(tokenizer.add_bos(), add_bos, "{name}");
    }
}

#[test]
fn answers_end_where_the_generation_configuration_says() {
    let mut made = Checkpoint::committed("gpt-2");
    made.files.insert("generation_config.json".into(), br#"{"eos_token_id": [5, 100, 101, 102]}"#.to_vec());
    made.files.insert(
        "tokenizer_config.json".into(),
        br#"{"eos_token": "<|im_end|>", "bos_token": null}"#.to_vec(),
    );
    made.config["bos_token_id"] = json!(0);
    let tokenizer = tokenizer(&imported(made.written().path(), Some(Format::F32)).unwrap().0);
    assert_eq!((tokenizer.bos(), tokenizer.add_bos()), (Some(0), false));
    assert!([5, 100].iter().all(|&id| tokenizer.is_end(id)) && !tokenizer.is_end(103));
}

#[test]
fn the_chat_template_is_found_in_each_of_its_places() {
    let message = Message { role: "user".into(), content: "Hi".into() };
    for name in ["llama-bpe", "smollm", "qwen2"] {
        let (file, _) = imported(&committed(name), Some(Format::F32)).unwrap();
        let model = Model::from_gguf(&file).unwrap();
        let prompt = model.chat_prompt(std::slice::from_ref(&message)).unwrap();
        assert_eq!(model.tokenizer.decode(&prompt, true), "user: Hi\n", "{name}");
    }
    let mut made = Checkpoint::committed("gpt-2");
    made.files
        .insert("chat_template.json".into(), br#"{"chat_template": "{{ messages[0].content }}!"}"#.to_vec());
    let model = Model::from_gguf(&imported(made.written().path(), Some(Format::F32)).unwrap().0).unwrap();
    let prompt = model.chat_prompt(&[message]).unwrap();
    assert_eq!(model.tokenizer.decode(&prompt, true), "Hi!");
    made.files.insert("chat_template.json".into(), br#"{"chat_template": "{% if"}"#.to_vec());
    assert!(matches!(imported(made.written().path(), None), Err(ImportError::Text(_))));
}

#[test]
fn rows_without_a_token_are_filled_up() {
    let mut made = Checkpoint::committed("gpt-2");
    let (_, shape, data) = made.tensors["model.embed_tokens.weight"].clone();
    made.config["vocab_size"] = json!(shape[0] + 9);
    let data = [data, vec![0; 9 * shape[1] * 2]].concat();
    let made = made.with("model.embed_tokens.weight", "BF16", &[shape[0] + 9, shape[1]], data);
    let tokenizer = tokenizer(&imported(made.written().path(), Some(Format::F32)).unwrap().0);
    assert_eq!(tokenizer.vocab_size(), shape[0] + 9);
    assert!(Reference::tiny("gpt-2").compare_with(&tokenizer) >= 400);
}

#[test]
fn a_tokenizer_that_would_give_other_tokens_is_refused() {
    type Change = fn(&mut Value);
    let cases: [(&str, &str, Change); 16] = [
        ("gpt-2", "an id twice", |t| t["model"]["vocab"]["more"] = json!(300)),
        ("gpt-2", "another model", |t| t["model"]["type"] = json!("Unigram")),
        ("gpt-2", "another cut", |t| t["pre_tokenizer"] = json!({"type": "Whitespace"})),
        ("gpt-2", "no cut", |t| t["pre_tokenizer"] = Value::Null),
        ("gpt-2", "a space in front", |t| t["pre_tokenizer"]["add_prefix_space"] = json!(true)),
        ("gpt-2", "whole words", |t| t["model"]["ignore_merges"] = json!(true)),
        ("gpt-2", "dropout", |t| t["model"]["dropout"] = json!(0.1)),
        ("gpt-2", "marks", |t| t["model"]["end_of_word_suffix"] = json!("</w>")),
        ("gpt-2", "lower case", |t| t["normalizer"] = json!({"type": "Lowercase"})),
        ("qwen2", "no composition", |t| t["normalizer"] = Value::Null),
        ("qwen2", "another expression", |t| {
            t["pre_tokenizer"]["pretokenizers"][0]["pattern"]["Regex"] = json!("\\s+");
        }),
        ("smollm", "digits by three", |t| {
            t["pre_tokenizer"]["pretokenizers"][0]["individual_digits"] = json!(false);
        }),
        ("sentencepiece", "no normalizer", |t| t["normalizer"] = Value::Null),
        ("sentencepiece", "a merge less", |t| {
            t["model"]["merges"].as_array_mut().unwrap().remove(3);
        }),
        ("sentencepiece", "merges of one piece apart", |t| {
            let merges = t["model"]["merges"].as_array_mut().unwrap();
            let whole =
                |merge: &Value| format!("{}{}", merge[0].as_str().unwrap(), merge[1].as_str().unwrap());
            let at = merges.windows(2).position(|two| whole(&two[0]) == whole(&two[1])).unwrap();
            let moved = merges.remove(at);
            merges.push(moved);
        }),
        ("sentencepiece", "merges of one", |t| t["model"]["merges"] = json!(["ab"])),
    ];
    for (name, what, change) in cases {
        let mut made = Checkpoint::committed(name);
        change(&mut made.tokenizer);
        let found = imported(made.written().path(), Some(Format::F32)).map(|(_, report)| report);
        assert!(matches!(found, Err(ImportError::Tokenizer(_))), "{name}, {what}: {found:?}");
    }
}
