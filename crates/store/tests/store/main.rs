//! What the store promises, through its public interface.

mod chats;
mod files;
mod rows;

/// A store in a folder that is deleted in the end.
fn store() -> (tempfile::TempDir, store::Store) {
    let home = tempfile::tempdir().unwrap();
    let store = store::Store::open(home.path()).unwrap();
    (home, store)
}
