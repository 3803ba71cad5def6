//! Files that were changed, lost or left behind.

use crate::make::{active, adapter, add, base, config, new};
use learn::adapters::{AdaptersError, Library};
use std::fs;
use std::path::PathBuf;

fn flip(path: &PathBuf) {
    let mut bytes = fs::read(path).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(path, bytes).unwrap();
}

#[test]
fn a_changed_file_is_not_used() {
    let home = tempfile::tempdir().unwrap();
    let library = Library::open(home.path()).unwrap();
    let a = base('a');
    let (one, two) = (add(&library, "one", a.clone()), add(&library, "two", a.clone()));
    library.use_(&one).unwrap();
    flip(&library.path(&two));
    library.verify(&one).unwrap();
    assert!(matches!(library.verify(&two), Err(AdaptersError::Damaged { id, .. }) if id == two.id));
    assert!(matches!(library.use_(&two), Err(AdaptersError::Damaged { .. })));
    assert!(matches!(library.load(&two, &a, &config()), Err(AdaptersError::Damaged { .. })));
    assert_eq!(active(&library, &a), Some(one.id));
}

#[test]
fn rollback_passes_over_what_cannot_be_used() {
    let home = tempfile::tempdir().unwrap();
    let library = Library::open(home.path()).unwrap();
    let a = base('a');
    let all = ["one", "two", "three", "four"].map(|name| add(&library, name, a.clone()));
    all.iter().for_each(|manifest| library.use_(manifest).unwrap());
    flip(&library.path(&all[2]));
    fs::remove_dir_all(library.path(&all[1]).parent().unwrap()).unwrap();
    let back = library.rollback(&a).unwrap();
    assert_eq!((back.to.map(|m| m.id), back.skipped.len()), (Some(all[0].id.clone()), 2));
    assert_eq!(active(&library, &a), Some(all[0].id.clone()));
}

#[test]
fn damaged_adapters_are_left_out_and_can_be_removed() {
    let home = tempfile::tempdir().unwrap();
    let library = Library::open(home.path()).unwrap();
    let sound = add(&library, "sound", base('a'));
    let broken = ["", "{", "[]", "{\"version\": 2}"].map(|text| {
        let manifest = add(&library, "broken", base('a'));
        fs::write(library.path(&manifest).with_file_name("adapter.json"), text).unwrap();
        manifest.id
    });
    let short = add(&library, "short", base('a'));
    fs::write(library.path(&short), "GGUF").unwrap();
    let stolen = add(&library, "stolen", base('a'));
    let manifest = |m| library.path(m).with_file_name("adapter.json");
    fs::copy(manifest(&sound), manifest(&stolen)).unwrap();
    assert_eq!(library.list().unwrap(), [sound]);
    for id in broken.iter().chain([&short.id, &stolen.id]) {
        assert!(matches!(library.find(id), Err(AdaptersError::Damaged { .. })));
        library.rm(id, false).unwrap();
        assert!(matches!(library.find(id), Err(AdaptersError::NotFound(_))));
    }
}

#[test]
fn a_damaged_pointer_is_said_and_not_overwritten() {
    let home = tempfile::tempdir().unwrap();
    let library = Library::open(home.path()).unwrap();
    let one = add(&library, "one", base('a'));
    let pointer = home.path().join("adapters/active.json");
    for text in
        ["", "null", "{\"version\":1,\"bases\":[]}", "{\"version\":9,\"bases\":{}}", &"[".repeat(100_000)]
    {
        fs::write(&pointer, text).unwrap();
        assert!(matches!(library.active("a"), Err(AdaptersError::Pointer { .. })));
        assert!(matches!(library.use_(&one), Err(AdaptersError::Pointer { .. })));
        assert!(matches!(library.rollback(&base('a')), Err(AdaptersError::Pointer { .. })));
        assert!(matches!(library.rm("one", true), Err(AdaptersError::Pointer { .. })));
        assert_eq!(fs::read_to_string(&pointer).unwrap(), text);
    }
    fs::remove_file(&pointer).unwrap();
    library.use_(&one).unwrap();
}

#[test]
fn what_a_killed_process_left_is_cleared_away() {
    let home = tempfile::tempdir().unwrap();
    let library = Library::open(home.path()).unwrap();
    let folder = home.path().join("adapters");
    for left in [".new-20261124-031500-4f2a", ".gone-20261124-031500-4f2a"] {
        fs::create_dir(folder.join(left)).unwrap();
        fs::write(folder.join(left).join("adapter.gguf"), "half").unwrap();
    }
    fs::write(folder.join("active.json.part"), "{").unwrap();
    assert_eq!(library.list().unwrap(), []);
    library.use_(&add(&library, "one", base('a'))).unwrap();
    let mut left: Vec<_> =
        fs::read_dir(&folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    left.retain(|name| name.starts_with(".new") || name.starts_with(".gone") || name.ends_with(".part"));
    assert_eq!(left, [] as [&str; 0]);
}

#[test]
fn an_add_that_fails_leaves_nothing() {
    let home = tempfile::tempdir().unwrap();
    let library = Library::open(home.path()).unwrap();
    let mut config = config();
    let adapter = adapter(&config, 0.5);
    config.layers = 1;
    let error = library.add(new("one", base('a')), &adapter, &config).unwrap_err();
    assert!(matches!(error, AdaptersError::File(_)), "{error}");
    let left: Vec<_> = fs::read_dir(home.path().join("adapters"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .filter(|name| name != ".lock")
        .collect();
    assert!(left.is_empty(), "{left:?}");
}
