//! `hone intent`: what hone would do with a message.

use crate::config::App;
use crate::flags;
use crate::output::{self, print};
use agent::intent::Intent;
use anyhow::Context;
use serde::Serialize;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::ExitCode;
use store::Store;

/// Longest line of a file; as much as a request may have.
const LONGEST: u64 = 1 << 20;

#[derive(Serialize)]
struct Line<'a> {
    text: &'a str,
    intent: Intent,
    confidence: f32,
    needs_code: bool,
}

pub(crate) fn run(app: &App, flags: &flags::Intent) -> anyhow::Result<ExitCode> {
    let store = Store::open(&app.home)?;
    let mut classifier = crate::intent::classifier(app, &store)?;
    let knowledge = crate::knowing::open(app)?;
    let judge = |classifier: &agent::intent::Classifier, text: &str| -> anyhow::Result<()> {
        let found = classifier.judge(text)?;
        let needs_code = found.needs_code || knowledge.names(text, None)?;
        let line = Line { text, intent: found.intent, confidence: found.confidence, needs_code };
        if flags.json {
            print(&(serde_json::to_string(&line)? + "\n"))?;
        } else {
            let code = if needs_code { ", with your code" } else { "" };
            let shown =
                if flags.file.is_some() { format!("  {}", output::harmless(text)) } else { String::new() };
            print(&format!("{:6} {:3.0} %{code}{shown}\n", found.intent.name(), found.confidence * 100.0))?;
        }
        Ok(())
    };
    if let Some(path) = &flags.file {
        lines(path, |text| judge(&classifier, text))?;
        return Ok(ExitCode::SUCCESS);
    }
    let text = flags.text.as_deref().unwrap_or_default();
    if let Some(meant) = &flags.correct {
        let judged = classifier.judge(text)?.intent;
        store.intents().correct(text, judged.name(), meant, None)?;
        classifier.correct(&crate::intent::corrections(&store)?)?;
    }
    judge(&classifier, text)?;
    Ok(ExitCode::SUCCESS)
}

/// Hands every line that is not empty to `each`.
fn lines(path: &Path, mut each: impl FnMut(&str) -> anyhow::Result<()>) -> anyhow::Result<()> {
    let failed = || format!("cannot read {}", path.display());
    let mut input: Box<dyn BufRead> = match path.to_str() {
        Some("-") => Box::new(std::io::stdin().lock()),
        _ => Box::new(BufReader::new(File::open(path).with_context(failed)?)),
    };
    for number in 1u64.. {
        let mut line = Vec::new();
        if input.by_ref().take(LONGEST + 1).read_until(b'\n', &mut line).with_context(failed)? == 0 {
            break;
        }
        anyhow::ensure!(line.len() as u64 <= LONGEST, "{}, line {number} is longer than 1 MiB", failed());
        let line = std::str::from_utf8(&line)
            .with_context(|| format!("{}, line {number}", failed()))?
            .trim_end_matches(['\n', '\r']);
        if !line.trim().is_empty() {
            each(line)?;
        }
    }
    Ok(())
}
