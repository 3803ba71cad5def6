//! The words after `hone chats`.

use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    hone chats search git bisect\n  \
    hone chats export --all --out ./chats\n  \
    hone chats import conversations.json\n  \
    hone chats rate 1a2b up\n  \
    hone chats edit 1a2b\n\n\
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
    /// Say what you think of an answer; it decides what is learned
    Rate(ChatsRate),
    /// Write an answer as it should have been: what hone learns from most
    Edit(ChatsEdit),
    /// Say whether conversations may be learned from
    Learn(ChatsLearn),
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
    /// They are your own, of hone on another machine or written by you: answers may be learned from, edits and thumbs
    /// come along
    #[arg(long)]
    pub(crate) mine: bool,
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

#[derive(Debug, Args)]
pub(crate) struct ChatsRate {
    /// The conversation
    pub(crate) id: String,
    /// `kept` is: I have used it; `none` takes a thumb back
    #[arg(value_enum)]
    pub(crate) rating: Rating,
    /// The answer, by the end of its id [default: the last one that is shown]
    #[arg(long, value_name = "ID")]
    pub(crate) message: Option<String>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Rating {
    Up,
    Down,
    Kept,
    None,
}

#[derive(Debug, Args)]
pub(crate) struct ChatsEdit {
    /// The conversation
    pub(crate) id: String,
    /// The answer, by the end of its id [default: the last one that is shown]
    #[arg(long, value_name = "ID")]
    pub(crate) message: Option<String>,
    /// The new answer [default: what your EDITOR leaves]
    #[arg(long, value_name = "TEXT", conflicts_with = "file")]
    pub(crate) text: Option<String>,
    /// A file with the new answer; - is standard input
    #[arg(long, value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ChatsLearn {
    /// Whether they may be
    #[arg(value_enum)]
    pub(crate) may: Permission,
    /// The conversations
    #[arg(required = true, value_name = "ID")]
    pub(crate) ids: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Permission {
    On,
    Off,
    Default,
}
