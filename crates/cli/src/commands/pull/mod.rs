//! `hone pull`: fetches or imports a model; without a name it lists what there is.

pub(crate) mod checkpoint;

use crate::config::App;
use crate::flags::Pull;
use crate::output::{self, Usage, bytes};
use crate::progress::Progress;
use hub::PullOptions;
use hub::catalog::{self, Kind};
use serde_json::json;
use std::process::ExitCode;

pub(crate) fn run(app: &App, flags: &Pull) -> anyhow::Result<ExitCode> {
    match &flags.source {
        Some(source) => pull(app, source, flags)?,
        None => list(flags.json)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn pull(app: &App, source: &str, flags: &Pull) -> anyhow::Result<()> {
    let library = app.library()?;
    let (options, progress) = (PullOptions::from_env(), Progress::new(app.quiet));
    let (model, notes) = if hub::resolve::resolve(source)?.is_checkpoint() {
        checkpoint::pull(&library, source, flags.format, &options, &progress)?
    } else if flags.format.is_some() {
        return Err(Usage("--format is for checkpoints; a .gguf file stays as it is".into()).into());
    } else {
        (hub::pull(&library, source, &options, &progress)?, Vec::new())
    };
    app.note("model pulled", json!({ "model": model.name, "from": model.source }));
    // The first model is the one that is used.
    if app.config.model.is_none() && model.kind == Kind::Chat {
        app.choose(Some(&model.name))?;
    }
    if flags.json {
        let mut value = serde_json::to_value(&model)?;
        if !notes.is_empty() {
            value["notes"] = notes.into();
        }
        return output::print_json(&value);
    }
    let next = if model.kind == Kind::Embedding {
        "hone intent \"Why does this test fail?\"".into()
    } else if app.config.model.is_none() {
        "hone chat".into()
    } else {
        format!("hone chat --model {}", model.name)
    };
    output::print(&format!("{} is ready ({}). Try: {next}\n", model.name, bytes(model.bytes)))?;
    Ok(())
}

/// The catalogue, with what this machine's memory can hold.
fn list(json: bool) -> anyhow::Result<()> {
    let memory = total_memory();
    if json {
        let entries: Vec<_> = catalog::entries().iter().map(|e| as_json(e, memory)).collect();
        return output::print_json(&entries);
    }
    let mut rows =
        vec![["NAME", "SIZE", "MEMORY", "FITS", "LICENCE", "WHAT IT IS"].map(String::from).to_vec()];
    for e in catalog::entries() {
        let fits = if e.fits(memory) { "yes" } else { "no" };
        rows.push(vec![
            e.name.to_string(),
            bytes(e.bytes),
            bytes(e.memory_bytes),
            fits.into(),
            e.license.to_string(),
            e.summary.to_string(),
        ]);
    }
    let hint = "\nFetch one with: hone pull NAME (also hf:OWNER/REPO, hf:OWNER/REPO/FILE.gguf, or a path)\n";
    Ok(output::print(&(output::table(&rows) + hint))?)
}

fn as_json(entry: &catalog::Entry, memory: u64) -> serde_json::Value {
    json!({
        "name": entry.name.to_string(),
        "kind": entry.kind,
        "summary": entry.summary,
        "license": entry.license,
        "parameters": entry.parameters,
        "bytes": entry.bytes,
        "memory_bytes": entry.memory_bytes,
        "fits": entry.fits(memory),
    })
}

pub(crate) fn total_memory() -> u64 {
    let memory_only = sysinfo::RefreshKind::nothing().with_memory(sysinfo::MemoryRefreshKind::everything());
    // Where the system does not say how much it has, nothing fits.
    sysinfo::System::new_with_specifics(memory_only).map_or(0, |system| system.total_memory())
}
