//! The models that have a short name: where each comes from, how large it is, what it may be used for.
//!
//! The data is `catalog.toml`, compiled in.

use std::sync::OnceLock;

use serde::{Deserialize, Serialize};

use crate::ids::{CommitId, Digest, ModelName, RelPath, RepoId};

/// The model that is used when no other was chosen.
pub const STARTER: &str = "smollm2-135m";

/// The model that makes vectors of texts.
pub const EMBEDDING: &str = "all-minilm-l6-v2";

/// The length of conversation that [`Entry::memory_bytes`] counts.
pub const CONTEXT: u64 = 8192;

/// What the program itself takes beside the weights and the conversation, in bytes.
const PROGRAM: u64 = 150_000_000;

/// One model of the catalogue.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The name to pull it by.
    pub name: ModelName,
    /// What it is for.
    pub kind: Kind,
    /// What it is good for, in a few words.
    pub summary: String,
    /// The licence of the weights.
    pub license: String,
    /// Number of weights.
    pub parameters: u64,
    /// Size of the file.
    pub bytes: u64,
    /// SHA-256 of the file.
    pub sha256: Digest,
    /// Memory to run it: the file, a conversation of [`CONTEXT`] tokens in f16, and 150 MB for the program.
    pub memory_bytes: u64,
    /// Where the file is.
    pub origin: Origin,
}

/// What a model is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// It writes text: one GGUF file.
    #[default]
    Chat,
    /// It makes vectors of texts: safetensors, with small files beside.
    Embedding,
}

impl Kind {
    /// As it is written in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Chat => "chat",
            Kind::Embedding => "embedding",
        }
    }
}

/// Where the file of a catalogue entry is.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// Inside the wheel of a Python package.
    Wheel(WheelFile),
    /// In a repository of the hub.
    Hf(HubFile),
}

/// A file inside the wheel of a Python package.
#[derive(Clone, Debug, Deserialize)]
pub struct WheelFile {
    /// The package.
    pub package: String,
    /// Its version.
    pub version: String,
    /// SHA-256 of the wheel.
    pub sha256: Digest,
    /// Size of the wheel.
    pub bytes: u64,
    /// The file inside.
    pub member: RelPath,
    /// Where that file is an archive itself: what is in it.
    pub archive: Option<Archive>,
}

/// A zip archive inside a wheel.
#[derive(Clone, Debug, Deserialize)]
pub struct Archive {
    /// Its size.
    pub bytes: u64,
    /// The model file inside; size and SHA-256 are those of the entry.
    pub member: RelPath,
    /// The small files that belong to it, in the top folder of the archive.
    pub beside: Vec<Beside>,
}

/// A small file that belongs to a model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Beside {
    /// Its name.
    pub name: RelPath,
    /// Its size.
    pub bytes: u64,
    /// Its SHA-256.
    pub sha256: Digest,
}

/// A file in a repository of the hub.
#[derive(Clone, Debug, Deserialize)]
pub struct HubFile {
    /// The repository.
    pub repo: RepoId,
    /// The file in it.
    pub file: RelPath,
    /// The commit that it is taken from.
    pub commit: CommitId,
}

impl Entry {
    /// Whether a machine with `memory_bytes` of memory runs this model with some room to spare: a fifth
    /// is left to the system, the editor and the browser.
    pub fn fits(&self, memory_bytes: u64) -> bool {
        self.memory_bytes <= memory_bytes / 5 * 4
    }
}

/// Every model of the catalogue: those that chat, small to large, then those that embed.
pub fn entries() -> &'static [Entry] {
    static ENTRIES: OnceLock<Vec<Entry>> = OnceLock::new();
    ENTRIES.get_or_init(|| read(include_str!("catalog.toml")).expect("the catalogue is checked by a test"))
}

/// The model called `name`.
pub fn find(name: &str) -> Option<&'static Entry> {
    entries().iter().find(|entry| entry.name.as_str() == name)
}

#[derive(Deserialize)]
struct File {
    entry: Vec<Row>,
}

#[derive(Deserialize)]
struct Row {
    name: ModelName,
    #[serde(default)]
    kind: Kind,
    summary: String,
    license: String,
    parameters: u64,
    bytes: u64,
    sha256: Digest,
    kv_bytes_per_token: u64,
    #[serde(flatten)]
    origin: Origin,
}

fn read(text: &str) -> Result<Vec<Entry>, toml::de::Error> {
    let file: File = toml::from_str(text)?;
    Ok(file.entry.into_iter().map(Entry::from).collect())
}

impl From<Row> for Entry {
    fn from(row: Row) -> Entry {
        Entry {
            memory_bytes: row.bytes + row.kv_bytes_per_token * CONTEXT + PROGRAM,
            name: row.name,
            kind: row.kind,
            summary: row.summary,
            license: row.license,
            parameters: row.parameters,
            bytes: row.bytes,
            sha256: row.sha256,
            origin: row.origin,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resolve::{self, Source};

    const GIB: u64 = 1 << 30;

    #[test]
    fn every_entry_is_complete_and_can_be_resolved() {
        let names: Vec<&str> = entries().iter().map(|entry| entry.name.as_str()).collect();
        let sizes = ["0.5b", "1.5b", "3b", "7b", "14b", "32b"].map(|size| format!("qwen2.5-coder-{size}"));
        assert_eq!(names[0], STARTER);
        assert_eq!(names[1..7], sizes);
        assert_eq!(names[7..], [EMBEDDING]);
        assert!(chatting().is_sorted_by_key(|entry| entry.bytes), "small to large");
        for entry in entries() {
            assert!(matches!(resolve::resolve(entry.name.as_str()), Ok(Source::Catalog(_))));
            assert!(!entry.summary.is_empty() && !entry.license.is_empty());
            if entry.kind == Kind::Embedding {
                assert_eq!(entry.bytes / entry.parameters, 4, "{} is in f32", entry.name);
                continue;
            }
            // Between 4 and 8 bits a weight: the figures belong to one another.
            let bits = entry.bytes as f64 * 8.0 / entry.parameters as f64;
            assert!((4.0..8.0).contains(&bits), "{}: {bits} bits a weight", entry.name);
        }
        assert_eq!(find("qwen2.5-coder-3b").unwrap().license, "Qwen Research License");
        assert!(find("gpt-9").is_none());
    }

    fn chatting() -> impl Iterator<Item = &'static Entry> {
        entries().iter().filter(|entry| entry.kind == Kind::Chat)
    }

    #[test]
    fn what_fits_a_machine() {
        let fitting = |memory: u64| chatting().filter(|entry| entry.fits(memory)).count();
        assert_eq!(fitting(0), 0);
        assert_eq!(fitting(GIB), 2);
        assert_eq!(fitting(2 * GIB), 3);
        assert_eq!(fitting(8 * GIB), 5);
        assert_eq!(fitting(16 * GIB), 6);
        assert_eq!(fitting(32 * GIB), 7);
        assert_eq!(fitting(u64::MAX), 7);
    }

    #[test]
    fn memory_counts_the_file_the_conversation_and_the_program() {
        let entry = find("qwen2.5-coder-7b").unwrap();
        // 28 layers, 4 key-value heads of 128, f16.
        let kv = 2 * 28 * 4 * 128 * 2 * CONTEXT;
        assert_eq!(entry.memory_bytes, 4_683_073_536 + kv + 150_000_000);
    }
}
