//! Training sets: from rows of any usual shape to chat examples in `train.jsonl` and `valid.jsonl`.
//!
//! Data goes down this list: a file becomes rows (`rows`), a row of a known shape becomes an [`Example`]
//! (`format`), what is empty, double or broken is dropped and counted (`collect`), the rest is dealt to the
//! parts of a set (`split`, `mix`), and a set is a folder with a manifest (`set`). `choose` finds what was asked for by name.

mod choose;
mod collect;
mod error;
mod forget;
mod format;
mod mix;
mod report;
mod rows;
mod set;
mod split;
pub mod stats;

use std::path::Path;

pub use choose::{Chosen, Split, folder, names};
pub use collect::Collector;
pub use engine::text::Message;
pub use error::DatasetError;
pub use forget::forget;
pub use format::Format;
pub use mix::{Weighted, mix};
pub use report::{BadRow, Report};
pub use rows::each_row;
pub use set::{Manifest, PART_NAMES, PartFile, Set, Source, SourceFile, file_sha256};
pub use split::{Parts, Shares, split};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// One conversation to learn from: at least one answer of the assistant, and no blank message.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Example {
    /// Roles are `system`, `user`, `assistant` and `tool`.
    pub messages: Vec<Message>,
    /// So many of the messages are context: answers among them are not learned.
    #[serde(default, skip_serializing_if = "is_none_given")]
    pub given: usize,
    /// How much it counts beside others.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub weight: f32,
}

fn one() -> f32 {
    1.0
}

fn is_one(weight: &f32) -> bool {
    *weight == 1.0
}

fn is_none_given(given: &usize) -> bool {
    *given == 0
}

impl Example {
    /// A conversation all of whose answers are learned.
    pub fn new(messages: Vec<Message>) -> Example {
        Example { messages, given: 0, weight: 1.0 }
    }

    /// The SHA-256 of its roles and texts, by which duplicates are found. Lengths stand before the texts, so
    /// that no two different conversations are hashed as the same bytes.
    pub fn digest(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        for text in self.messages.iter().flat_map(|message| [&message.role, &message.content]) {
            hash.update((text.len() as u64).to_le_bytes());
            hash.update(text);
        }
        hash.finalize().into()
    }
}

/// Reads the examples of a file: rows in any format that hone recognises, in JSON, JSONL or Parquet.
///
/// Empty and duplicate rows are left out, and so are bad ones; the report counts them. More than 5 % bad rows
/// are an error. A file without rows gives no examples.
pub fn read(path: &Path) -> Result<(Vec<Example>, Report), DatasetError> {
    let mut collector = Collector::new(None);
    collector.add_file(path, &path.display().to_string())?;
    collector.finish()
}
