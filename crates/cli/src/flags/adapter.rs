//! `hone adapter …`: what was typed.

use clap::{Args, Subcommand};
use engine::adapter::Layout;
use kernels::Format;
use std::path::PathBuf;

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    hone adapter import ./my-peft-folder --base qwen2.5-coder-7b --name house-style\n  \
    hone adapter use house-style\n  \
    hone adapter rollback\n  \
    hone adapter export house-style --format mlx --out ./house-style-mlx\n  \
    hone adapter fuse house-style --format Q8_0 --out ./merged.gguf\n\n\
    ADAPTER is an id, the beginning of one, or a name; of several with one name the newest is meant.")]
pub(crate) struct Adapter {
    #[command(subcommand)]
    pub(crate) command: AdapterCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AdapterCommand {
    /// List the adapters on disk
    List(AdapterList),
    /// Show one adapter in detail, and whether its file is intact
    Show(AdapterShow),
    /// Put an adapter in use for the model it was trained on; `base` is the model alone
    Use(AdapterUse),
    /// Take the last change of what is in use back
    Rollback(AdapterRollback),
    /// Delete an adapter from disk
    Rm(AdapterRm),
    /// Write an adapter for peft, mlx-lm or llama.cpp
    Export(AdapterExport),
    /// Add an adapter that peft, mlx-lm or llama.cpp made
    Import(AdapterImport),
    /// Merge an adapter into its model and write a new GGUF file
    Fuse(AdapterFuse),
}

#[derive(Debug, Args)]
pub(crate) struct AdapterList {
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct AdapterShow {
    /// The adapter
    pub(crate) adapter: String,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct AdapterUse {
    /// The adapter, or `base`
    pub(crate) adapter: String,
    /// With `base`: the model [default: the chosen one]
    #[arg(long, value_name = "NAME|PATH")]
    pub(crate) base: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct AdapterRollback {
    /// The model [default: the chosen one]
    #[arg(long, value_name = "NAME|PATH")]
    pub(crate) base: Option<String>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct AdapterRm {
    /// The adapter
    pub(crate) adapter: String,
    /// Also when it is in use; what was before it is in use then
    #[arg(long)]
    pub(crate) force: bool,
}

#[derive(Debug, Args)]
pub(crate) struct AdapterExport {
    /// The adapter
    pub(crate) adapter: String,
    /// Whose files to write
    #[arg(long, value_name = "peft|mlx|gguf")]
    pub(crate) format: Layout,
    /// A folder for peft and mlx, a file for gguf; it must not be there yet
    #[arg(long, value_name = "PATH")]
    pub(crate) out: PathBuf,
    /// The model, where it is not among the pulled ones
    #[arg(long, value_name = "NAME|PATH")]
    pub(crate) base: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct AdapterImport {
    /// A folder of peft or mlx-lm, or a LoRA file of llama.cpp
    pub(crate) path: PathBuf,
    /// Whose files they are [default: seen from the files]
    #[arg(long, value_name = "peft|mlx|gguf")]
    pub(crate) format: Option<Layout>,
    /// The model that the adapter was trained on [default: the chosen one]
    #[arg(long, value_name = "NAME|PATH")]
    pub(crate) base: Option<String>,
    /// What to call it [default: the name of the file or folder]
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct AdapterFuse {
    /// The adapter
    pub(crate) adapter: String,
    /// The file to write; it must not be there yet
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
    /// How changed matrices are stored, Q8_0 for example [default: as in the model]
    #[arg(long, value_name = "FORMAT", value_parser = format)]
    pub(crate) format: Option<Format>,
    /// Examples to measure the loss on [default: the validation examples of the adapter's own data]
    #[arg(long, value_name = "NAME|DIR|FILE")]
    pub(crate) data: Option<String>,
    /// The model, where it is not among the pulled ones
    #[arg(long, value_name = "NAME|PATH")]
    pub(crate) base: Option<String>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// A storage format by its name.
fn format(name: &str) -> Result<Format, String> {
    let found = Format::ALL.into_iter().find(|format| format.name().eq_ignore_ascii_case(name));
    found.ok_or_else(|| format!("it must be one of {}", Format::ALL.map(Format::name).join(", ")))
}
