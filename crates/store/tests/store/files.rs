//! The file itself: private, copied, refused where it is not ours.

use crate::store;
use std::fs;
use std::path::Path;
use store::{NewChat, NewMessage, Store, StoreError};

#[cfg(unix)]
#[test]
fn nobody_else_can_read_it() {
    use std::os::unix::fs::PermissionsExt;
    let (home, store) = store();
    let chat = store.chats().create(NewChat::default()).unwrap().id;
    let _answer = store.messages().begin(chat, NewMessage::assistant("x")).unwrap();
    store.backup().unwrap();
    fn look(path: &Path) {
        let mode = fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, if path.is_dir() { 0o700 } else { 0o600 }, "{}", path.display());
        if path.is_dir() {
            fs::read_dir(path).unwrap().for_each(|file| look(&file.unwrap().path()));
        }
    }
    fs::set_permissions(home.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let _again = Store::open(home.path()).unwrap();
    look(home.path());
}

#[test]
fn several_threads_may_copy_at_once() {
    let (home, store) = store();
    let chat = store.chats().create(NewChat::default()).unwrap().id;
    store.messages().append(chat, NewMessage::user("long ".repeat(400_000))).unwrap();
    std::thread::scope(|scope| {
        let copies: Vec<_> = (0..8).map(|_| scope.spawn(|| store.backup())).collect();
        copies.into_iter().for_each(|copy| drop(copy.join().unwrap().unwrap()));
    });
    let names = fs::read_dir(home.path().join("backups")).unwrap();
    let left: Vec<_> = names.map(|file| file.unwrap().file_name()).collect();
    assert!(matches!(&left[..], [one] if one.to_string_lossy().ends_with(".db")), "{left:?}");
}

#[test]
fn a_copy_a_day_and_seven_days() {
    let (home, store) = store();
    let chat = store.chats().create(NewChat { title: "kept".into(), ..NewChat::default() }).unwrap().id;
    let backups = home.path().join("backups");
    fs::create_dir_all(&backups).unwrap();
    for day in 1..=9 {
        fs::write(backups.join(format!("hone-2020-01-0{day}.db")), "").unwrap();
    }
    let copy = match store.backup().unwrap() {
        Some(copy) => copy,
        // The thread that does it was faster.
        None => fs::read_dir(&backups).unwrap().map(|f| f.unwrap().path()).max().unwrap(),
    };
    assert_eq!(store.backup().unwrap(), None);
    assert_eq!(fs::read_dir(&backups).unwrap().count(), 7);
    let other = tempfile::tempdir().unwrap();
    fs::copy(copy, other.path().join("hone.db")).unwrap();
    assert_eq!(Store::open(other.path()).unwrap().chats().get(chat).unwrap().title, "kept");
}

#[test]
fn what_is_not_ours_is_left_alone() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("hone.db");
    let refused = |text: &str| {
        let before = fs::read(&path).unwrap();
        let error = Store::open(home.path()).map(drop).unwrap_err();
        assert!(fs::read(&path).unwrap() == before, "{text}: the file has changed");
        error
    };
    fs::write(&path, "<!DOCTYPE html>".repeat(1000)).unwrap();
    assert!(matches!(refused("no database"), StoreError::Corrupt { .. }));

    fs::remove_file(&path).unwrap();
    rusqlite::Connection::open(&path).unwrap().execute_batch("CREATE TABLE other (x)").unwrap();
    assert!(matches!(refused("of another program"), StoreError::Corrupt { .. }));

    fs::remove_file(&path).unwrap();
    drop(Store::open(home.path()).unwrap());
    let newer = rusqlite::Connection::open(&path).unwrap();
    newer.execute_batch("PRAGMA journal_mode = DELETE; PRAGMA user_version = 99").unwrap();
    drop(newer);
    let error = Store::open(home.path()).map(drop).unwrap_err();
    assert!(matches!(error, StoreError::Newer { found: 99, known: 1, .. }), "{error:?}");
    assert!(error.to_string().contains("update hone"), "{error}");
}

#[test]
fn a_damaged_page_is_an_error_and_no_crash() {
    let (home, store) = store();
    let chat = store.chats().create(NewChat::default()).unwrap().id;
    for n in 0..300 {
        store.messages().append(chat, NewMessage::user(format!("{n} ").repeat(50))).unwrap();
    }
    drop(store);
    let path = home.path().join("hone.db");
    let whole = fs::read(&path).unwrap();
    let mut errors = 0;
    for page in 1..whole.len() / 4096 {
        let mut bytes = whole.clone();
        bytes[page * 4096..page * 4096 + 64].fill(0xff);
        fs::write(&path, &bytes).unwrap();
        let read = Store::open(home.path()).and_then(|store| {
            store.messages().tree(chat)?;
            store.check().map(|findings| findings.is_empty())
        });
        match read {
            Ok(true) => {}
            Ok(false) | Err(StoreError::Corrupt { .. } | StoreError::Internal(_)) => errors += 1,
            other => panic!("page {page}: {other:?}"),
        }
    }
    assert!(errors > 30, "only {errors} pages mattered");
}

#[test]
fn a_store_that_was_searched_is_found_sound() {
    let (_home, store) = store();
    let text = "four kilobytes ".repeat(270);
    for round in 0..3 {
        let chat = store.chats().create(NewChat::default()).unwrap().id;
        for n in 0..300 {
            store.messages().append(chat, NewMessage::user(format!("{round} {n} {text}"))).unwrap();
        }
        assert!(!store.chats().search("kilobytes", 9).unwrap().is_empty());
        store.chats().remove(chat).unwrap();
        assert_eq!(store.check().unwrap(), [] as [String; 0], "round {round}");
    }
}
