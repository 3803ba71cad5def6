//! What is measured and told while a run lasts, and what comes of it.

use engine::adapter::Adapter;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// What was measured at one step.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Metric {
    /// Updates that are done with this one; 0 is before the first.
    pub step: u64,
    /// Mean loss of the step's targets, in nats.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub loss: Option<f64>,
    /// Mean divergence from the base over the step's replay, in nats.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub divergence: Option<f64>,
    /// Mean loss over the validation examples after the step.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub valid_loss: Option<f64>,
    /// Learning rate.
    pub learning_rate: f32,
    /// Norm of the gradient before clipping.
    pub norm: f64,
    /// Tokens of the step, and those of them that were targets.
    pub tokens: usize,
    /// Targets of the step.
    pub targets: usize,
}

/// What happens while a run lasts.
#[derive(Clone, Debug)]
pub enum Event<'a> {
    /// A pack of a step is done: rows so far and in all.
    Pack {
        /// The step, counted from 1.
        step: u64,
        /// Rows done and rows of the step.
        rows: (usize, usize),
    },
    /// A step is done.
    Step {
        /// What was measured.
        metric: &'a Metric,
        /// Speed of the step.
        tokens_per_second: f64,
        /// Time that the rest will take, about.
        seconds_left: f64,
    },
    /// The run is about to write to the disk, and computes nothing until it asks `pause` again.
    Writing,
    /// A checkpoint is on disk.
    Saved,
}

/// How a run ended.
#[derive(Debug)]
pub struct Outcome {
    /// The adapter: that of the lowest validation loss, or the last where nothing was validated; the average of these
    /// where several trainings share the run.
    pub adapter: Adapter,
    /// What was measured at each step.
    pub history: Vec<Metric>,
    /// The step whose adapter it is, or the last training's part of it.
    pub best_step: u64,
    /// Whether all steps are done. If not, the run can be resumed.
    pub finished: bool,
}

impl Outcome {
    /// What was measured, for the adapter's manifest.
    pub fn scores(&self) -> Value {
        let at = |step: u64| self.history.iter().find(|m| m.step == step).and_then(|m| m.valid_loss);
        let losses: Vec<f64> = self.history.iter().filter_map(|m| m.loss).collect();
        json!({
            "first_valid_loss": at(0),
            "valid_loss": at(self.best_step),
            "first_loss": losses.first(),
            "loss": losses.last(),
            "best_step": self.best_step,
        })
    }
}
