//! Pulls one model into a folder: `cargo run --release --example pull -- FOLDER MODEL`.
//!
//! Reads the same environment as `hone pull`, and `PULL_BLOCK` for the bytes of a block.

use std::path::Path;
use std::process::ExitCode;

use hub::{Library, NoProgress, PullOptions};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, model] = arguments.as_slice() else {
        eprintln!("usage: pull FOLDER MODEL");
        return ExitCode::from(2);
    };
    let mut options = PullOptions::from_env();
    if let Some(block) = std::env::var("PULL_BLOCK").ok().and_then(|text| text.parse().ok()) {
        options.patience.block = block;
    }
    let outcome = Library::open(Path::new(folder))
        .and_then(|library| hub::pull(&library, model, &options, &NoProgress));
    match outcome {
        Ok(model) => {
            eprintln!("{} {}", model.sha256, model.path.display());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
