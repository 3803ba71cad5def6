//! Flags of `hone intent`.

use clap::Args;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(crate) struct Intent {
    /// The message
    #[arg(value_name = "TEXT", required_unless_present = "file", conflicts_with = "file")]
    pub(crate) text: Option<String>,
    /// Judge every line of a file; `-` is standard input
    #[arg(long, value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    /// Say what TEXT asks for: it counts from the next message on
    #[arg(long, value_name = "INTENT", value_parser = ["code", "search", "chat"], conflicts_with = "file")]
    pub(crate) correct: Option<String>,
    /// Print a JSON object a line
    #[arg(long)]
    pub(crate) json: bool,
}
