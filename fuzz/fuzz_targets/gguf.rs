//! Any bytes as a GGUF file: an error, or a file that survives being written and read again.
//!
//! Seeds: `HONE_SEEDS=$PWD/fuzz/corpus/gguf cargo test --release -p engine --test gguf_malformed`.
#![no_main]

#[path = "../../crates/engine/tests/fixtures/round_trip.rs"]
mod round_trip;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    round_trip::check(data);
});
