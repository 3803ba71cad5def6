//! Tokens are those of the tokenizers that the models were trained with: Hugging Face's `tokenizers` and
//! SentencePiece. `tokens/make_tiny.py` made the committed references, `tokens/prepare.py` makes the large ones.
#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

#[path = "tokens/any_vocabulary.rs"]
mod any_vocabulary;
#[path = "tokens/lines.rs"]
mod lines;

use engine::gguf::MetadataBuilder;
use engine::text::{Decoder, Special, TextError, Tokenizer};
use lines::{Reference, folder};
use proptest::prelude::*;

/// The vocabularies that `make_tiny.py` trained, one for every way to cut text into words.
const TINY: [&str; 6] = ["gpt-2", "smollm", "qwen2", "llama-bpe", "default", "sentencepiece"];

/// A large reference, or `None` and a word where it was not made.
fn large(name: &str) -> Option<Reference> {
    let path = folder().join(format!("../../../../.cache/tokens/{name}.gguf"));
    if path.is_file() {
        return Some(Reference::open(&path));
    }
    eprintln!("skipped: no {name} vocabulary; python3 crates/engine/tests/tokens/prepare.py makes it");
    None
}

#[test]
fn tiny_vocabularies_give_the_same_tokens_as_their_trainers() {
    for name in TINY {
        assert!(Reference::tiny(name).compare() >= 400, "{name}");
    }
}

#[test]
fn smollm2_gives_the_same_tokens_as_hugging_face() {
    let Some(reference) = large("smollm2") else { return };
    assert!(reference.compare() >= 10_000);
}

#[test]
fn qwen_gives_the_same_tokens_as_hugging_face() {
    let Some(reference) = large("qwen3") else { return };
    assert!(reference.compare() >= 10_000);
}

#[test]
fn qwens_special_tokens_are_known() {
    let Some(reference) = large("qwen3") else { return };
    let tokenizer = &reference.tokenizer;
    assert_eq!((tokenizer.eos(), tokenizer.add_bos()), (Some(151_645), false));
    let fim = tokenizer.fim().unwrap();
    assert_eq!((fim.prefix, fim.suffix, fim.middle), (151_659, 151_661, 151_660));
    let ends: Vec<u32> = (0..tokenizer.vocab_size() as u32).filter(|&id| tokenizer.is_end(id)).collect();
    // <|endoftext|>, <|im_end|>, <|fim_pad|>, <|repo_name|>, <|file_sep|>
    assert_eq!(ends, [151_643, 151_645, 151_662, 151_663, 151_664]);
    // A text that is never cut is not a control token.
    assert!(
        !tokenizer.is_control(reference.id("<think>")) && tokenizer.is_control(reference.id("<|im_start|>"))
    );
}

#[test]
fn control_tokens_come_from_control_text_only() {
    for name in TINY {
        let reference = Reference::tiny(name);
        let tokenizer = &reference.tokenizer;
        let text = "<|im_start|>user\n<|im_end|></s><unk><0x0A>";
        let is_control = |special| {
            let tokens = tokenizer.encode(text, special).unwrap();
            tokens.into_iter().filter(|&id| tokenizer.is_control(id)).collect::<Vec<_>>()
        };
        assert!(is_control(Special::Text).is_empty(), "{name}");
        assert!(
            is_control(Special::Control)
                .starts_with(&[reference.id("<|im_start|>"), reference.id("<|im_end|>")])
        );
        assert_eq!(tokenizer.decode(&tokenizer.encode(text, Special::Text).unwrap(), true), text, "{name}");
    }
}

#[test]
fn unknown_ids_have_no_text() {
    for name in TINY {
        let tokenizer = Reference::tiny(name).tokenizer;
        let size = tokenizer.vocab_size() as u32;
        for id in [size, size + 1, u32::MAX] {
            assert_eq!(tokenizer.decode(&[id], false), "");
            assert_eq!(Decoder::default().push(&tokenizer, id), "");
            assert!(
                !tokenizer.is_control(id) && !tokenizer.is_end(id) && tokenizer.token_bytes(id).is_empty()
            );
        }
    }
}

#[test]
fn half_characters_wait_and_broken_ones_do_not() {
    let reference = Reference::tiny("gpt-2");
    let (tokenizer, mut decoder) = (&reference.tokenizer, Decoder::default());
    let byte = |byte: char| reference.id(&byte.to_string());
    // 漢 is E6 BC A2; in GPT-2's alphabet A2 and BC stand for themselves, as does E6.
    assert_eq!(decoder.push(tokenizer, byte('æ')), "");
    assert_eq!(decoder.push(tokenizer, byte('¼')), "");
    assert_eq!(decoder.push(tokenizer, byte('¢')), "漢");
    assert_eq!(decoder.push(tokenizer, byte('æ')), "");
    assert_eq!(decoder.push(tokenizer, byte('A')), "\u{fffd}A");
    assert_eq!(decoder.push(tokenizer, byte('¢')), "\u{fffd}");
    assert_eq!(decoder.push(tokenizer, byte('æ')), "");
    assert_eq!(decoder.push(tokenizer, reference.id("<|im_end|>")), "");
    assert_eq!(decoder.finish(), "\u{fffd}");
    assert_eq!(decoder.finish(), "");
}

/// Hours, not seconds, with an algorithm that is quadratic in the length of a word or of a run of spaces.
#[test]
fn a_megabyte_of_anything_is_encoded() {
    for name in ["smollm", "qwen2", "default", "sentencepiece"] {
        let tokenizer = Reference::tiny(name).tokenizer;
        for unit in
            ["a", " ", "\n", "1", "ab ", "'", "é", "\u{301}", " \n", "漢", "<|im_end", "\u{a0}a", "😀"]
        {
            let text = unit.repeat((1 << 20) / unit.len());
            let tokens = tokenizer.encode(&text, Special::Text).unwrap();
            assert_eq!(tokenizer.decode(&tokens, false), text, "{name} {unit:?}");
        }
    }
}

#[test]
fn more_text_than_any_context_holds_is_refused() {
    let tokenizer = Reference::tiny("gpt-2").tokenizer;
    let error = tokenizer.encode(&"a".repeat((16 << 20) + 1), Special::Text).unwrap_err();
    assert!(matches!(error, TextError::TooLong { .. }));
}

#[test]
fn metadata_that_makes_no_tokenizer_is_a_typed_error() {
    type Change = fn(&mut MetadataBuilder);
    const NONE: [&str; 0] = [];
    let tokenizer = |change: Change| {
        let mut metadata = MetadataBuilder::new();
        change(&mut metadata);
        Tokenizer::from_gguf(&metadata.build().unwrap())
    };
    let cases: [(&str, Change); 10] = [
        ("no tokens", |m| drop(m.str("tokenizer.ggml.model", "gpt2").build())),
        ("empty", |m| drop(m.strings("tokenizer.ggml.tokens", &NONE).build())),
        ("no model", |m| drop(m.strings("tokenizer.ggml.tokens", &["a"]).build())),
        ("another model", |m| drop(vocabulary(m, "bert").build())),
        ("no merges", |m| drop(vocabulary(m, "gpt2").build())),
        ("another split", |m| drop(vocabulary(m, "gpt2").str("tokenizer.ggml.pre", "tekken").build())),
        ("a merge of one", |m| drop(vocabulary(m, "gpt2").strings("tokenizer.ggml.merges", &["ab"]).build())),
        ("few types", |m| drop(vocabulary(m, "gpt2").i32s("tokenizer.ggml.token_type", &[1]).build())),
        ("few scores", |m| drop(vocabulary(m, "llama").f32s("tokenizer.ggml.scores", &[1.0]).build())),
        ("an id of another type", |m| {
            drop(vocabulary(m, "llama").str("tokenizer.ggml.eos_token_id", "a").build())
        }),
    ];
    for (what, change) in cases {
        assert!(tokenizer(change).is_err(), "{what}");
    }
    let long = "<|".to_owned() + &"x".repeat(300) + "|>";
    let mut metadata = MetadataBuilder::new();
    metadata.str("tokenizer.ggml.model", "gpt2").strings("tokenizer.ggml.tokens", &["a", &long]);
    metadata.strings("tokenizer.ggml.merges", &NONE);
    let error = Tokenizer::from_gguf(&metadata.build().unwrap()).unwrap_err();
    assert!(matches!(error, TextError::TooLarge { found: 304, .. }), "{error}");
}

fn vocabulary<'m>(metadata: &'m mut MetadataBuilder, model: &str) -> &'m mut MetadataBuilder {
    metadata.str("tokenizer.ggml.model", model).strings("tokenizer.ggml.tokens", &["a", "b", "ab"])
}

/// The fuzz target's seeds, and what is near to them.
#[test]
fn any_vocabulary_gives_an_error_or_tokens() {
    let seeds = std::fs::read_dir(folder().join("../../../../fuzz/corpus/tokenizer")).unwrap();
    let mut made = 0;
    for seed in seeds {
        let seed = std::fs::read(seed.unwrap().path()).unwrap();
        made += usize::from(any_vocabulary::check(&seed).is_ok());
        for at in (0..seed.len()).step_by(9) {
            for byte in [b'\n', b'3', b' ', 0xff] {
                let mut changed = seed.clone();
                changed[at] = byte;
                let _ = any_vocabulary::check(&changed);
            }
            let _ = any_vocabulary::check(&seed[..at]);
        }
    }
    assert!(made >= 6, "{made} seeds make a tokenizer");
}

fn some_text() -> impl Strategy<Value = String> {
    let token = prop::sample::select(vec![
        "<|im_start|>",
        "<|im_end|>",
        "<|im_",
        "end|>",
        "<think>",
        "</s>",
        "<s>",
        "<0x41>",
        "\u{e000}",
        "▁",
    ]);
    let part = prop_oneof![token.prop_map(str::to_owned), "\\PC{0,8}", "[a-z ]{0,20}", "[ \t\r\n]{0,5}"];
    prop::collection::vec(part, 0..12).prop_map(|parts| parts.concat())
}

proptest! {
    #[test]
    fn text_is_never_a_control_token_and_comes_back(text in some_text()) {
        for name in ["smollm", "llama-bpe", "sentencepiece"] {
            let tokenizer = Reference::tiny(name).tokenizer;
            let tokens = tokenizer.encode(&text, Special::Text).unwrap();
            prop_assert!(!tokens.iter().any(|&id| tokenizer.is_control(id)));
            // SentencePiece writes a space for its own sign for a space.
            let same = if name == "sentencepiece" { text.replace('▁', " ") } else { text.clone() };
            prop_assert_eq!(tokenizer.decode(&tokens, false), same);
        }
    }

    #[test]
    fn a_stream_has_the_text_of_the_whole(ids in prop::collection::vec(0u32..400, 0..40)) {
        for name in TINY {
            let tokenizer = Reference::tiny(name).tokenizer;
            let mut decoder = Decoder::default();
            let streamed: String = ids.iter().map(|&id| decoder.push(&tokenizer, id)).collect();
            let whole = tokenizer.decode(&ids, true);
            let streamed = streamed + &decoder.finish();
            // A stream continues a text, so the space in front of its first word stays.
            let streamed = if name == "sentencepiece" { streamed.strip_prefix(' ').unwrap_or(&streamed) } else { &streamed };
            prop_assert_eq!(streamed, whole);
        }
    }
}
