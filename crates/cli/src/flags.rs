//! What was typed. What will be done with it is decided in `commands`.

mod adapter;
mod chats;
mod data;
mod learn;
mod export;
mod knowledge;
mod intent;
mod rules;
mod score;
mod train;
mod verify;

pub(crate) use adapter::*;
pub(crate) use chats::*;
use clap::{ArgAction, Args, Parser, Subcommand};
pub(crate) use data::{Build, Data, DataCommand, Fetch, Place, Stats, View};
use engine::import::Format;
pub(crate) use export::Export;
pub(crate) use intent::Intent;
pub(crate) use knowledge::{FindBy, Index, IndexAdd, IndexCommand, IndexRm, IndexStatus, Search};
pub(crate) use learn::{Demo, Learn};
pub(crate) use rules::*;
pub(crate) use score::Score;
use std::net::IpAddr;
pub(crate) use train::{Checkpointing, LossOn, Train};
pub(crate) use verify::Verify;

/// A private coding assistant that runs on this machine.
#[derive(Debug, Parser)]
#[command(name = "hone", version, max_term_width = 100)]
#[command(after_help = "Start with: hone pull smollm2-135m, then hone chat.\n\
    Data is kept in ~/.hone, or where HONE_HOME says.")]
pub(crate) struct Flags {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    /// Say more; twice for every detail
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub(crate) verbose: u8,
    /// Say only what failed
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub(crate) quiet: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Fetch or import a model; without a name, list what there is
    Pull(Pull),
    /// List the models on disk
    List(List),
    /// Show one model in detail
    Show(Show),
    /// Delete a model from disk
    Rm(Rm),
    /// Choose the model that is used when none is named
    Use(Use),
    /// Talk to a model in the terminal
    Chat(Chat),
    /// List, search, judge, export, import and delete conversations
    Chats(Chats),
    /// Teach a lasting rule
    Remember(Remember),
    /// List, change and forget taught rules
    Rules(Rules),
    /// Serve the OpenAI-compatible API on this machine
    Serve(Serve),
    /// Index folders with code, and keep them up to date
    Index(Index),
    /// Find passages of the indexed folders, by words and by meaning
    Search(Search),
    /// Fetch, build and look at training sets
    Data(Data),
    /// Make a training set of conversations, with a reason for every answer kept or dropped
    Export(Export),
    /// Train an adapter on examples
    Train(Box<Train>),
    /// Learn from conversations: train an adapter, judge it, and use it only if it is better
    Learn(Learn),
    /// See the whole loop on the starter model, in a folder of its own that is deleted in the end
    Demo(Demo),
    /// Check an adapter end to end: its code, its answer and its loss beside the model's alone
    Verify(Verify),
    /// Score examples: their loss under a model and an adapter
    Score(Score),
    /// Say what hone would do with a message: write code, search the web, or talk
    Intent(Intent),
    /// Measure speed and memory
    Bench(Bench),
    /// List, switch, import, export and merge adapters
    Adapter(Adapter),
    /// Say what is wrong and how to fix it
    Doctor(Doctor),
}

#[derive(Debug, Args)]
pub(crate) struct Pull {
    /// A name from the catalogue, hf:OWNER/REPO/FILE.gguf[@REVISION], or a path to a .gguf file; a checkpoint of
    /// safetensors (Hugging Face or MLX) as hf:OWNER/REPO[@REVISION], or a path to its folder
    #[arg(value_name = "NAME|hf:OWNER/REPO[/FILE.gguf]|PATH")]
    pub(crate) source: Option<String>,
    /// Format that a checkpoint is quantised to: Q4_K, Q6_K, Q8_0, Q4_0, Q4_1, F16, BF16 or F32
    /// [default: Q4_K; an MLX checkpoint keeps its 4 bits as Q4_1]
    #[arg(long, value_name = "FORMAT", value_parser = format)]
    pub(crate) format: Option<Format>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct List {
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Show {
    /// The model; the chosen one where it is left out
    pub(crate) name: Option<String>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Rm {
    /// The model
    pub(crate) name: String,
}

#[derive(Debug, Args)]
pub(crate) struct Use {
    /// The model
    pub(crate) name: String,
}

/// Which model, and how much of the machine it may use.
#[derive(Debug, Args)]
pub(crate) struct ModelFlags {
    /// A model's name, or a path to a .gguf file
    #[arg(long, value_name = "NAME|PATH", env = "HONE_MODEL")]
    pub(crate) model: Option<String>,
    /// Tokens that a conversation may hold [default: what the model was made for, as far as memory allows]
    #[arg(long, value_name = "TOKENS", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) context: Option<u32>,
    /// Threads that compute [default: one a core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub(crate) threads: Option<u32>,
}

#[derive(Debug, Args)]
pub(crate) struct Chat {
    /// Answer TEXT once and exit; standard input is appended to it
    #[arg(short, long, value_name = "TEXT")]
    pub(crate) prompt: Option<String>,
    /// With -p: print one JSON object instead of the text
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) model: ModelFlags,
    /// The adapter to answer with, by name or id; `base` is none [default: the one in use]
    #[arg(long, value_name = "NAME|ID|base", env = "HONE_ADAPTER")]
    pub(crate) adapter: Option<String>,
    /// An instruction that stands before the conversation
    #[arg(long, value_name = "TEXT")]
    pub(crate) system: Option<String>,
    /// Randomness of the answer; 0 takes the most likely token every time
    #[arg(long, value_name = "T")]
    pub(crate) temperature: Option<f32>,
    /// Choose among the K most likely tokens; 0 is all
    #[arg(long, value_name = "K")]
    pub(crate) top_k: Option<usize>,
    /// Choose among the most likely tokens that hold this probability together
    #[arg(long, value_name = "P")]
    pub(crate) top_p: Option<f32>,
    /// Leave out tokens less likely than this share of the most likely one
    #[arg(long, value_name = "P")]
    pub(crate) min_p: Option<f32>,
    /// Makes tokens that were there before less likely; 1 is off
    #[arg(long, value_name = "X")]
    pub(crate) repetition_penalty: Option<f32>,
    /// Equal seeds give equal answers
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,
    /// The longest answer, in tokens
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) max_tokens: Option<u32>,
    /// Do not keep the conversation; with -p it is never kept
    #[arg(long)]
    pub(crate) no_save: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Serve {
    #[command(flatten)]
    pub(crate) model: ModelFlags,
    /// Address to listen on; anything but this machine needs an API key [default: 127.0.0.1]
    #[arg(long, value_name = "ADDRESS", env = "HONE_HOST")]
    pub(crate) host: Option<IpAddr>,
    /// Port to listen on; 0 takes a free one [default: 4663]
    #[arg(long, value_name = "N", env = "HONE_PORT")]
    pub(crate) port: Option<u16>,
    /// Key that every client must send; the environment is the safer place for it
    #[arg(long, value_name = "KEY", env = "HONE_API_KEY", hide_env_values = true)]
    pub(crate) api_key: Option<String>,
    /// A Unix socket to listen on instead of an address: only you can open it, on a machine that others use too
    #[arg(long, value_name = "PATH", conflicts_with_all = ["host", "port"])]
    pub(crate) socket: Option<std::path::PathBuf>,
    /// One more name that clients may use for this server, with a port or without; may be repeated
    #[arg(long, value_name = "NAME")]
    pub(crate) allowed_host: Vec<String>,
    /// The adapter that answers where a request names none, by name or id; `base` is none [default: the one in use]
    #[arg(long, value_name = "NAME|ID|base", env = "HONE_ADAPTER")]
    pub(crate) adapter: Option<String>,
    /// Sends nothing anywhere: no web search, no page, no model elsewhere
    #[arg(long)]
    pub(crate) offline: bool,
    /// Answers that are generated at once [default: 4]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=256))]
    pub(crate) parallel: Option<u32>,
}

#[derive(Debug, Args)]
pub(crate) struct Bench {
    #[command(flatten)]
    pub(crate) model: ModelFlags,
    /// Length of the prompt
    #[arg(long, value_name = "N", default_value_t = 512, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) prompt_tokens: u32,
    /// Length of the answer
    #[arg(long, value_name = "N", default_value_t = 128, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) gen_tokens: u32,
    /// Runs; the medians are printed
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) repeat: u32,
    /// Measure training of an adapter on all linear layers instead
    #[arg(long)]
    pub(crate) train: bool,
    /// Measure how often the intent of a message is judged right instead
    #[arg(long, conflicts_with = "train")]
    pub(crate) intent: bool,
    /// Measure how long it takes to put an adapter in use and to take it back instead
    #[arg(long, conflicts_with_all = ["train", "intent", "gate"])]
    pub(crate) adapters: bool,
    /// Measure how often the gate of `hone learn` is right instead: N seeds of each kind of candidate, one file each in
    /// --out; files that are there are counted and not made again
    #[arg(long, value_name = "N", conflicts_with_all = ["train", "intent"])]
    pub(crate) gate: Option<u64>,
    /// With --gate: the folder of the results
    #[arg(long, value_name = "DIR", default_value = "gate-trials", requires = "gate")]
    pub(crate) out: std::path::PathBuf,
    /// With --gate: kinds of candidates: good, null, shuffled, hot, poisoned [default: all]
    #[arg(long, value_name = "KIND", value_delimiter = ',', requires = "gate")]
    pub(crate) kinds: Vec<String>,
    /// With --gate: the first seed; those from 100 up are for tuning
    #[arg(long, value_name = "N", default_value_t = 0, requires = "gate")]
    pub(crate) first_seed: u64,
    /// With --gate: steps of a training [default: as the number of examples asks for]
    #[arg(long, value_name = "N", requires = "gate")]
    pub(crate) steps: Option<u64>,
    /// With --gate: what the divergence from the model's own answers is multiplied with in training [default: as in a cycle]
    #[arg(long, value_name = "X", requires = "gate")]
    pub(crate) anchor: Option<f32>,
    /// With --train: tokens of a sequence
    #[arg(long, value_name = "N", default_value_t = 512, value_parser = clap::value_parser!(u32).range(2..))]
    pub(crate) seq: u32,
    /// With --train: rank of the updates
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub(crate) rank: u32,
    /// With --train: chats to learn from instead of random tokens
    #[arg(long, value_name = "FILE", requires = "train")]
    pub(crate) data: Option<std::path::PathBuf>,
    /// With --data: chats of a step; short ones are computed together, as in a run
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) accumulate: u32,
    /// Sequences at once; speeds are totals over all of them
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=256))]
    pub(crate) parallel: u32,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Doctor {
    /// Read every model file again and compare its hash
    #[arg(long)]
    pub(crate) verify: bool,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// A format by its name; llama.cpp's names of the mixtures are taken too.
fn format(text: &str) -> Result<Format, String> {
    let name = text.to_ascii_uppercase();
    let name = name.strip_suffix("_M").unwrap_or(&name);
    let found = Format::ALL.into_iter().find(|format| format.name() == name);
    found.ok_or_else(|| format!("known are {}", Format::ALL.map(Format::name).join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn flags_are_consistent() {
        Flags::command().debug_assert();
    }
}
