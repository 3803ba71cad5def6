//! The words after `hone remember` and `hone rules`.

use clap::{Args, Subcommand};
use std::path::PathBuf;

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    hone remember \"Always use TypeScript\"\n  \
    hone remember \"Use 4 spaces\" --project --files '*.py'\n\n\
    A rule that contradicts one that holds is kept as a draft: hone rules accept lets it hold.")]
pub(crate) struct Remember {
    /// The rule
    #[arg(required = true, value_name = "TEXT")]
    pub(crate) text: Vec<String>,
    #[command(flatten)]
    pub(crate) scope: ScopeFlags,
    /// The rule whose place it takes
    #[arg(long, value_name = "ID")]
    pub(crate) replace: Option<String>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Where a rule holds.
#[derive(Debug, Args)]
pub(crate) struct ScopeFlags {
    /// Only in the project that this folder belongs to [default: the current one]
    #[arg(long, value_name = "PATH", num_args = 0..=1)]
    pub(crate) project: Option<Option<PathBuf>>,
    /// Only for files like this: '*.py', 'src/**/*.ts'
    #[arg(long, value_name = "PATTERN")]
    pub(crate) files: Option<String>,
}

#[derive(Debug, Args)]
#[command(after_help = "ID is an id, or its last characters as `hone rules list` shows them.")]
pub(crate) struct Rules {
    #[command(subcommand)]
    pub(crate) command: RulesCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum RulesCommand {
    /// List the rules, and those that the project here brings in AGENTS.md and .hone/rules
    List(RulesList),
    /// Change the text or the scope of a rule
    Edit(RulesEdit),
    /// Forget a rule
    Rm(RulesRm),
    /// Let a draft hold, or a replaced rule hold again
    Accept(RulesAccept),
}

#[derive(Debug, Args)]
pub(crate) struct RulesList {
    /// Replaced ones too
    #[arg(long)]
    pub(crate) all: bool,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct RulesEdit {
    /// The rule
    pub(crate) id: String,
    /// The new text
    #[arg(value_name = "TEXT")]
    pub(crate) text: Vec<String>,
    #[command(flatten)]
    pub(crate) scope: ScopeFlags,
    /// Let it hold everywhere
    #[arg(long, conflicts_with_all = ["project", "files"])]
    pub(crate) everywhere: bool,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct RulesRm {
    /// The rules
    #[arg(required = true, value_name = "ID")]
    pub(crate) ids: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct RulesAccept {
    /// The rule
    pub(crate) id: String,
    /// The rule whose place it takes
    #[arg(long, value_name = "ID")]
    pub(crate) replace: Option<String>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}
