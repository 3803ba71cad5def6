//! `hone score`: the loss of examples under a model, with an adapter or without.

use crate::config::App;
use crate::flags::Score;
use crate::output::{print, print_json, table};
use crate::progress::Progress;
use crate::{adapters, held_out, loading};
use anyhow::ensure;
use engine::train::Scorer;
use hub::Progress as _;
use learn::score::{Scores, score};
use learn::train::{Recipe, Tokens};
use serde::Serialize;
use std::process::ExitCode;

#[derive(Serialize)]
struct Report<'a> {
    model: &'a str,
    adapter: Option<&'a str>,
    #[serde(flatten)]
    scores: Scores,
}

pub(crate) fn run(app: &App, flags: &Score) -> anyhow::Result<ExitCode> {
    let chosen = loading::choose(app, flags.model.model.as_deref())?;
    let loaded = adapters::choose(app, &chosen, flags.adapter.as_deref())?;
    let model = loading::open(&chosen.path)?;
    let context = model.config().context_length;
    let recipe = Recipe { max_seq: flags.max_seq.unwrap_or(2048).min(context), ..Recipe::default() };
    recipe.check(model.config())?;
    let tokens = Tokens::new(&model, &held_out::all(app, &flags.data)?, &recipe)?;
    ensure!(
        !tokens.examples.is_empty(),
        "{} has no answer to score within {} tokens",
        flags.data,
        recipe.max_seq
    );
    if !app.quiet {
        tokens.counts.remarks("examples").iter().for_each(|remark| eprintln!("{remark}"));
    }

    let device = engine::train::cpu(flags.model.threads.or(app.config.threads).map(|n| n as usize))?;
    let mut scorer = Scorer::new(model, device, loaded.clone())?;
    let progress = Progress::counting("examples", app.quiet);
    progress.start("Scoring", Some(tokens.examples.len() as u64));
    let scores = score(&mut scorer, &tokens, &mut || false, &mut |done| progress.advance(done as u64))?;
    progress.finish();
    let report = Report { model: &chosen.name, adapter: loaded.as_deref().map(|l| l.id()), scores };
    if flags.json {
        print_json(&report)?
    } else {
        print(&as_table(&report))?
    }
    Ok(ExitCode::SUCCESS)
}

fn as_table(report: &Report<'_>) -> String {
    let row = |name: &str, value: String| vec![name.to_owned(), value];
    let Scores { examples, mean, median, token_mean } = &report.scores;
    let targets: usize = examples.iter().map(|e| e.targets).sum();
    table(&[
        row("model", report.model.to_owned()),
        row("adapter", report.adapter.unwrap_or("none").to_owned()),
        row("examples", format!("{} ({targets} tokens)", examples.len())),
        row(
            "mean loss",
            format!("{mean:.4}, by tokens {token_mean:.4} (perplexity {:.2})", token_mean.exp()),
        ),
        row("median loss", format!("{median:.4}")),
    ])
}
