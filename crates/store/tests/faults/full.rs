//! A full disk, with every 64 KiB step of free space: nothing acknowledged is lost, reading and deleting work, and
//! writing works again as soon as there is room, without a restart.

use crate::mount::Mount;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use store::{Id, NewChat, NewMessage, Store, StoreError, disk};

/// The disk: 24 MiB in memory.
struct Disk {
    _mount: Mount,
    folder: PathBuf,
    _outside: tempfile::TempDir,
}

impl Disk {
    fn new() -> Result<Disk, String> {
        let outside = tempfile::tempdir().unwrap();
        let folder = outside.path().join("disk");
        let mount = Mount::memory("size=24m", &folder)?;
        Ok(Disk { _mount: mount, folder, _outside: outside })
    }

    fn home(&self) -> PathBuf {
        self.folder.join("home")
    }

    fn ballast(&self) -> PathBuf {
        self.folder.join("ballast")
    }

    /// Fills the disk until so much is free.
    fn leave(&self, bytes: u64) {
        let mut file = File::create(self.ballast()).unwrap();
        while let Some(free) = disk::free(&self.folder).filter(|free| *free > bytes) {
            let piece = (free - bytes).min(1 << 16) as usize;
            if file.write_all(&vec![1; piece]).is_err() {
                break;
            }
        }
    }

    fn empty(&self) {
        let _ = std::fs::remove_file(self.ballast());
    }
}

/// Appends until the disk is full; how many were acknowledged.
fn fill(store: &Store, chat: Id) -> usize {
    let text = "four kilobytes ".repeat(270);
    for n in 0..100_000 {
        match store.messages().append(chat, NewMessage::user(format!("{n} {text}"))) {
            Ok(_) => {}
            Err(StoreError::Full(_)) => return n,
            Err(other) => panic!("after {n}: {other:?}"),
        }
    }
    panic!("the disk does not fill");
}

fn numbers(store: &Store, chat: Id) -> Vec<usize> {
    let number = |text: String| text.split(' ').next().unwrap().parse().unwrap();
    store.messages().tree(chat).unwrap().iter().map(|message| number(message.text())).collect()
}

fn step(disk: &Disk, store: &Store, free: u64) -> usize {
    let chat = store.chats().create(NewChat::default()).unwrap().id;
    let small = store.chats().create(NewChat::default()).unwrap().id;
    store.messages().append(small, NewMessage::user("to be deleted")).unwrap();
    disk.leave(free);
    let acknowledged = fill(store, chat);
    assert_eq!(numbers(store, chat), (0..acknowledged).collect::<Vec<_>>(), "with {free} bytes free");
    let found = store.chats().search("deleted", 9).unwrap();
    assert!(found.iter().any(|hit| hit.chat == small), "with {free} bytes free");
    store.chats().remove(small).unwrap_or_else(|error| panic!("with {free} bytes free: {error:?}"));
    disk.empty();
    let after = store.messages().append(chat, NewMessage::user(format!("{acknowledged} again")));
    after.unwrap_or_else(|error| panic!("not back after {free} bytes free: {error:?}"));
    assert_eq!(numbers(store, chat), (0..=acknowledged).collect::<Vec<_>>());
    store.chats().remove(chat).unwrap();
    acknowledged
}

/// A store opens, is read and lets go of things on a disk without a free byte.
fn opened_when_full(disk: &Disk, home: &Path) {
    let store = Store::open(home).unwrap();
    let chat = store.chats().create(NewChat::default()).unwrap().id;
    store.messages().append(chat, NewMessage::user("0 still here")).unwrap();
    drop(store);
    disk.leave(0);
    let store = Store::open(home).unwrap();
    assert_eq!(numbers(&store, chat), [0]);
    store.chats().remove(chat).unwrap();
    disk.empty();
    assert_eq!(store.check().unwrap(), [] as [String; 0]);
}

#[test]
#[ignore = "./test --faults runs it"]
fn nothing_is_lost_at_any_step_of_free_space() {
    let disk = match Disk::new() {
        Ok(disk) => disk,
        Err(why) => return println!("skipped: a disk in memory needs root ({why})"),
    };
    let store = Store::open(&disk.home()).unwrap();
    let (steps, mut acknowledged) = (128, 0);
    for k in 0..steps {
        acknowledged += step(&disk, &store, k * (64 << 10));
    }
    assert_eq!(store.check().unwrap(), [] as [String; 0]);
    drop(store);
    opened_when_full(&disk, &disk.home());
    println!("{steps} steps of 64 KiB, {acknowledged} acknowledged, 0 lost");
}
