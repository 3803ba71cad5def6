//! `hone bench --intent`: how often the classifier is right on messages that it was not trained on.

use crate::config::App;
use crate::output::{print, print_json, table};
use agent::intent::{Classifier, Evaluation, Intent, evaluate, held_out};
use std::sync::Arc;
use std::time::Instant;

/// Nothing that the user has corrected counts here.
pub(super) fn run(app: &App, json: bool) -> anyhow::Result<()> {
    let embedder = Arc::new(app.embedding.need()?);
    let began = Instant::now();
    let classifier = Classifier::open(embedder, &[], None)?;
    let training = began.elapsed().as_secs_f64();
    let found = evaluate(&classifier, &held_out())?;
    if json {
        let mut value = serde_json::to_value(&found)?;
        value["training_seconds"] = training.into();
        return print_json(&value);
    }
    Ok(print(&as_text(&found, training))?)
}

fn as_text(found: &Evaluation, training: f64) -> String {
    let names = Intent::ALL.map(Intent::name);
    let mut rows = vec![["meant / judged"].into_iter().chain(names).map(String::from).collect::<Vec<_>>()];
    for (name, counts) in names.iter().zip(found.confusion) {
        rows.push(std::iter::once((*name).to_owned()).chain(counts.map(|n| n.to_string())).collect());
    }
    format!(
        "{}\n{:.1} % of {} held-out messages are judged right; whether code is needed: {:.1} %\n\
         {:.2} ms a message (median; {:.2} ms for 99 %), embedding included; opened and trained in {training:.2} s\n",
        table(&rows),
        found.accuracy * 100.0,
        found.messages,
        found.needs_code_accuracy * 100.0,
        found.ms_p50,
        found.ms_p99,
    )
}
