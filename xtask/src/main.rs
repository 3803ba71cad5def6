//! Chores of this repository that need more than a shell line.
//!
//! `xtask tidy [--hone PATH]` checks the house rules that the compiler does not.
#![allow(clippy::print_stdout, reason = "a command-line program")]

mod arrows;
mod commands;
mod sources;
mod tree;

use anyhow::{Context, bail};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

fn main() -> anyhow::Result<ExitCode> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["tidy"] => tidy(&built_binary()),
        ["tidy", "--hone", path] => tidy(Path::new(path)),
        _ => bail!("usage: cargo run -p xtask -- tidy [--hone PATH]"),
    }
}

/// Prints one line a finding; succeeds when there is none.
fn tidy(hone: &Path) -> anyhow::Result<ExitCode> {
    let tree = tree::Tree::read(&repository())?;
    let mut help = commands::Help::of_binary(hone)?;
    let mut findings = arrows::check(&tree)?;
    findings.extend(sources::check(&tree));
    findings.extend(commands::check(&tree, &mut help)?);
    findings.sort();
    for finding in &findings {
        println!("{finding}");
    }
    println!("tidy: {} files, {} findings", tree.files.len(), findings.len());
    Ok(if findings.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The root of the workspace: the folder above this crate.
fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask is inside the workspace").to_path_buf()
}

/// `hone` as `cargo build --release` leaves it.
fn built_binary() -> PathBuf {
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| repository().join("target"), PathBuf::from);
    target.join("release/hone")
}

/// Runs a program and returns what it printed.
fn output_of(program: &Path, args: &[&str]) -> anyhow::Result<Option<String>> {
    let output = std::process::Command::new(program).args(args).output().with_context(|| {
        format!("cannot run {}: build it with `cargo build --release`", program.display())
    })?;
    Ok(output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned()))
}
