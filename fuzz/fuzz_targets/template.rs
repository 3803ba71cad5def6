//! Any text as a chat template: an error, or a bounded text.
#![no_main]

#[path = "../../crates/engine/tests/template/any_template.rs"]
mod any_template;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let _ = any_template::check(data);
});
