//! The words after `hone score`.

use super::ModelFlags;
use clap::Args;

#[derive(Debug, Args)]
#[command(after_help = "Losses are in nats, over what the assistant wrote. Lower is more likely.")]
pub(crate) struct Score {
    /// The examples: a set's name or folder (its validation part), or a file
    #[arg(value_name = "NAME|DIR|FILE")]
    pub(crate) data: String,
    #[command(flatten)]
    pub(crate) model: ModelFlags,
    /// The adapter, by name or id; `base` is none [default: the one in use]
    #[arg(long, value_name = "NAME|ID|base", env = "HONE_ADAPTER")]
    pub(crate) adapter: Option<String>,
    /// Tokens of an example at most; more are cut off [default: 2048, or the model's context]
    #[arg(long, value_name = "TOKENS")]
    pub(crate) max_seq: Option<usize>,
    /// Print JSON, with every example
    #[arg(long)]
    pub(crate) json: bool,
}
