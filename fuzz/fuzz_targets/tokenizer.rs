//! Any vocabulary, and any text: an error, or tokens of that vocabulary, none of them a control token.
#![no_main]

#[path = "../../crates/engine/tests/tokens/any_vocabulary.rs"]
mod any_vocabulary;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let _ = any_vocabulary::check(data);
});
