//! `hone index`: folders with code, and what hone knows of them.

use crate::config::App;
use crate::flags::{Index, IndexAdd, IndexCommand, IndexRm, IndexStatus};
use crate::output::{print, print_json, table};
use crate::progress::Stages;
use crate::{interrupt, knowing};
use anyhow::bail;
use knowledge::Knowledge;
use knowledge::index::{Options, Progress, Report};
use serde_json::json;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

pub(crate) fn run(app: &App, flags: &Index) -> anyhow::Result<ExitCode> {
    match &flags.command {
        IndexCommand::Add(flags) => add(app, flags),
        IndexCommand::Status(flags) => status(app, flags),
        IndexCommand::Rm(flags) => remove(app, flags),
    }
}

fn add(app: &App, flags: &IndexAdd) -> anyhow::Result<ExitCode> {
    let knowledge = knowing::open(app)?;
    let mut options = Options { thorough: flags.thorough, ..Options::default() };
    if let Some(threads) = flags.threads {
        options.threads = threads as usize;
    }
    interrupt::install()?;
    let stop = Arc::new(AtomicBool::new(false));
    let pressed = stop.clone();
    let _guard = interrupt::listen(move || pressed.store(true, Ordering::Relaxed));

    let mut shown = Stages::new(app.quiet);
    let report = knowledge.add(&flags.path, &options, &mut |progress| {
        match progress {
            Progress::Files(done, total) => shown.show("Reading", "files", done, total),
            Progress::Vectors(done, total) => shown.show("Embedding", "passages", done, total),
        }
        !stop.load(Ordering::Relaxed)
    });
    shown.finish();
    let report = report?;
    app.note("folder indexed", json!({ "path": report.path }));
    if flags.json {
        print_json(&report)?;
    } else {
        print(&summary(&report))?;
    }
    if let Some(note) = app.embedding.missing().filter(|_| !app.quiet) {
        eprintln!("{note}");
    }
    tell_left(app, &knowledge)?;
    Ok(if report.stopped { ExitCode::from(130) } else { ExitCode::SUCCESS }) // 128 + SIGINT
}

fn summary(report: &Report) -> String {
    let Report { path, files, changed, removed, passages, embedded, .. } = report;
    let mut text = format!(
        "{path}: {files} files, {changed} new or changed with {passages} passages, {removed} gone, \
         {embedded} passages embedded.\n"
    );
    if !report.skipped.is_empty() {
        let parts: Vec<String> =
            report.skipped.iter().map(|(why, count)| format!("{count} ({why})")).collect();
        text += &format!("Not read: {}.\n", parts.join(", "));
    }
    if report.stopped {
        text += "Stopped. What is done is kept; the same command goes on from here.\n";
    }
    text
}

fn status(app: &App, flags: &IndexStatus) -> anyhow::Result<ExitCode> {
    let knowledge = knowing::open(app)?;
    tell_left(app, &knowledge)?;
    let mut roots = knowledge.roots()?;
    if let Some(path) = &flags.path {
        let Some(root) = knowledge.root_of(path)? else {
            bail!("{} is not indexed: `hone index add {0}` does it", path.display());
        };
        roots = vec![root];
    }
    if flags.json {
        print_json(&roots)?;
        return Ok(ExitCode::SUCCESS);
    }
    if roots.is_empty() {
        eprintln!("Nothing is indexed yet: hone index add PATH");
        return Ok(ExitCode::SUCCESS);
    }
    let mut rows = vec![["FOLDER", "FILES", "PASSAGES", "EMBEDDED", "STATE"].map(String::from).to_vec()];
    rows.extend(roots.into_iter().map(|root| {
        let state = match root.finished {
            _ if !std::path::Path::new(&root.path).is_dir() => "the folder is gone",
            Some(_) => "complete",
            None => "begun",
        };
        let counts = [root.files, root.passages, root.vectors].map(|n| n.to_string());
        [vec![root.path], counts.to_vec(), vec![state.into()]].concat()
    }));
    print(&table(&rows))?;
    Ok(ExitCode::SUCCESS)
}

fn remove(app: &App, flags: &IndexRm) -> anyhow::Result<ExitCode> {
    let said = match &flags.path {
        Some(path) => {
            knowing::open(app)?.remove(path)?;
            app.note("folder no longer indexed", json!({ "path": path }));
            format!("{} is no longer indexed.", path.display())
        }
        None => match knowing::clear_left(app)?.as_slice() {
            [] => "Nothing is left elsewhere.".to_owned(),
            places => format!("The vectors at {} are deleted.", places.join(", ")),
        },
    };
    if !app.quiet {
        eprintln!("{said}");
    }
    Ok(ExitCode::SUCCESS)
}

/// Says where vectors are that nobody uses any more.
fn tell_left(app: &App, knowledge: &Knowledge) -> anyhow::Result<()> {
    for place in knowledge.left_at()?.iter().filter(|_| !app.quiet) {
        eprintln!(
            "Vectors of earlier settings are still at {place}: `hone index rm --elsewhere` deletes them there."
        );
    }
    Ok(())
}
