//! Imports, the cache of huggingface_hub, and what is listed when.

use std::fs;
use std::path::Path;

use hub::{HubError, Library, PullOptions};

use crate::server::{COMMIT, Hub};
use crate::{Log, model_bytes, options, pull, sha256};

fn import(library: &Library, path: &Path) -> Result<hub::Installed, HubError> {
    hub::pull(library, path.to_str().unwrap(), &PullOptions::default(), &Log::default())
}

#[test]
fn a_file_is_imported_and_stays_what_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("My Model.Q4_0.gguf");
    let content = model_bytes(1, 5000);
    fs::write(&file, &content).unwrap();
    let library = Library::open(&folder.path().join("models")).unwrap();
    let model = import(&library, &file).unwrap();
    assert_eq!((model.name.as_str(), model.bytes), ("my-model.q4_0", 5000));
    assert_eq!(model.sha256, sha256(&content));
    assert_eq!(library.list().unwrap(), std::slice::from_ref(&model));
    assert_eq!(library.get("my-model.q4_0").unwrap(), model);
    assert_eq!(import(&library, &file).unwrap(), model, "twice is as good as once");

    assert_eq!(library.remove("my-model.q4_0").unwrap(), model);
    assert!(fs::read(&file).unwrap() == content, "the original is the user's");
    assert!(matches!(library.get("my-model.q4_0"), Err(HubError::NotInstalled(_))));
    assert!(matches!(library.remove("my-model.q4_0"), Err(HubError::NotInstalled(_))));
    assert_eq!(library.list().unwrap(), []);
}

#[test]
fn a_download_never_writes_to_an_imported_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("model.gguf");
    let (mine, theirs) = (model_bytes(1, 5000), model_bytes(2, 5000));
    fs::write(&file, &mine).unwrap();
    let hub = Hub::start(theirs);
    let models = folder.path().join("models");
    import(&Library::open(&models).unwrap(), &file).unwrap();
    // Both are called `model`; the one that is there wins.
    assert!(matches!(pull(&models, &options(&hub, 1000)), Err(HubError::NameTaken { .. })));
    // An import that was killed leaves its link behind.
    fs::create_dir_all(models.join(".pulls/model")).unwrap();
    fs::hard_link(&file, models.join(".pulls/model/copy.gguf")).unwrap();
    Library::open(&models).unwrap().remove("model").unwrap();
    fs::create_dir_all(models.join(".pulls/model")).unwrap();
    fs::hard_link(&file, models.join(".pulls/model/copy.gguf")).unwrap();
    pull(&models, &options(&hub, 1000)).unwrap();
    assert!(fs::read(&file).unwrap() == mine);
}

#[test]
fn what_is_no_model_is_not_imported() {
    let folder = tempfile::tempdir().unwrap();
    let library = Library::open(&folder.path().join("models")).unwrap();
    for (name, content) in
        [("a.gguf", &b"GGU"[..]), ("b.gguf", b""), ("c.gguf", b"PK\x03\x04"), ("d.gguf", b"FUGG")]
    {
        let file = folder.path().join(name);
        fs::write(&file, content).unwrap();
        assert!(matches!(import(&library, &file), Err(HubError::NotGguf { .. })), "{name}");
    }
    for name in ["pickle.bin", "m-00001-of-00002.gguf"] {
        let file = folder.path().join(name);
        fs::write(&file, b"GGUF").unwrap();
        assert!(import(&library, &file).is_err(), "{name}");
    }
    assert_eq!(library.list().unwrap(), []);
}

#[test]
fn hostile_names_reach_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let library = Library::open(&folder.path().join("models")).unwrap();
    fs::write(folder.path().join("manifest.json"), "{}").unwrap();
    for name in ["", ".", "..", "../models", "a/b", "/etc", ".pulls", "a\0b", "con", "A", "a b", "~", "a@b"] {
        assert!(matches!(library.get(name), Err(HubError::Malformed { .. })), "{name:?}");
        assert!(matches!(library.remove(name), Err(HubError::Malformed { .. })), "{name:?}");
    }
    assert!(folder.path().join("manifest.json").exists());
}

#[test]
fn damaged_models_are_left_out_and_can_be_replaced_or_removed() {
    let hub = Hub::start(model_bytes(3, 5000));
    let folder = tempfile::tempdir().unwrap();
    let library = Library::open(folder.path()).unwrap();
    let damages: [fn(&Path); 5] = [
        |model| fs::write(model.join("model.gguf"), b"GGUF").unwrap(),
        |model| fs::remove_file(model.join("model.gguf")).unwrap(),
        |model| fs::write(model.join("manifest.json"), b"{").unwrap(),
        |model| fs::write(model.join("manifest.json"), vec![b' '; 1 << 20]).unwrap(),
        |model| fs::remove_file(model.join("manifest.json")).unwrap(),
    ];
    for damage in damages {
        let model = pull(folder.path(), &options(&hub, 1000)).unwrap();
        assert_eq!(library.list().unwrap(), std::slice::from_ref(&model));
        damage(&folder.path().join("model"));
        assert!(matches!(library.get("model"), Err(HubError::Damaged { .. })));
        assert_eq!(library.list().unwrap(), []);
        assert_eq!(pull(folder.path(), &options(&hub, 1000)).unwrap().sha256, model.sha256);
        damage(&folder.path().join("model"));
        assert_eq!(library.remove("model").unwrap().name, "model");
        assert!(matches!(library.get("model"), Err(HubError::NotInstalled(_))));
    }
}

#[test]
#[cfg(unix)]
fn folders_and_files_are_private() {
    use std::os::unix::fs::PermissionsExt as _;
    let hub = Hub::start(model_bytes(3, 5000));
    let folder = tempfile::tempdir().unwrap();
    let models = folder.path().join("models");
    pull(&models, &options(&hub, 1000)).unwrap();
    let mode = |path: &str| fs::metadata(models.join(path)).unwrap().permissions().mode() & 0o777;
    assert_eq!(["", "model", ".pulls"].map(mode), [0o700; 3]);
    assert_eq!(["model/model.gguf", "model/manifest.json", ".pulls/model.lock"].map(mode), [0o600; 3]);
}

/// The cache of huggingface_hub with one file in it.
#[cfg(unix)]
fn cache(home: &Path, digest: &str, content: &[u8]) {
    let repo = home.join("hub/models--acme--coder");
    for part in ["blobs", "refs", &format!("snapshots/{COMMIT}")] {
        fs::create_dir_all(repo.join(part)).unwrap();
    }
    fs::write(repo.join("blobs").join(digest), content).unwrap();
    fs::write(repo.join("refs/main"), COMMIT).unwrap();
    let link = repo.join("snapshots").join(COMMIT).join("model.gguf");
    std::os::unix::fs::symlink(format!("../../blobs/{digest}"), link).unwrap();
}

#[test]
#[cfg(unix)]
fn a_cached_file_is_not_fetched_again() {
    let content = model_bytes(4, 5000);
    let hub = Hub::start(content.clone());
    let folder = tempfile::tempdir().unwrap();
    cache(folder.path(), &sha256(&content), &content);
    let mut options = PullOptions { hf_home: Some(folder.path().to_owned()), ..options(&hub, 1000) };
    let model = pull(&folder.path().join("models"), &options).unwrap();
    assert!(fs::read(&model.path).unwrap() == content);
    assert_eq!(hub.fetches(), 0);

    options.offline = true;
    let asked = hub.seen().len();
    let offline = pull(&folder.path().join("more models"), &options).unwrap();
    assert_eq!((offline.sha256, offline.source), (model.sha256, model.source));
    assert_eq!(hub.seen().len(), asked, "offline nobody is asked");
}

#[test]
#[cfg(unix)]
fn a_damaged_cache_is_not_believed() {
    let content = model_bytes(4, 5000);
    let hub = Hub::start(content.clone());
    let folder = tempfile::tempdir().unwrap();
    let mut damaged = content.clone();
    damaged[2000] ^= 1;
    cache(folder.path(), &sha256(&content), &damaged);
    let mut options = PullOptions { hf_home: Some(folder.path().to_owned()), ..options(&hub, 1000) };
    options.offline = true;
    assert!(matches!(pull(&folder.path().join("models"), &options), Err(HubError::Offline { .. })));
    options.offline = false;
    let model = pull(&folder.path().join("models"), &options).unwrap();
    assert!(fs::read(&model.path).unwrap() == content);
    assert_eq!(hub.fetches(), 1);
}

#[test]
fn an_updated_file_replaces_the_one_from_the_same_place() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("m.gguf");
    let library = Library::open(&folder.path().join("models")).unwrap();
    fs::write(&file, model_bytes(1, 100)).unwrap();
    let first = import(&library, &file).unwrap();
    fs::remove_file(&file).unwrap();
    fs::write(&file, model_bytes(2, 100)).unwrap();
    let second = import(&library, &file).unwrap();
    assert_ne!(first.sha256, second.sha256);
    assert_eq!(library.list().unwrap(), [second]);
}
