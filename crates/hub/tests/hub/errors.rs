//! Each way in which a hub says no is an error of its own, which tells what to do.

use std::time::{Duration, Instant};

use hub::{HubError, Library, PullOptions, catalog};

use crate::server::{Answer, COMMIT, Fault, Hub, SPEC, TOKEN};
use crate::{Log, impatient, model_bytes, options, pull};

fn refused(answers: impl IntoIterator<Item = Answer>) -> HubError {
    let hub = Hub::start(model_bytes(1, 5000));
    hub.answers(answers);
    let folder = tempfile::tempdir().unwrap();
    let error = pull(folder.path(), &options(&hub, 1000)).unwrap_err();
    assert_eq!(hub.fetches(), 0, "no bytes are fetched after {error}");
    assert_eq!(Library::open(folder.path()).unwrap().list().unwrap(), []);
    assert!(!error.to_string().contains(TOKEN) && !error.to_string().contains("Signature"), "{error}");
    error
}

fn always(answer: Answer) -> HubError {
    refused(vec![answer; 20])
}

#[test]
fn answers_that_are_final() {
    let unauthorized = refused([Answer::Status(401, "RepoNotFound")]);
    assert!(matches!(unauthorized, HubError::Unauthorized { .. }));
    assert!(unauthorized.to_string().contains("HF_TOKEN"));
    assert!(matches!(refused([Answer::Status(401, "GatedRepo")]), HubError::Forbidden { .. }));
    assert!(matches!(refused([Answer::Status(403, "GatedRepo")]), HubError::Forbidden { .. }));
    assert!(matches!(refused([Answer::Status(404, "EntryNotFound")]), HubError::NotFound { .. }));
    assert!(matches!(refused([Answer::Status(418, "")]), HubError::Unexpected { status: 418, .. }));
}

#[test]
fn answers_that_pass() {
    assert!(matches!(always(Answer::Status(503, "")), HubError::Server { status: 503, .. }));
    assert!(matches!(always(Answer::Status(429, "")), HubError::RateLimited { .. }));

    let hub = Hub::start(model_bytes(1, 5000));
    hub.answers([429, 500, 502, 503, 504].map(|status| Answer::Status(status, "")));
    let folder = tempfile::tempdir().unwrap();
    assert!(pull(folder.path(), &options(&hub, 1000)).is_ok());
}

#[test]
fn a_long_wait_is_left_to_the_user() {
    let error = refused([Answer::Later("3600")]);
    assert!(matches!(error, HubError::RateLimited { seconds: 3600, .. }), "{error}");

    let hub = Hub::start(model_bytes(1, 5000));
    hub.answers([Answer::Later("1"), Answer::Later("soon"), Answer::Later("-1")]);
    let folder = tempfile::tempdir().unwrap();
    let mut options = options(&hub, 1000);
    options.patience.longest_wait = Duration::from_secs(2);
    let since = Instant::now();
    assert!(pull(folder.path(), &options).is_ok());
    assert!(since.elapsed() >= Duration::from_secs(1), "it waits as long as it was asked to");
}

#[test]
fn a_file_that_cannot_be_checked_is_not_fetched() {
    let no_digest = |header| matches!(refused([Answer::Without(header)]), HubError::NoDigest { missing, .. } if missing == header);
    assert!(no_digest("X-Linked-ETag"));
    assert!(no_digest("X-Linked-Size"));
    let git_object = Answer::With(vec![("X-Linked-ETag", format!("\"{COMMIT}\""))]);
    assert!(matches!(refused([git_object]), HubError::NoDigest { .. }));
}

#[test]
fn redirects_lead_nowhere_else() {
    for place in
        ["http://192.0.2.1/x", "ftp://127.0.0.1/x", "http://user@127.0.0.1:9/x", "file:///etc/passwd"]
    {
        let error = refused([Answer::Redirect(place.to_owned())]);
        assert!(matches!(error, HubError::Redirect { .. }), "{place}: {error}");
    }
    let same = "/acme/coder/resolve/main/model.gguf".to_owned();
    assert!(matches!(always(Answer::Redirect(same.clone())), HubError::Redirect { .. }));

    // A repository that was renamed redirects to its new name.
    let hub = Hub::start(model_bytes(1, 5000));
    hub.answers([Answer::Redirect(same)]);
    let folder = tempfile::tempdir().unwrap();
    assert!(pull(folder.path(), &options(&hub, 1000)).is_ok());
}

#[test]
fn the_catalogue_outranks_the_hub() {
    let entry = catalog::find("qwen2.5-coder-0.5b").unwrap();
    let catalog::Origin::Hf(file) = &entry.origin else { panic!("a file of the hub") };
    let commit = ("X-Repo-Commit", file.commit.to_string());
    let size = ("X-Linked-Size", entry.bytes.to_string());
    let pull_entry = |described| {
        let hub = Hub::start(model_bytes(1, 5000));
        hub.answers([Answer::With(described); 1]);
        let folder = tempfile::tempdir().unwrap();
        let library = Library::open(folder.path()).unwrap();
        let mut options = options(&hub, 1000);
        options.patience.retries = 0;
        let error = hub::pull(&library, entry.name.as_str(), &options, &Log::default()).unwrap_err();
        assert_eq!(hub.fetches(), 0);
        error
    };
    assert!(matches!(pull_entry(vec![]), HubError::Protocol { .. }), "another commit");
    assert!(matches!(pull_entry(vec![commit.clone(), size]), HubError::DigestMismatch { .. }));
    let digest = ("X-Linked-ETag", format!("\"{}\"", entry.sha256));
    assert!(matches!(pull_entry(vec![commit, digest]), HubError::SizeMismatch { .. }));
}

#[test]
fn without_a_network() {
    let folder = tempfile::tempdir().unwrap();
    // A port that was free a moment ago.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut options = PullOptions {
        endpoint: Some(format!("http://127.0.0.1:{port}")),
        patience: impatient(1000),
        ..PullOptions::default()
    };
    assert!(matches!(pull(folder.path(), &options), Err(HubError::Network { .. })));
    options.offline = true;
    assert!(matches!(pull(folder.path(), &options), Err(HubError::Offline { .. })));
    let library = Library::open(folder.path()).unwrap();
    for name in [catalog::STARTER, "qwen2.5-coder-7b"] {
        let error = hub::pull(&library, name, &options, &Log::default()).unwrap_err();
        assert!(matches!(error, HubError::Offline { .. }), "{error}");
    }
    // Nothing but the locks is left.
    let left: Vec<_> =
        folder.path().join(".pulls").read_dir().unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(
        left.iter().all(|path| path.extension().is_some_and(|extension| extension == "lock")),
        "{left:?}"
    );
}

#[test]
fn a_file_that_is_no_model() {
    let hub = Hub::start(b"<html>not a model</html>".to_vec());
    let folder = tempfile::tempdir().unwrap();
    let error = pull(folder.path(), &options(&hub, 1000)).unwrap_err();
    assert!(matches!(error, HubError::NotGguf { .. }), "{error}");
    assert_eq!(Library::open(folder.path()).unwrap().list().unwrap(), []);
}

#[test]
fn the_endpoint_is_checked_before_it_is_used() {
    let folder = tempfile::tempdir().unwrap();
    for endpoint in ["http://example.org", "ssh://a", "https://user:secret@a"] {
        let options = PullOptions { endpoint: Some(endpoint.to_owned()), ..PullOptions::default() };
        let error = pull(folder.path(), &options).unwrap_err();
        assert!(matches!(error, HubError::Malformed { what: "HF_ENDPOINT", .. }), "{error}");
    }
    let hub = Hub::start(model_bytes(1, 10));
    let options = PullOptions { token: Some("a\nb".into()), ..options(&hub, 10) };
    assert!(matches!(pull(folder.path(), &options), Err(HubError::Malformed { what: "HF_TOKEN", .. })));
    assert!(hub.seen().is_empty());
}

#[test]
fn a_link_that_ran_out_is_asked_for_anew() {
    let hub = Hub::start(model_bytes(1, 5000));
    hub.faults([Fault::Status(403), Fault::Status(401), Fault::Status(404)]);
    let folder = tempfile::tempdir().unwrap();
    let model = pull(folder.path(), &options(&hub, 1000)).unwrap();
    assert_eq!(model.source, format!("{SPEC}@{COMMIT}"));
    assert_eq!(model.license.as_deref(), Some("mit"));
}
