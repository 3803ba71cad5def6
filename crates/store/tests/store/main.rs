//! What the store promises, through its public interface.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "tests may")]

mod chats;
mod exchange;
mod files;
mod index;
mod rows;

/// A store in a folder that is deleted in the end.
fn store() -> (tempfile::TempDir, store::Store) {
    let home = tempfile::tempdir().unwrap();
    let store = store::Store::open(home.path()).unwrap();
    (home, store)
}
