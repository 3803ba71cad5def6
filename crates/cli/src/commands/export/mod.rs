//! `hone export`: conversations to a training set, with a reason for every answer.

mod losses;

use super::data::place;
use crate::config::App;
use crate::flags::Export as Flags;
use crate::output::{self, Usage, harmless, table};
use anyhow::{Context, bail, ensure};
use learn::dataset::{PartFile, Set};
use learn::export::{Counts, Export, Line, Options, collect};
use serde::Serialize;
use std::process::ExitCode;
use std::sync::Arc;
use store::Time;

#[derive(Serialize)]
struct Report {
    /// The folder of the set; none where nothing was written.
    folder: Option<String>,
    parts: Vec<PartFile>,
    #[serde(flatten)]
    counts: Counts,
    examples: Vec<Line>,
}

pub(crate) fn run(app: &App, flags: &Flags) -> anyhow::Result<ExitCode> {
    let export = collect(&app.store()?, &options(app, flags)?)?;
    let (name, folder) =
        place(app, flags.place.name.as_deref().unwrap_or("mine"), flags.place.out.as_deref())?;
    let written = match flags.dry_run {
        true => None,
        false => Some(export.write(&folder, &name)),
    };
    // The report comes before the error: it says why there is nothing to write.
    let (set, failed) = match written {
        Some(Err(error)) => (None, Some(error)),
        Some(Ok(set)) => (Some(set), None),
        None => (None, None),
    };
    match flags.json {
        true => output::print_json(&report(&export, set.as_ref()))?,
        false => output::print(&as_text(&export, set.as_ref(), flags.all))?,
    }
    failed.map_or(Ok(ExitCode::SUCCESS), |error| Err(error.into()))
}

fn options(app: &App, flags: &Flags) -> anyhow::Result<Options> {
    ensure!(
        flags.min_weight.is_finite() && flags.min_weight >= 0.0,
        Usage("--min-weight is a number from 0 on".into())
    );
    let project = flags.project.as_ref().map(|folder| {
        let found = folder.canonicalize().with_context(|| format!("cannot find {}", folder.display()))?;
        anyhow::Ok(found.to_string_lossy().into_owned())
    });
    Ok(Options {
        since: flags.since.as_deref().map(since).transpose()?,
        project: project.transpose()?,
        min_weight: flags.min_weight,
        most: (flags.most, Options::default().most.1),
        parses: Some(Arc::new(knowledge::chunk::parses)),
        losses: flags.score.then(|| losses::judge(app, flags.model.as_deref())).transpose()?,
        ..Options::default()
    })
}

/// `2026-11-27`, or a time of RFC 3339.
fn since(text: &str) -> anyhow::Result<Time> {
    match Time::parse(text).or_else(|| Time::parse(&format!("{text}T00:00:00Z"))) {
        Some(time) => Ok(time),
        None => bail!(Usage(format!("`{text}`: a date is written as 2026-11-27"))),
    }
}

fn report(export: &Export, set: Option<&Set>) -> Report {
    Report {
        folder: set.map(|set| set.folder.display().to_string()),
        parts: set.map(|set| set.manifest.parts.clone()).unwrap_or_default(),
        counts: export.counts(),
        examples: export.lines(),
    }
}

fn as_text(export: &Export, set: Option<&Set>, all: bool) -> String {
    let Counts { looked_at, kept, signals, dropped } = export.counts();
    let mut text = format!("{looked_at} answers, {kept} to learn from\n");
    let count = |mark: &str, (reason, count): (&&str, &usize), why: String| {
        vec![format!("  {mark}"), count.to_string(), (*reason).to_owned(), why]
    };
    let lines = export.lines();
    let why =
        |reason: &str| lines.iter().find(|l| l.reason == reason).map(|l| l.why.clone()).unwrap_or_default();
    let rows: Vec<Vec<String>> = signals
        .iter()
        .map(|row| count("kept", row, why(row.0)))
        .chain(dropped.iter().map(|row| count("dropped", row, why(row.0))))
        .collect();
    text += &table(&rows);
    if all {
        let row = |line: &Line| {
            let question: String =
                line.question.lines().next().unwrap_or_default().chars().take(48).collect();
            let id: String = line.chat.chars().rev().take(8).collect::<Vec<_>>().into_iter().rev().collect();
            let fate = if line.kept { format!("kept {:.2}", line.weight) } else { "dropped".to_owned() };
            vec![id, fate, line.reason.to_owned(), harmless(&question), line.why.clone()]
        };
        text.push('\n');
        text += &table(&lines.iter().map(row).collect::<Vec<_>>());
    }
    if let Some(set) = set {
        let rows = |part: &str| set.manifest.part(part).map_or(0, |part| part.rows);
        let (train, valid, name) = (rows("train"), rows("valid"), &set.manifest.name);
        text += &format!("{train} to train on and {valid} to validate are in {}\n", set.folder.display());
        text += &format!("Look at them with: hone data view {name}\n");
    }
    text
}
