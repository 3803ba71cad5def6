//! The words after `hone learn` and `hone demo`.

use super::ModelFlags;
use clap::Args;

#[derive(Debug, Args)]
#[command(after_help = "A run that was stopped goes on with the same command.\n\
    Example: hone learn --dry-run, then hone learn")]
pub(crate) struct Learn {
    #[command(flatten)]
    pub(crate) model: ModelFlags,
    /// Say what would be learned and judged with, and do nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Learn also where nothing is new since the last time
    #[arg(long)]
    pub(crate) now: bool,
    /// Learn also from the set that `hone data build --from-index` has made of your own code
    #[arg(long, value_name = "SET")]
    pub(crate) from_index: Option<String>,
    /// Learn anew without this conversation; what has learned from it is no longer used
    #[arg(long, value_name = "CHAT")]
    pub(crate) forget: Option<String>,
    /// What the adapter will be called
    #[arg(long, value_name = "NAME", default_value = "learned")]
    pub(crate) name: String,
    /// Of the first values and the order of the examples
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) seed: u64,
    /// A quarter of the replay and of the general texts: quicker, and less sure
    #[arg(long)]
    pub(crate) small: bool,
    /// Print one JSON object at the end
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Demo {
    #[command(flatten)]
    pub(crate) model: ModelFlags,
    /// Print one JSON object at the end
    #[arg(long)]
    pub(crate) json: bool,
}
