//! `hone data stats`: how many rows, how long, who says what.

use super::{Part, parts, warn_of_bad};
use crate::config::App;
use crate::flags::Stats as Flags;
use crate::loading;
use crate::output::{self, table};
use engine::Model;
use engine::text::ChatTemplate;
use learn::dataset::stats::{Bucket, Lengths, Stats, shared, stats};
use learn::dataset::{Chosen, Example, Report};
use serde::Serialize;
use std::fmt::Write as _;
use std::sync::Arc;

/// Width of the longest bar.
const BAR: usize = 40;

/// Everything that is known of one part.
#[derive(Serialize)]
struct Told {
    part: String,
    #[serde(flatten)]
    stats: Stats,
    report: Report,
    /// Examples that are in `train` too.
    also_in_train: usize,
}

#[derive(Serialize)]
struct Answer {
    data: String,
    model: Option<String>,
    parts: Vec<Told>,
}

pub(super) fn run(app: &App, flags: &Flags) -> anyhow::Result<()> {
    let parts = parts(&Chosen::find(&app.home, &flags.data)?)?;
    let counter = Counter::open(app, flags.model.as_deref())?;
    let known = |name: &str| parts.iter().find(|part| part.name == name);
    let told = |part: &Part| {
        if !app.quiet && part.examples.len() > 5000 && counter.is_some() {
            eprintln!("counting the tokens of {} examples of {}", part.examples.len(), part.name);
        }
        let count = counter.as_ref().map(|counter| |example: &Example| counter.count(example));
        let train = known("train").filter(|train| train.name != part.name);
        Told {
            part: part.name.clone(),
            stats: stats(&part.examples, count),
            report: part.report.clone(),
            also_in_train: train.map_or(0, |train| shared(&train.examples, &part.examples)),
        }
    };
    let told: Vec<Told> = parts.iter().map(told).collect();
    let model = counter.map(|counter| counter.name);
    if flags.json {
        return output::print_json(&Answer { data: flags.data.clone(), model, parts: told });
    }
    if model.is_none() && !app.quiet {
        eprintln!("No model is here to count tokens with: lengths are in characters. --model names one.");
    }
    let text: String = told.iter().map(|told| as_text(told, model.as_deref())).collect();
    told.iter().for_each(|told| warn_of_bad(&told.report));
    Ok(output::print(text.trim_start())?)
}

/// Counts tokens as a model will see them.
struct Counter {
    name: String,
    model: Arc<Model>,
    template: ChatTemplate,
}

impl Counter {
    /// The model that was asked for, or the chosen one if there is one.
    fn open(app: &App, asked: Option<&str>) -> anyhow::Result<Option<Counter>> {
        if asked.or(app.config.model.as_deref()).is_none() {
            return Ok(None);
        }
        let chosen = loading::choose(app, asked)?;
        let model = loading::open(&chosen.path)?;
        let template = model.template.clone().unwrap_or_else(ChatTemplate::chatml);
        Ok(Some(Counter { name: chosen.name, model, template }))
    }

    fn count(&self, example: &Example) -> Result<usize, String> {
        let tokens = self.template.render(&self.model.tokenizer, &example.messages, false);
        tokens.map(|tokens| tokens.len()).map_err(|error| error.to_string())
    }
}

fn as_text(told: &Told, model: Option<&str>) -> String {
    let Told { part, stats, report, also_in_train } = told;
    let mut text = format!("\n{}\n", output::harmless(part));
    let row = |key: &str, value: String| vec![format!("  {key}"), value];
    let mut rows = vec![row("rows", stats.rows.to_string())];
    if report.rows > report.kept {
        rows.push(row("dropped", report.to_string()));
    }
    if *also_in_train > 0 {
        rows.push(row("also in train", also_in_train.to_string()));
    }
    for (role, spoken) in &stats.roles {
        rows.push(row(role, format!("{} messages, {} characters", spoken.messages, spoken.characters)));
    }
    let (lengths, unit) = match (&stats.tokens, model) {
        (Some(tokens), Some(model)) => (Some(tokens), format!("tokens of {model}")),
        _ => (stats.characters.as_ref(), "characters".to_owned()),
    };
    if let Some(lengths) = lengths {
        rows.push(row("length", format!("{} ({unit})", summary(lengths))));
    }
    if let Some(reason) = &stats.first_refusal {
        rows.push(row(
            "refused",
            format!("{} by the model's template: {}", stats.refused, output::harmless(reason)),
        ));
    }
    text += &table(&rows);
    text + &lengths.map(|lengths| bars(&lengths.histogram)).unwrap_or_default()
}

fn summary(lengths: &Lengths) -> String {
    let Lengths { min, median, p90, p99, max, mean, total, .. } = lengths;
    format!(
        "{min} to {max}, median {median}, mean {mean:.0}, 90 % up to {p90}, 99 % up to {p99}, {total} in all"
    )
}

/// One line a bucket. A bucket with examples has a bar, however few they are.
fn bars(buckets: &[Bucket]) -> String {
    let most = buckets.iter().map(|bucket| bucket.rows).max().unwrap_or(1).max(1);
    let mut text = String::new();
    for Bucket { from, to, rows } in buckets {
        let bar = "#".repeat((rows * BAR).div_ceil(most));
        let _ = writeln!(text, "  {:>13}  {rows:>7} {bar}", format!("{from} to {}", to - 1));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_in_proportion() {
        let bucket = |from, to, rows| Bucket { from, to, rows };
        let text = bars(&[bucket(0, 16, 1), bucket(16, 32, 0), bucket(32, 64, 400)]);
        let lengths: Vec<usize> = text.lines().map(|line| line.matches('#').count()).collect();
        assert_eq!(lengths, [1, 0, 40]);
        assert!(text.contains("32 to 63      400 #"), "{text}");
    }
}
