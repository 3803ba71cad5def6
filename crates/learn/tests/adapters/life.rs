//! What happens to adapters when nothing goes wrong.

use crate::make::{active, adapter, add, base, config, new};
use engine::adapter::Target;
use learn::adapters::{AdaptersError, Library};
use serde_json::json;
use sha2::{Digest, Sha256};
use std::fs;

#[test]
fn an_adapter_is_found_again_as_it_was_added() {
    let home = tempfile::tempdir().unwrap();
    let library = Library::open(home.path()).unwrap();
    assert_eq!(library.list().unwrap(), []);
    let config = config();
    let mut about = new("adapters_final", base('a'));
    (about.data, about.parent) = (Some("d".repeat(64)), Some("20260101-000000-0001".into()));
    about.scores = json!({"valid_loss": [1.5, 1.25]});
    let added = library.add(about.clone(), &adapter(&config, 0.5), &config).unwrap();

    let path = library.path(&added);
    assert_eq!(path, home.path().join("adapters").join(&added.id).join("adapter.gguf"));
    let hash: String = Sha256::digest(fs::read(&path).unwrap()).iter().map(|b| format!("{b:02x}")).collect();
    assert_eq!((added.sha256.clone(), added.bytes), (hash, fs::metadata(&path).unwrap().len()));
    let (name, data, recipe, scores) = (&added.name, &added.data, &added.recipe, &added.scores);
    assert_eq!((name, data, recipe, scores), (&about.name, &about.data, &about.recipe, &about.scores));
    assert_eq!((&added.base, &added.parent), (&about.base, &about.parent));
    assert_eq!(added.created[..10].replace('-', ""), added.id[..8]);

    let again = Library::open(home.path()).unwrap();
    assert_eq!(again.list().unwrap(), std::slice::from_ref(&added));
    let loaded = again.load(&added, &base('a'), &config).unwrap();
    let lora = loaded.get(1, Target::V).unwrap();
    assert_eq!((lora.scale, lora.a.as_slice()[0], loaded.iter().count()), (2.0, 0.5, 1));
    assert_eq!(active(&again, &base('a')), None, "adding is not using");
}

#[test]
fn an_adapter_is_found_by_id_prefix_and_name() {
    let home = tempfile::tempdir().unwrap();
    let library = Library::open(home.path()).unwrap();
    let first = add(&library, "same", base('a'));
    let second = add(&library, "same", base('a'));
    let other = add(&library, "other", base('a'));
    assert!(first.id < second.id && second.id < other.id);
    let id = |text: &str| library.find(text).map(|manifest| manifest.id);
    assert_eq!(id(&first.id).unwrap(), first.id);
    assert_eq!(id("same").unwrap(), second.id, "the newest of that name");
    assert_eq!(id("other").unwrap(), other.id);
    let common = &first.id[..8];
    match id(common) {
        Err(AdaptersError::Ambiguous { ids, .. }) => assert_eq!(ids, [first.id.clone(), second.id.clone()]),
        found => panic!("{found:?}"),
    }
    library.rm(&first.id, false).unwrap();
    library.rm("same", false).unwrap();
    assert_eq!(id(common).unwrap(), other.id);
    for absent in ["", "same", "20260101-000000-0001", "../..", "active.json"] {
        assert!(matches!(id(absent), Err(AdaptersError::NotFound(_))), "{absent}");
    }
}

#[test]
fn use_and_rollback_walk_forth_and_back() {
    let home = tempfile::tempdir().unwrap();
    let library = Library::open(home.path()).unwrap();
    let (a, b) = (base('a'), base('b'));
    let (one, two) = (add(&library, "one", a.clone()), add(&library, "two", a.clone()));
    let elsewhere = add(&library, "elsewhere", b.clone());
    assert!(matches!(library.rollback(&a), Err(AdaptersError::NothingBefore(_))));
    library.use_(&one).unwrap();
    library.use_(&two).unwrap();
    library.use_(&elsewhere).unwrap();
    assert_eq!(
        (active(&library, &a), active(&library, &b)),
        (Some(two.id.clone()), Some(elsewhere.id.clone()))
    );
    let back = library.rollback(&a).unwrap();
    assert_eq!((back.from, back.to.map(|m| m.id)), (Some(two.id.clone()), Some(one.id.clone())));
    let back = library.rollback(&a).unwrap();
    assert_eq!((back.from, back.to), (Some(one.id.clone()), None));
    assert!(matches!(library.rollback(&a), Err(AdaptersError::NothingBefore(_))));
    assert_eq!((active(&library, &a), active(&library, &b)), (None, Some(elsewhere.id)));
    library.use_(&one).unwrap();
    library.use_base(&a.sha256).unwrap();
    assert_eq!(active(&library, &a), None);
    assert_eq!(library.rollback(&a).unwrap().to.unwrap().id, one.id);
}

#[test]
fn the_adapter_in_use_is_not_removed_by_accident() {
    let home = tempfile::tempdir().unwrap();
    let library = Library::open(home.path()).unwrap();
    let a = base('a');
    let (one, two, three) =
        (add(&library, "one", a.clone()), add(&library, "two", a.clone()), add(&library, "three", a.clone()));
    [&one, &two, &three].into_iter().for_each(|manifest| library.use_(manifest).unwrap());
    assert!(matches!(library.rm("three", false), Err(AdaptersError::InUse(id)) if id == three.id));
    assert_eq!(active(&library, &a), Some(three.id.clone()));
    assert_eq!(library.rm("two", false).unwrap(), two.id);
    assert_eq!(library.rm("three", true).unwrap(), three.id);
    assert_eq!(active(&library, &a), Some(one.id.clone()), "what was before it is in use");
    assert_eq!(library.list().unwrap(), [one]);
    assert!(matches!(library.rm("three", true), Err(AdaptersError::NotFound(_))));
}

#[test]
fn another_base_is_refused_and_both_are_named() {
    let home = tempfile::tempdir().unwrap();
    let library = Library::open(home.path()).unwrap();
    let manifest = add(&library, "mine", base('a'));
    let error = library.load(&manifest, &base('b'), &config()).unwrap_err().to_string();
    for word in ["mine", "model-a", "model-b", "aaaaaaaaaaaa", "bbbbbbbbbbbb"] {
        assert!(error.contains(word), "{word}: {error}");
    }
}

#[test]
fn scores_are_set_later() {
    let home = tempfile::tempdir().unwrap();
    let library = Library::open(home.path()).unwrap();
    let manifest = add(&library, "mine", base('a'));
    let scored = library.set_scores(&manifest.id, json!({"loss": 0.5})).unwrap();
    assert_eq!(library.list().unwrap(), std::slice::from_ref(&scored));
    assert_eq!((scored.scores, scored.sha256), (json!({"loss": 0.5}), manifest.sha256));
}

#[test]
fn names_are_such_as_can_stand_in_a_model_id() {
    let home = tempfile::tempdir().unwrap();
    let library = Library::open(home.path()).unwrap();
    let config = config();
    for name in ["", "base", "a@b", "a/b", "..", "-x", "a b", "ä", "\u{1b}[2J", "20261124-031500-4f2a"] {
        let error = library.add(new(name, base('a')), &adapter(&config, 0.5), &config).unwrap_err();
        assert!(matches!(error, AdaptersError::Name { .. }), "{name}");
        assert!(!error.to_string().contains('\u{1b}'));
    }
    assert_eq!(library.list().unwrap(), []);
}

#[cfg(unix)]
#[test]
fn the_folder_is_private() {
    use std::os::unix::fs::PermissionsExt;
    let home = tempfile::tempdir().unwrap();
    let library = Library::open(home.path()).unwrap();
    library.use_(&add(&library, "mine", base('a'))).unwrap();
    let mut paths = vec![home.path().join("adapters")];
    while let Some(path) = paths.pop() {
        let meta = fs::metadata(&path).unwrap();
        assert_eq!(meta.permissions().mode() & 0o077, 0, "{} is open to others", path.display());
        if meta.is_dir() {
            paths.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        }
    }
}
