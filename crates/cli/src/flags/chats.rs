//! The words after `hone chats`.

use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    hone chats search git bisect\n  \
    hone chats export --all --out ./chats\n  \
    hone chats import conversations.json\n\n\
    ID is an id, or its last characters as `hone chats list` shows them. Conversations are kept in hone.db below the \
    data folder;\na copy is made every day in backups/.")]
pub(crate) struct Chats {
    #[command(subcommand)]
    pub(crate) command: ChatsCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ChatsCommand {
    /// List the conversations, the newest first
    List(ChatsList),
    /// Print one conversation
    Show(ChatsShow),
    /// Find messages by their words
    Search(ChatsSearch),
    /// Write conversations to files
    Export(ChatsExport),
    /// Add conversations from files of hone, ChatGPT, Open WebUI or ShareGPT
    Import(ChatsImport),
    /// Delete conversations, and what was made of them
    Rm(ChatsRm),
}

#[derive(Debug, Args)]
pub(crate) struct ChatsList {
    /// How many; 0 is all
    #[arg(long, value_name = "N", default_value_t = 50)]
    pub(crate) limit: usize,
    /// Only those about the project in this folder
    #[arg(long, value_name = "FOLDER")]
    pub(crate) project: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ChatsShow {
    /// The conversation
    pub(crate) id: String,
    /// Other branches too
    #[arg(long)]
    pub(crate) all: bool,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ChatsSearch {
    /// The words; all of them must be there, the last one may be the beginning of a word
    #[arg(required = true, value_name = "TEXT")]
    pub(crate) text: Vec<String>,
    /// How many messages
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub(crate) limit: usize,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ChatsExport {
    /// The conversations
    #[arg(value_name = "ID", required_unless_present = "all")]
    pub(crate) ids: Vec<String>,
    /// All of them
    #[arg(long, conflicts_with = "ids")]
    pub(crate) all: bool,
    /// A folder for json, a file for jsonl [default: standard output]
    #[arg(long, value_name = "PATH")]
    pub(crate) out: Option<PathBuf>,
    /// One JSON file a conversation, or one line a conversation
    #[arg(long, value_enum, default_value_t = ChatsFormat::Json)]
    pub(crate) format: ChatsFormat,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ChatsFormat {
    Json,
    Jsonl,
}

#[derive(Debug, Args)]
pub(crate) struct ChatsImport {
    /// JSON or JSONL files, or folders of them
    #[arg(required = true, value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ChatsRm {
    /// The conversations
    #[arg(required = true, value_name = "ID")]
    pub(crate) ids: Vec<String>,
    /// Do not ask
    #[arg(long, short)]
    pub(crate) yes: bool,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}
