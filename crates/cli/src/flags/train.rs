//! The words after `hone train`.

use super::ModelFlags;
use clap::{Args, ValueEnum};
use std::path::PathBuf;

#[derive(Debug, Args)]
#[command(after_help = "What is left out comes from --recipe, or else from the defaults. A run that was \
    interrupted goes on with --resume.\nExample: hone train --data codealpaca --steps 100")]
pub(crate) struct Train {
    /// The examples: a set's name, its folder, or a file
    #[arg(long, value_name = "NAME|DIR|FILE", required_unless_present = "resume")]
    pub(crate) data: Option<String>,
    #[command(flatten)]
    pub(crate) model: ModelFlags,
    /// What the adapter will be called
    #[arg(long, value_name = "NAME", default_value = "adapters_final")]
    pub(crate) name: String,
    /// Rank of the updates [default: 16]
    #[arg(long, value_name = "N")]
    pub(crate) rank: Option<usize>,
    /// What the updates are multiplied with, alpha / rank [default: 2]
    #[arg(long, value_name = "X")]
    pub(crate) scale: Option<f32>,
    /// Train only the last N layers [default: all]
    #[arg(long, value_name = "N")]
    pub(crate) layers: Option<usize>,
    /// Peak learning rate [default: 1e-3 below a billion parameters, 2e-4 above]
    #[arg(long, value_name = "X")]
    pub(crate) lr: Option<f32>,
    /// Times that every example is seen [default: 2]
    #[arg(long, value_name = "X")]
    pub(crate) epochs: Option<f64>,
    /// Updates of the adapter, instead of epochs
    #[arg(long, value_name = "N")]
    pub(crate) steps: Option<u64>,
    /// Examples in a micro-batch [default: 1]
    #[arg(long, value_name = "N")]
    pub(crate) batch: Option<usize>,
    /// Micro-batches in a step [default: 48]
    #[arg(long, value_name = "N")]
    pub(crate) accumulation: Option<usize>,
    /// Tokens of an example at most; more are cut off [default: 2048, or the model's context]
    #[arg(long, value_name = "TOKENS")]
    pub(crate) max_seq: Option<usize>,
    /// Share of an update's input that is left out at random [default: 0]
    #[arg(long, value_name = "SHARE")]
    pub(crate) dropout: Option<f32>,
    /// What is learned [default: assistant]
    #[arg(long, value_name = "WHAT")]
    pub(crate) loss_on: Option<LossOn>,
    /// Compute layers again on the way back, which needs less memory and a third more time
    #[arg(long, value_name = "WHEN", default_value = "auto")]
    pub(crate) checkpointing: Checkpointing,
    /// Trainings that share the steps and differ by their seed; the average of their updates is the adapter [default: 1]
    #[arg(long, value_name = "N")]
    pub(crate) members: Option<usize>,
    /// Of the first values and the order of the examples [default: 0]
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,
    /// Settings in a TOML or JSON file; flags go before
    #[arg(long, value_name = "FILE")]
    pub(crate) recipe: Option<PathBuf>,
    /// Go on with an interrupted run; the newest where RUN is left out
    #[arg(long, value_name = "RUN", num_args = 0..=1, conflicts_with_all = ["data", "recipe", "export_job", "rank", "scale",
        "layers", "lr", "epochs", "steps", "batch", "accumulation", "max_seq", "dropout", "loss_on", "members", "seed"])]
    pub(crate) resume: Option<Option<String>>,
    /// Train elsewhere: write data, recipe and a script for torch and PEFT to DIR
    #[arg(long, value_name = "DIR")]
    pub(crate) export_job: Option<PathBuf>,
    /// Print one JSON object at the end
    #[arg(long)]
    pub(crate) json: bool,
}

/// Which tokens are learned.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum LossOn {
    /// What the assistant wrote
    Assistant,
    /// Every token
    All,
}

/// When layers are computed again.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Checkpointing {
    /// Where memory asks for it
    Auto,
    /// Always
    On,
    /// Never
    Off,
}
