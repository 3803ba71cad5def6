//! The words after `hone export`.

use super::Place;
use clap::Args;
use std::path::PathBuf;

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    hone export --dry-run\n  \
    hone export --name mine && hone train --data mine\n  \
    hone export --since 2026-11-01 --project . --out ./set\n\n\
    Answers that you have edited count most, then those with a thumb up, then those that you have used. Text of files, pages,\n\
    tools and other machines is never learned, and a pair with a secret in it is dropped. `hone chats rate`, `edit` and `learn`\n\
    change what is taken.")]
pub(crate) struct Export {
    #[command(flatten)]
    pub(crate) place: Place,
    /// Only what counts at least so much: 2 edited, 1.5 with a taught rule, 1 thumb up, 0.5 used
    #[arg(long, value_name = "WEIGHT", default_value_t = 0.0)]
    pub(crate) min_weight: f32,
    /// Only answers since this day or time
    #[arg(long, value_name = "DATE")]
    pub(crate) since: Option<String>,
    /// Only conversations about the project in this folder
    #[arg(long, value_name = "FOLDER")]
    pub(crate) project: Option<PathBuf>,
    /// At most so many examples
    #[arg(long, value_name = "N", default_value_t = 5000)]
    pub(crate) most: usize,
    /// Leave out what the model knows already and what no model would say: slow
    #[arg(long)]
    pub(crate) score: bool,
    /// With --score: the model that judges [default: the chosen one]
    #[arg(long, value_name = "NAME|PATH", env = "HONE_MODEL")]
    pub(crate) model: Option<String>,
    /// Only say what would be kept and dropped
    #[arg(long, short = 'n')]
    pub(crate) dry_run: bool,
    /// A line for every answer
    #[arg(long)]
    pub(crate) all: bool,
    /// Print JSON, with every answer
    #[arg(long)]
    pub(crate) json: bool,
}
