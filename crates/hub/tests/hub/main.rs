//! The hub against a hub of its own that misbehaves, packages that are not what they seem, and full disks.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on ends")]

mod chaos;
mod dataset;
mod disk;
mod errors;
mod library;
mod repository;
mod resume;
mod server;
mod wheels;

use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;

use hub::{HubError, Installed, Library, Patience, Progress, PullOptions};
use server::{Hub, SPEC, TOKEN};

/// Numbers that look random and are the same in every run (splitmix64).
pub(crate) struct Rng(pub(crate) u64);

impl Rng {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    pub(crate) fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.next() as u8).collect()
    }
}

/// Something that begins as a model does.
pub(crate) fn model_bytes(seed: u64, count: usize) -> Vec<u8> {
    let mut bytes = Rng(seed).bytes(count.max(4));
    bytes[..4].copy_from_slice(b"GGUF");
    bytes
}

/// The SHA-256 of `bytes` in hexadecimal.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    use sha2::{Digest as _, Sha256};
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Quick to lose patience, with blocks of `block` bytes.
pub(crate) fn impatient(block: u64) -> Patience {
    Patience {
        block,
        stall: Duration::from_millis(600),
        stall_bytes: 500,
        retries: 6,
        backoff: Duration::from_millis(1),
        longest_wait: Duration::from_millis(20),
    }
}

/// Options that lead to `hub`, with blocks of `block` bytes.
pub(crate) fn options(hub: &Hub, block: u64) -> PullOptions {
    PullOptions {
        endpoint: Some(hub.endpoint.clone()),
        token: Some(TOKEN.to_owned()),
        patience: impatient(block),
        ..PullOptions::default()
    }
}

pub(crate) fn pull(folder: &Path, options: &PullOptions) -> Result<Installed, HubError> {
    hub::pull(&Library::open(folder)?, SPEC, options, &Log::default())
}

/// Keeps what it was told.
#[derive(Default)]
pub(crate) struct Log {
    pub(crate) lines: Mutex<Vec<String>>,
}

impl Progress for Log {
    fn start(&self, what: &str, total: Option<u64>) {
        self.lines.lock().unwrap().push(format!("start {what} {total:?}"));
    }
    fn advance(&self, done: u64) {
        self.lines.lock().unwrap().push(format!("at {done}"));
    }
    fn message(&self, text: &str) {
        self.lines.lock().unwrap().push(text.to_owned());
    }
    fn finish(&self) {
        self.lines.lock().unwrap().push("finish".to_owned());
    }
}
