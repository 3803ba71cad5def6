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
    /// Learn also from your own code in this indexed folder: functions from their comments, lines to fill in, your own
    /// commits; every tenth file is held out, and judged with; may be repeated
    #[arg(long, value_name = "FOLDER")]
    pub(crate) from_index: Vec<std::path::PathBuf>,
    /// With --from-index: the code is yours whatever its licence says, and so are all commits
    #[arg(long, requires = "from_index")]
    pub(crate) mine: bool,
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
    /// Use the adapter whatever the gate says, as it was trained: for those who measure what the gate is worth
    #[arg(long, hide = true)]
    pub(crate) no_gate: bool,
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
