//! The words after `hone index` and `hone search`.

use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;

#[derive(Debug, Args)]
#[command(
    after_help = "What .gitignore and .honeignore name is left out, and so are secrets (.env, keys, .ssh ...), \
    binaries,\nfiles above 1 MiB and links. The index is index.db below the data folder; it can always be made again."
)]
pub(crate) struct Index {
    #[command(subcommand)]
    pub(crate) command: IndexCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum IndexCommand {
    /// Index a folder, or bring what is there of it up to date
    Add(IndexAdd),
    /// List the indexed folders
    Status(IndexStatus),
    /// Take a folder out of the index
    Rm(IndexRm),
}

#[derive(Debug, Args)]
pub(crate) struct IndexAdd {
    /// The folder
    #[arg(value_name = "PATH", default_value = ".")]
    pub(crate) path: PathBuf,
    /// Threads that read and cut files [default: half of the cores]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub(crate) threads: Option<u32>,
    /// Read every file again, also those whose time and size are as before
    #[arg(long)]
    pub(crate) thorough: bool,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct IndexStatus {
    /// This folder only
    #[arg(value_name = "PATH")]
    pub(crate) path: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct IndexRm {
    /// The folder; it need not be there any more
    #[arg(value_name = "PATH", required_unless_present = "elsewhere")]
    pub(crate) path: Option<PathBuf>,
    /// Delete the vectors that earlier settings have left on a Chroma server
    #[arg(long, conflicts_with = "path")]
    pub(crate) elsewhere: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Search {
    /// What is looked for, as a question or as words
    #[arg(value_name = "TEXT", required_unless_present = "questions")]
    pub(crate) text: Vec<String>,
    /// Passages that are shown
    #[arg(short, long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub(crate) number: u32,
    /// Search the indexed folder that holds this path only
    #[arg(long, value_name = "PATH")]
    pub(crate) project: Option<PathBuf>,
    /// How to find
    #[arg(long, value_enum, default_value_t = FindBy::Both)]
    pub(crate) by: FindBy,
    /// Take one question a line from this file, and print a line of JSON for each
    #[arg(long, value_name = "FILE", conflicts_with = "text")]
    pub(crate) questions: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Ways to find passages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum FindBy {
    Both,
    Words,
    /// The meaning, as the embedding model has it
    Vectors,
}
