//! The words after `hone data`.

use clap::builder::PossibleValuesParser;
use clap::{Args, Subcommand};
use learn::dataset::Format;
use std::path::PathBuf;

#[derive(Debug, Args)]
#[command(after_help = "Sets are kept in datasets/NAME below the data folder: train.jsonl, valid.jsonl, \
    perhaps test.jsonl,\nand manifest.json, which says where each row came from.")]
pub(crate) struct Data {
    #[command(subcommand)]
    pub(crate) command: DataCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum DataCommand {
    /// Make a training set of rows from the catalogue, from Hugging Face or from files; without a source, list
    /// the catalogue
    Fetch(Fetch),
    /// Mix several sets into one, or make one of your own indexed code
    Build(Build),
    /// Count rows, roles, tokens and duplicates
    Stats(Stats),
    /// Print examples
    View(View),
}

#[derive(Debug, Args)]
#[command(after_help = "Rows are JSON, JSONL or Parquet. Empty, duplicate and bad rows are dropped and \
    counted; more than 5 % bad rows are an error.\nEach source makes a set of its own, unless --name or --out \
    joins them.")]
pub(crate) struct Fetch {
    /// Where rows come from: a name from the catalogue, hf:OWNER/REPO[/FILE][@REVISION], or a path
    #[arg(value_name = "NAME|hf:OWNER/REPO|PATH")]
    pub(crate) sources: Vec<String>,
    /// The shape of the rows [default: recognised by their columns]
    #[arg(long, value_name = "FORMAT", value_parser = formats())]
    pub(crate) format: Option<String>,
    /// Decides which rows are held back; equal seeds hold back the same rows
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) seed: u64,
    /// Share of the rows for a test that training never sees, beside the tenth that is for validation
    #[arg(long, value_name = "SHARE", default_value_t = 0.0)]
    pub(crate) test: f64,
    #[command(flatten)]
    pub(crate) place: Place,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Weights are relative: as many rows as possible are taken for which they hold, and none \
    twice.\nWithout weights all rows are taken. What is held back in one set is not trained on because of \
    another.\n\nWith --from-index: functions from their comments, lines to fill in, and edits out of your own commits. What is \
    made of a tenth of the files\nis held back. Code under a licence that is not permissive is left out."
)]
pub(crate) struct Build {
    /// The sets, each with its weight or all without
    #[arg(value_name = "SET=WEIGHT", required_unless_present = "from_index")]
    pub(crate) sets: Vec<String>,
    /// Make a set of the code in this folder, which must be indexed
    #[arg(long, value_name = "FOLDER", conflicts_with = "sets")]
    pub(crate) from_index: Option<PathBuf>,
    /// With --from-index: the code is yours whatever its licence says, and so are all commits
    #[arg(long, requires = "from_index")]
    pub(crate) mine: bool,
    /// Decides which rows are taken, and their order
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) seed: u64,
    #[command(flatten)]
    pub(crate) place: Place,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Where a set is put.
#[derive(Debug, Args)]
pub(crate) struct Place {
    /// The name of the set [default: that of its source]
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// A folder for the set, in place of the data folder
    #[arg(long, short, value_name = "FOLDER")]
    pub(crate) out: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Stats {
    /// A set, its folder, or a file of rows
    #[arg(value_name = "NAME|PATH")]
    pub(crate) data: String,
    /// The model whose tokenizer and template count the tokens [default: the chosen one]
    #[arg(long, value_name = "NAME|PATH", env = "HONE_MODEL")]
    pub(crate) model: Option<String>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct View {
    /// A set, its folder, or a file of rows
    #[arg(value_name = "NAME|PATH")]
    pub(crate) data: String,
    /// The part of the set
    #[arg(long, value_name = "PART", default_value = "train", value_parser = learn::dataset::PART_NAMES)]
    pub(crate) part: String,
    /// The first example to print, counted from 1
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) row: u64,
    /// How many to print
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) count: u64,
    /// Print an example a line, as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

fn formats() -> PossibleValuesParser {
    PossibleValuesParser::new(Format::NAMES.map(|(name, _)| name))
}
