//! What can go wrong with the adapters on disk, said so that the reader knows what to do.

use super::Base;
use engine::adapter::{AdapterError, AdapterFileError};
use std::io;
use std::path::{Path, PathBuf};

/// Why something was not done. Whatever it was, the adapters are as before.
#[derive(Debug, thiserror::Error)]
pub enum AdaptersError {
    /// Reading or writing failed.
    #[error("{doing} {}: {source}", path.display())]
    Io {
        /// What was tried: `cannot write`.
        doing: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// No adapter is called that.
    #[error("there is no adapter `{0}`; `hone adapter list` shows what there is")]
    NotFound(String),
    /// The beginning of several ids.
    #[error("`{text}` is the beginning of {} and {}; write more of the id", ids[0], ids[1])]
    Ambiguous {
        /// What was asked for.
        text: String,
        /// Two of the ids that begin so.
        ids: [String; 2],
    },
    /// A name that cannot be.
    #[error("`{name}` cannot be the name of an adapter: {why}")]
    Name {
        /// The name.
        name: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// Files of an adapter are missing or changed.
    #[error(
        "the adapter {id} is damaged: {reason}; remove it with `hone adapter rm {id}` and train or import it again"
    )]
    Damaged {
        /// Its id.
        id: String,
        /// What is wrong.
        reason: String,
    },
    /// `active.json` cannot be read.
    #[error("{} cannot be used: {reason}; remove it, and no adapter is in use", path.display())]
    Pointer {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Trained on another model.
    #[error(
        "the adapter {adapter} was trained on {} (sha256 {}), and this model is {} (sha256 {}); an adapter works only with the model it was trained on",
        trained.name, short(&trained.sha256), model.name, short(&model.sha256)
    )]
    WrongBase {
        /// Name and id.
        adapter: String,
        /// What it was trained on.
        trained: Box<Base>,
        /// What it was to be used with.
        model: Box<Base>,
    },
    /// The adapter that is in use is not removed by accident.
    #[error("the adapter {0} is in use; choose another one first, or remove it with --force")]
    InUse(String),
    /// There is nothing before.
    #[error("nothing to roll back: no adapter is in use for {0}, and none was before")]
    NothingBefore(String),
    /// Not an adapter of this model.
    #[error(transparent)]
    File(#[from] AdapterFileError),
    /// Not an adapter of this model.
    #[error(transparent)]
    Mismatch(#[from] AdapterError),
}

impl AdaptersError {
    pub(super) fn io(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self + use<> {
        let path = path.to_path_buf();
        move |source| AdaptersError::Io { doing, path, source }
    }
}

/// The beginning of a hash: enough to tell two apart.
fn short(sha256: &str) -> &str {
    sha256.get(..12).unwrap_or(sha256)
}
