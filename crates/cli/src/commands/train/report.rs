//! What `hone train` prints when it is done.

use learn::train::{Folder, Metric, Outcome, RunInfo, terminal};
use serde::Serialize;

#[derive(Serialize)]
pub(super) struct Report {
    /// Id of the adapter.
    adapter: String,
    name: String,
    run: String,
    folder: String,
    steps: u64,
    best_step: u64,
    first_loss: Option<f64>,
    loss: Option<f64>,
    first_valid_loss: Option<f64>,
    valid_loss: Option<f64>,
    last_valid_loss: Option<f64>,
    losses: Vec<f64>,
    seconds: f64,
    tokens_per_second: f64,
    peak_rss_bytes: u64,
}

impl Report {
    pub(super) fn new(
        adapter: String,
        info: &RunInfo,
        folder: &Folder,
        outcome: &Outcome,
        session: (u64, f64),
    ) -> Report {
        // What was done before an interruption is in the history, and not in this session's time.
        let (before, seconds) = session;
        let losses: Vec<f64> = outcome.history.iter().filter_map(|m| m.loss).collect();
        let at = |step: u64| outcome.history.iter().find(|m| m.step == step);
        let tokens: usize = outcome.history.iter().filter(|m| m.step > before).map(|m| m.tokens).sum();
        let last = outcome.history.iter().rev().find_map(|m| m.valid_loss);
        Report {
            adapter,
            name: info.name.clone(),
            run: info.id.clone(),
            folder: folder.path().display().to_string(),
            steps: outcome.history.last().map_or(0, |m| m.step),
            best_step: outcome.best_step,
            first_loss: losses.first().copied(),
            loss: losses.last().copied(),
            first_valid_loss: at(0).and_then(|m| m.valid_loss),
            valid_loss: at(outcome.best_step).and_then(|m| m.valid_loss),
            last_valid_loss: last,
            losses,
            seconds,
            tokens_per_second: tokens as f64 / seconds,
            peak_rss_bytes: crate::commands::bench::peak_rss(),
        }
    }

    pub(super) fn as_text(&self, history: &[Metric]) -> String {
        let change = |first: Option<f64>, last: Option<f64>| match first.zip(last) {
            Some((first, last)) => format!("{first:.3} → {last:.3}"),
            None => "not measured".into(),
        };
        format!(
            "{}\nloss {}, validation loss {}; adapter of step {} of {}\n\
             adapter {} ({}), curve in {}/curve.svg\n\
             Put it in use with: hone adapter use {}\n",
            terminal(history),
            change(self.first_loss, self.loss),
            change(self.first_valid_loss, self.valid_loss),
            self.best_step,
            self.steps,
            self.name,
            self.adapter,
            self.folder,
            self.adapter
        )
    }
}
