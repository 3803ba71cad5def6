//! Damaged and hostile files: every one is refused with a typed error, in bounded memory.
//!
//! One test, so that nothing else allocates meanwhile. With `HONE_SEEDS=DIR` it also writes one file of each
//! kind there, as seeds for the fuzzer.

mod files;
#[path = "../fixtures/mod.rs"]
mod fixtures;
mod hyper;
mod raw;
#[path = "../fixtures/round_trip.rs"]
mod round_trip;

use engine::gguf::Gguf;
use engine::model::{Model, ModelError};
use kernels::Bytes;
use peak_alloc::PeakAlloc;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// A file and what is wrong with it.
pub(crate) struct Case {
    kind: &'static str,
    /// A name in the error's `Debug` text; empty where several are right.
    expected: &'static str,
    bytes: Vec<u8>,
}

pub(crate) fn case(kind: &'static str, expected: &'static str, bytes: Vec<u8>) -> Case {
    Case { kind, expected, bytes }
}

#[test]
fn malformed_files_are_refused() {
    let sound = raw::Raw::default().bytes();
    assert!(Gguf::read(Bytes::copy(&sound)).is_ok(), "the file that the cases are made of is sound");
    let model = fixtures::tiny("llama");
    assert!(Model::from_gguf(&model).is_ok());

    let mut cases = files::all();
    cases.extend(hyper::all(&model, &fixtures::tiny("llama-llama3")));
    let generated = cases.len();
    assert!(generated >= 500, "{generated}");
    write_seeds(&cases);

    let mut slowest = Duration::ZERO;
    for case in &cases {
        slowest = slowest.max(check(case.kind, case.expected, &Bytes::copy(&case.bytes)));
    }

    let whole = Bytes::copy(&sound);
    for end in 0..sound.len() {
        let cut = whole.slice(0..end).expect("within the file");
        slowest = slowest.max(check("cut off", "", &cut));
    }
    // Of a real model only the header, where each byte means something, and the last tensor.
    let bytes = std::fs::read(fixtures::path("models/llama.gguf")).expect("the fixture is in the repository");
    let (whole, data) = (Bytes::copy(&bytes), bytes.len() - 4096);
    let header = (0..24_000).chain((24_000..data).step_by(997)).chain(data..bytes.len());
    let mut cuts = sound.len();
    for end in header {
        let cut = whole.slice(0..end).expect("within the file");
        slowest = slowest.max(check("cut off", "", &cut));
        cuts += 1;
    }
    println!("{generated} generated files and {cuts} cuts refused; the slowest took {slowest:?}");
}

/// Opens the file as a model; returns how long that took.
fn check(kind: &str, expected: &str, bytes: &Bytes) -> Duration {
    let limit = (4 * bytes.len()).max(1 << 20);
    let before = MEMORY.current_usage();
    MEMORY.reset_peak_usage();
    let began = Instant::now();
    let result = open(bytes);
    let took = began.elapsed();
    let peak = MEMORY.peak_usage() - before;

    let error = match result {
        Ok(_) => panic!("{kind}: a file of {} bytes was accepted", bytes.len()),
        Err(error) => error,
    };
    let shown = format!("{error:?}");
    assert!(shown.contains(expected), "{kind}: expected {expected}, got {shown}");
    assert!(error.to_string().len() < 1000, "{kind}: a message of {} bytes", error.to_string().len());
    assert!(peak <= limit, "{kind}: {peak} bytes were allocated for a file of {} ({shown})", bytes.len());
    took
}

fn open(bytes: &Bytes) -> Result<Model, ModelError> {
    Model::from_gguf(&Gguf::read(bytes.clone())?)
}

/// One small file of each kind.
fn write_seeds(cases: &[Case]) {
    let Some(folder) = std::env::var_os("HONE_SEEDS").map(std::path::PathBuf::from) else { return };
    let small = cases.iter().filter(|case| case.bytes.len() <= 4096);
    let kinds: BTreeMap<&str, &Case> = small.map(|case| (case.kind, case)).collect();
    for (kind, case) in kinds {
        std::fs::write(folder.join(kind.replace(' ', "-")), &case.bytes).expect("the seed folder exists");
    }
    std::fs::write(folder.join("sound"), round_trip::small_file()).expect("the seed folder exists");
}
