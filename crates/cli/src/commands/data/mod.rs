//! `hone data`: training sets, from rows anywhere to `train.jsonl` and `valid.jsonl`.

mod build;
mod fetch;
mod from_index;
mod own_code;
mod stats;
mod view;

pub(crate) use own_code::OwnCode;

use crate::config::App;
use crate::flags::{Data, DataCommand};
use crate::output::{self, harmless};
use anyhow::Context;
use hub::ids::ModelName;
use learn::dataset::{Chosen, Example, Manifest, PART_NAMES, Report, Set, folder as sets_folder, read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

pub(crate) fn run(app: &App, flags: &Data) -> anyhow::Result<ExitCode> {
    match &flags.command {
        DataCommand::Fetch(flags) => fetch::run(app, flags)?,
        DataCommand::Build(flags) => build::run(app, flags)?,
        DataCommand::Stats(flags) => stats::run(app, flags)?,
        DataCommand::View(flags) => view::run(app, flags)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// The folder of the set `name`, and that name; a folder that was asked for goes before.
pub(super) fn place(app: &App, name: &str, out: Option<&Path>) -> anyhow::Result<(String, PathBuf)> {
    let name: ModelName = name.parse()?;
    let folder = out.map_or_else(|| sets_folder(&app.home).join(name.as_str()), Path::to_path_buf);
    Ok((name.to_string(), folder))
}

/// A part of what was named: the name of the part, its examples, and what became of its rows.
struct Part {
    name: String,
    examples: Vec<Example>,
    report: Report,
}

/// The parts that are there. A file is a part by itself.
fn parts(chosen: &Chosen) -> anyhow::Result<Vec<Part>> {
    match chosen {
        Chosen::File(path) => {
            let (examples, report) = read(path)?;
            Ok(vec![Part { name: path.display().to_string(), examples, report }])
        }
        Chosen::Set(set) => {
            let there = PART_NAMES.into_iter().filter(|part| set.manifest.part(part).is_some());
            there.map(|name| part(set, name)).collect()
        }
    }
}

fn part(set: &Set, name: &str) -> anyhow::Result<Part> {
    let examples = set.read(name)?;
    let rows = examples.len() as u64;
    let report = Report { rows, kept: rows, ..Report::default() };
    Ok(Part { name: name.to_owned(), examples, report })
}

/// Says what was made.
fn announce(app: &App, set: &Set, json: bool) -> anyhow::Result<()> {
    let Manifest { name, report, .. } = &set.manifest;
    warn_of_bad(report);
    if json {
        return Ok(());
    }
    let rows = |part: &str| set.manifest.part(part).map_or(0, |part| part.rows);
    let test = if rows("test") > 0 { format!(", {} to test", rows("test")) } else { String::new() };
    let (train, valid) = (rows("train"), rows("valid"));
    let text =
        format!("{name} is ready: {train} examples to train on, {valid} to validate{test} ({report}).\n");
    let folder = set.folder.display();
    let kept = set.folder == sets_folder(&app.home).join(name);
    let named = if kept { name.clone() } else { folder.to_string() };
    output::print(&format!("{text}It is in {folder}. Look at it with: hone data view {named}\n"))
        .context("cannot print")
}

/// Bad rows are never dropped in silence.
pub(crate) fn warn_of_bad(report: &Report) {
    if report.bad > 0 {
        let first: Vec<String> = report.first_bad.iter().map(|bad| format!("  {bad}")).collect();
        eprintln!("{} bad rows were left out; the first are\n{}", report.bad, harmless(&first.join("\n")));
    }
}
