//! What can go wrong on the way to a model: each error says what failed and what to do about it.

use std::io;
use std::path::{Path, PathBuf};

/// Why a model could not be pulled, listed or removed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs, reason = "each field is a part of the sentence that its message spells out")]
pub enum HubError {
    #[error(
        "`{0}` is no model that hone knows: give a name of the catalogue (`hone pull` lists it), \
         hf:owner/repo/file.gguf, hf:owner/repo, or the path of a .gguf file or a checkpoint's folder"
    )]
    UnknownModel(String),
    #[error("{what} `{value}` is not usable: {reason}")]
    Malformed { what: &'static str, value: String, reason: &'static str },
    #[error(
        "`{file}` is one piece of a split model, and hone reads single files: choose the single-file \
         variant of the repository, or join the pieces with `llama-gguf-split --merge` and pull the result"
    )]
    Split { file: String },
    #[error("{source_text} cannot be imported: {reason}")]
    NoCheckpoint { source_text: String, reason: String },
    #[error("`{name}` is already a model from {source_text}: `hone rm {name}` first, or rename the file")]
    NameTaken { name: String, source_text: String },
    #[error("there is no model `{0}` here: `hone list` shows those that are, `hone pull {0}` fetches it")]
    NotInstalled(String),
    #[error("the model `{name}` is damaged ({reason}): `hone pull {name}` brings it anew")]
    Damaged { name: String, reason: String },

    #[error(
        "`{spec}` is no data set that hone knows: give a name of the catalogue ({known}), \
         hf:owner/repo, or the path of a .json, .jsonl or .parquet file"
    )]
    UnknownData { spec: String, known: String },
    #[error(
        "{source_text} has no .json, .jsonl or .parquet file with rows to train on: look at its page, and name a \
         file as hf:owner/repo/file.json"
    )]
    NoData { source_text: String },

    #[error("hone is offline (HONE_OFFLINE is set) and {what} is not on this machine: unset it to download")]
    Offline { what: String },
    #[error("cannot reach {host}: {reason}. Check the network, or HF_ENDPOINT and the proxy settings")]
    Network { host: String, reason: String },
    #[error("{host} answered too slowly or stopped sending; run the same command again to go on from here")]
    Stalled { host: String },
    #[error(
        "{url} wants a login (401): it does not exist or is private. \
         Check the name, or set HF_TOKEN to a token that may read it"
    )]
    Unauthorized { url: String },
    #[error("{url} is gated (403): accept its terms on its page, then set HF_TOKEN to your token")]
    Forbidden { url: String },
    #[error("{url} does not exist (404): check the owner, the repository, the file and the revision")]
    NotFound { url: String },
    #[error(
        "{host} asks to wait {seconds} s before the next request (429): run the same command again later"
    )]
    RateLimited { host: String, seconds: u64 },
    #[error("{host} answered with HTTP {status}: run the same command again later")]
    Server { host: String, status: u16, seconds: u64 },
    #[error("{host} answered with HTTP {status}, which hone does not know what to do with")]
    Unexpected { host: String, status: u16 },
    #[error("{host} sent a redirect that hone does not follow: {reason}")]
    Redirect { host: String, reason: String },
    #[error("{host} broke the HTTP protocol: {reason}")]
    Protocol { host: String, reason: String },

    #[error(
        "{url} announces no SHA-256 ({missing} is missing), so what arrives could not be checked: \
         only files in large file storage can be pulled"
    )]
    NoDigest { url: String, missing: &'static str },
    #[error("{what} has {got} bytes where {expected} were announced: nothing was installed")]
    SizeMismatch { what: String, expected: u64, got: u64 },
    #[error("{what} has the hash {got} where {expected} was announced: nothing was installed")]
    DigestMismatch { what: String, expected: String, got: String },
    #[error("{what} is not a GGUF file: it does not start with the bytes `GGUF`")]
    NotGguf { what: String },
    #[error(
        "not enough room in {}: {needed} bytes are needed (64 MiB stay free), {available} are there. \
         Free some space, or set HONE_HOME to a larger disk",
        folder.display()
    )]
    DiskFull { folder: PathBuf, needed: u64, available: u64 },

    #[error("stopped; what has come is kept, and the same pull goes on from there")]
    Stopped,

    #[error("`{python}` is not there: install Python 3 with pip, it fetches the package of this model")]
    NoPython { python: String },
    #[error(
        "`{python}` has no pip: install it (`{python} -m ensurepip`, or the system's package python3-pip)"
    )]
    NoPip { python: String },
    #[error("pip could not fetch {package}: {reason}")]
    Pip { package: String, reason: String },
    #[error("the package {wheel} is refused: {reason}")]
    Wheel { wheel: String, reason: String },

    #[error("{action} {}: {source}", path.display())]
    Io { action: &'static str, path: PathBuf, source: io::Error },
}

impl HubError {
    /// Adds what was being done with which file to an [`io::Error`].
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> HubError + use<> {
        let path = path.to_path_buf();
        move |source| {
            if source.kind() == io::ErrorKind::StorageFull {
                let folder = path.parent().unwrap_or(&path).to_path_buf();
                HubError::DiskFull { folder, needed: crate::disk::RESERVE, available: 0 }
            } else {
                HubError::Io { action, path, source }
            }
        }
    }

    /// Whether the same request may well succeed a moment later.
    pub(crate) fn is_passing(&self) -> bool {
        matches!(
            self,
            HubError::Network { .. }
                | HubError::Stalled { .. }
                | HubError::RateLimited { .. }
                | HubError::Server { .. }
                | HubError::Protocol { .. }
        )
    }
}
