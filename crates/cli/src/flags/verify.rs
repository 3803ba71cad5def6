//! The words after `hone verify`.

use super::ModelFlags;
use clap::Args;

#[derive(Debug, Args)]
#[command(after_help = "Exit code 1 where a check fails. What cannot be checked is said and does not fail.")]
pub(crate) struct Verify {
    #[command(flatten)]
    pub(crate) model: ModelFlags,
    /// The adapter, by name or id [default: the one in use]
    #[arg(long, value_name = "NAME|ID", env = "HONE_ADAPTER")]
    pub(crate) adapter: Option<String>,
    /// Examples to measure the loss on [default: the validation examples of the adapter's own data]
    #[arg(long, value_name = "NAME|DIR|FILE")]
    pub(crate) data: Option<String>,
    /// What is asked for; the answer must hold Python
    #[arg(long, value_name = "TEXT", default_value = crate::commands::verify::PROMPT)]
    pub(crate) prompt: String,
    /// The longest answer, in tokens
    #[arg(long, value_name = "N", default_value_t = 512, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) max_tokens: u32,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}
