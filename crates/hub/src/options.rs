//! How a pull is to be done, and how it tells of its progress.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How a pull is to be done.
#[derive(Clone)]
pub struct PullOptions {
    /// Use what is on this machine only (`HONE_OFFLINE`).
    pub offline: bool,
    /// The hub, `https://huggingface.co` where it is `None` (`HF_ENDPOINT`). Plain HTTP is for loopback only.
    pub endpoint: Option<String>,
    /// Sent to the endpoint and to no other host (`HF_TOKEN`).
    pub token: Option<String>,
    /// Where `huggingface_hub` keeps its cache, to be reused (`HF_HOME`).
    pub hf_home: Option<PathBuf>,
    /// The Python whose pip fetches packages.
    pub python: PathBuf,
    /// How long to wait and how often to try.
    pub patience: Patience,
    /// The free bytes of the disk that a folder is on.
    pub free_space: fn(&Path) -> io::Result<u64>,
}

/// How long a download waits, how often it tries, and in what steps it is checked.
#[derive(Clone, Debug)]
pub struct Patience {
    /// Bytes of a block: the unit that is checked, and fetched again when it is bad.
    pub block: u64,
    /// A connection that brings fewer than `stall_bytes` in this time is given up.
    pub stall: Duration,
    /// See `stall`.
    pub stall_bytes: u64,
    /// Failures in a row, without any progress, after which the pull ends.
    pub retries: u32,
    /// The first wait after a failure; it doubles with each further one, up to `longest_wait`.
    pub backoff: Duration,
    /// The longest wait, also when the server asks for more: then the pull ends.
    pub longest_wait: Duration,
}

impl Default for Patience {
    fn default() -> Patience {
        Patience {
            block: 8 << 20,
            stall: Duration::from_secs(30),
            stall_bytes: 16 << 10,
            retries: 6,
            backoff: Duration::from_millis(500),
            longest_wait: Duration::from_secs(60),
        }
    }
}

impl Default for PullOptions {
    fn default() -> PullOptions {
        PullOptions {
            offline: false,
            endpoint: None,
            token: None,
            hf_home: None,
            python: PathBuf::from(if cfg!(windows) { "python" } else { "python3" }),
            patience: Patience::default(),
            free_space: |folder| fs4::available_space(folder),
        }
    }
}

impl PullOptions {
    /// The options that the environment sets: `HONE_OFFLINE`, `HF_ENDPOINT`, `HF_TOKEN`, `HF_HOME`.
    pub fn from_env() -> PullOptions {
        let text = |name| std::env::var(name).ok().filter(|value| !value.trim().is_empty());
        let offline = text("HONE_OFFLINE").is_some_and(|value| !matches!(value.trim(), "0" | "false" | "no"));
        PullOptions {
            offline,
            endpoint: text("HF_ENDPOINT"),
            token: text("HF_TOKEN").map(|token| token.trim().to_owned()),
            hf_home: text("HF_HOME").map(PathBuf::from).or_else(default_hf_home),
            ..PullOptions::default()
        }
    }
}

fn default_hf_home() -> Option<PathBuf> {
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let cache = cache.or_else(|| Some(std::env::home_dir()?.join(".cache")))?;
    Some(cache.join("huggingface"))
}

impl fmt::Debug for PullOptions {
    /// Without the token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PullOptions")
            .field("offline", &self.offline)
            .field("endpoint", &self.endpoint)
            .field("token", &self.token.as_ref().map(|_| "..."))
            .field("hf_home", &self.hf_home)
            .field("python", &self.python)
            .field("patience", &self.patience)
            .finish_non_exhaustive()
    }
}

/// Told how far a pull is. One thing is under way at a time.
pub trait Progress: Sync {
    /// Something of `total` bytes begins, or of unknown size.
    fn start(&self, what: &str, total: Option<u64>);
    /// `done` bytes of it are there, counted from its beginning: it falls when a bad block is dropped.
    fn advance(&self, done: u64);
    /// A line for the user.
    fn message(&self, text: &str);
    /// What was started has ended.
    fn finish(&self);
    /// Whether the user wants it to end; what is there is kept, and the next pull goes on with it.
    fn is_stopped(&self) -> bool {
        false
    }
}

/// Tells nobody.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoProgress;

impl Progress for NoProgress {
    fn start(&self, _what: &str, _total: Option<u64>) {}
    fn advance(&self, _done: u64) {}
    fn message(&self, _text: &str) {}
    fn finish(&self) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_is_not_printed() {
        let options = PullOptions { token: Some("hf_secret".into()), ..PullOptions::default() };
        assert!(!format!("{options:?}").contains("hf_secret"));
    }
}
