//! Data sets: the list of files, files in large storage and in git, breaks, wrong bytes, and no network.

use std::fs;
use std::path::Path;

use hub::dataset::{DataSource, Fetched, HubData, fetch, resolve};
use hub::{HubError, PullOptions};

use crate::server::{Answer, COMMIT, Fault, Hub, TOKEN, git_blob};
use crate::{Log, Rng, impatient, options, sha256};

const LARGE: &str = "hf:acme/rows";
const SMALL: &str = "hf:acme/small";

fn source(spec: &str) -> HubData {
    match resolve(spec) {
        Ok(DataSource::Hub(source)) => source,
        other => panic!("{spec}: {other:?}"),
    }
}

fn get(folder: &Path, spec: &str, options: &PullOptions) -> Result<Fetched, HubError> {
    fetch(folder, &source(spec), options, &Log::default())
}

fn content() -> Vec<u8> {
    Rng(5).bytes(10_000)
}

#[test]
fn the_files_for_training_are_fetched_and_checked() {
    for spec in [LARGE, SMALL] {
        let hub = Hub::start(content());
        let folder = tempfile::tempdir().unwrap();
        let fetched = get(folder.path(), spec, &options(&hub, 1000)).unwrap();
        assert_eq!((fetched.commit.as_str(), fetched.license.as_deref()), (COMMIT, Some("cc-by-4.0")));
        let [file] = &fetched.files[..] else { panic!("{fetched:?}") };
        assert_eq!((file.bytes, file.sha256.clone()), (10_000, sha256(&content())));
        assert!(fs::read(&file.path).unwrap() == content());
        let left_out: &[String] = if spec == LARGE { &["data/test-0.jsonl".to_owned()] } else { &[] };
        assert_eq!(fetched.left_out, left_out);

        // The second time nothing is fetched, with a commit by its name as well.
        let sent = hub.sent();
        assert_eq!(get(folder.path(), spec, &options(&hub, 1000)).unwrap(), fetched);
        assert_eq!(get(folder.path(), &format!("{spec}@{COMMIT}"), &options(&hub, 1000)).unwrap(), fetched);
        assert_eq!(hub.sent(), sent);
        // A file that was changed since is fetched again.
        fs::write(&file.path, vec![b'x'; 10_000]).unwrap();
        get(folder.path(), spec, &options(&hub, 1000)).unwrap();
        assert!(fs::read(&file.path).unwrap() == content());
    }
}

#[test]
fn what_breaks_off_goes_on() {
    for spec in [LARGE, SMALL] {
        let hub = Hub::start(content());
        hub.faults([Fault::Cut { after: 4500, reset: true }]);
        let folder = tempfile::tempdir().unwrap();
        let mut options = options(&hub, 1000);
        options.patience.retries = 0;
        assert!(get(folder.path(), spec, &options).is_err());
        let sent = hub.sent();
        get(folder.path(), spec, &options).unwrap();
        assert!(hub.sent() - sent <= 6000, "{} bytes came again", hub.sent() - sent);
    }
}

#[test]
fn wrong_bytes_are_found_and_fetched_again() {
    for spec in [LARGE, SMALL] {
        let hub = Hub::start(content());
        hub.faults([Fault::Flip { at: 5555 }]);
        let folder = tempfile::tempdir().unwrap();
        let fetched = get(folder.path(), spec, &options(&hub, 1000)).unwrap();
        assert!(fs::read(&fetched.files[0].path).unwrap() == content());

        let hub = Hub::start(content());
        hub.always(Some(Fault::Garbage(5000..5010)));
        let folder = tempfile::tempdir().unwrap();
        let error = get(folder.path(), spec, &options(&hub, 1000)).unwrap_err();
        assert!(matches!(error, HubError::DigestMismatch { .. }), "{error}");
        let commit = folder.path().join(spec["hf:".len()..].replace('/', "--")).join(COMMIT);
        assert!(!commit.exists(), "nothing is put into its place");
    }
}

#[test]
fn each_refusal_is_an_error_of_its_own() {
    let refused = |spec: &str, answer: Option<Answer>| {
        let hub = Hub::start(content());
        hub.answers(vec![answer; 20].into_iter().flatten());
        let folder = tempfile::tempdir().unwrap();
        let error = get(folder.path(), spec, &options(&hub, 1000)).unwrap_err();
        assert_eq!(hub.sent(), 0);
        assert!(!error.to_string().contains(TOKEN), "{error}");
        error
    };
    let status = |status, code| refused(LARGE, Some(Answer::Status(status, code)));
    assert!(matches!(status(401, "RepoNotFound"), HubError::Unauthorized { .. }));
    assert!(matches!(status(403, "GatedRepo"), HubError::Forbidden { .. }));
    assert!(matches!(status(404, "RepoNotFound"), HubError::NotFound { .. }));
    assert!(matches!(status(429, ""), HubError::RateLimited { .. }));
    assert!(matches!(status(503, ""), HubError::Server { .. }));
    assert!(matches!(
        refused(LARGE, Some(Answer::Later("3600"))),
        HubError::RateLimited { seconds: 3600, .. }
    ));
    let elsewhere = Some(Answer::Redirect("http://192.0.2.1/x".into()));
    assert!(matches!(refused(LARGE, elsewhere), HubError::Redirect { .. }));
    assert!(matches!(refused("hf:acme/none", None), HubError::NoData { .. }));
    assert!(matches!(refused("hf:acme/rows/other.json", None), HubError::NotFound { .. }));
    assert!(matches!(refused("hf:acme/rows@v9", None), HubError::NotFound { .. }));

    let hub = Hub::start(content());
    hub.answers([429, 500, 503].map(|status| Answer::Status(status, "")));
    let folder = tempfile::tempdir().unwrap();
    assert!(get(folder.path(), LARGE, &options(&hub, 1000)).is_ok(), "what passes is waited for");
}

#[test]
fn the_token_stays_with_the_endpoint() {
    let hub = Hub::start(content());
    let folder = tempfile::tempdir().unwrap();
    get(folder.path(), LARGE, &options(&hub, 1000)).unwrap();
    for seen in hub.seen() {
        assert_eq!(seen.headers.contains_key("authorization"), seen.at_resolver, "{seen:?}");
    }
}

#[test]
fn without_a_network_there_is_what_was_fetched() {
    let hub = Hub::start(content());
    let folder = tempfile::tempdir().unwrap();
    let online = options(&hub, 1000);
    let offline = PullOptions { offline: true, ..online.clone() };
    assert!(matches!(get(folder.path(), LARGE, &offline), Err(HubError::Offline { .. })));
    let fetched = get(folder.path(), LARGE, &online).unwrap();
    let asked = hub.seen().len();
    assert_eq!(get(folder.path(), LARGE, &offline).unwrap(), fetched);
    assert_eq!(get(folder.path(), &format!("{LARGE}@{COMMIT}"), &offline).unwrap(), fetched);
    assert!(matches!(get(folder.path(), "hf:acme/rows@dev", &offline), Err(HubError::Offline { .. })));
    fs::remove_file(&fetched.files[0].path).unwrap();
    assert!(matches!(get(folder.path(), LARGE, &offline), Err(HubError::Offline { .. })));
    assert_eq!(hub.seen().len(), asked, "offline nobody is asked");
}

#[test]
#[cfg(unix)]
fn the_cache_of_huggingface_hub_is_used_and_checked() {
    let home = tempfile::tempdir().unwrap();
    let cache = |repo: &str, file: &str, blob: &str, bytes: &[u8]| {
        let repo = home.path().join("hub").join(repo);
        let link = repo.join("snapshots").join(COMMIT).join(file);
        for folder in [repo.join("blobs"), repo.join("refs"), link.parent().unwrap().to_owned()] {
            fs::create_dir_all(folder).unwrap();
        }
        fs::write(repo.join("refs/main"), COMMIT).unwrap();
        fs::write(repo.join("blobs").join(blob), bytes).unwrap();
        let _ = fs::remove_file(&link);
        std::os::unix::fs::symlink(repo.join("blobs").join(blob), link).unwrap();
    };
    let hub = Hub::start(content());
    let online = PullOptions { hf_home: Some(home.path().to_owned()), ..options(&hub, 1000) };
    let offline = PullOptions { offline: true, ..online.clone() };
    for (spec, repo, file, blob) in [
        (LARGE, "datasets--acme--rows", "data/train-0.jsonl", sha256(&content())),
        (SMALL, "datasets--acme--small", "rows.jsonl", git_blob(&content())),
    ] {
        cache(repo, file, &blob, &content());
        for options in [&offline, &online] {
            let folder = tempfile::tempdir().unwrap();
            let fetched = get(folder.path(), spec, options).unwrap();
            assert_eq!((fetched.files.len(), fetched.files[0].sha256.clone()), (1, sha256(&content())));
            assert_eq!((hub.sent(), fetched.commit.as_str()), (0, COMMIT));
        }
        cache(repo, file, &blob, &[b'x'; 10_000]);
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(get(folder.path(), spec, &offline), Err(HubError::Offline { .. })));
    }
    let folder = tempfile::tempdir().unwrap();
    assert!(fs::read(&get(folder.path(), LARGE, &online).unwrap().files[0].path).unwrap() == content());
}

#[test]
fn room_is_asked_for() {
    let hub = Hub::start(content());
    let folder = tempfile::tempdir().unwrap();
    let options = PullOptions { free_space: |_| Ok((64 << 20) + 9_999), ..options(&hub, 1000) };
    assert!(matches!(get(folder.path(), LARGE, &options), Err(HubError::DiskFull { .. })));
    assert_eq!(hub.fetches(), 0);
}

#[test]
fn nobody_is_there() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let options = PullOptions {
        endpoint: Some(format!("http://127.0.0.1:{port}")),
        patience: impatient(1000),
        ..PullOptions::default()
    };
    let folder = tempfile::tempdir().unwrap();
    assert!(matches!(get(folder.path(), LARGE, &options), Err(HubError::Network { .. })));
}
