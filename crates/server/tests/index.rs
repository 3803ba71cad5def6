//! The index over HTTP: folders are added and taken out, progress is heard, files are looked into, and what is not open
//! to clients stays closed.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test ends at the first surprise")]

mod common;

use agent::Settings;
use agent::intent::Judging;
use agent::seam::{Page, Web, WebError, WebResults};
use axum::Router;
use axum::body::Body;
use axum::http::{Method, StatusCode};
use common::{Place, get, post, request, send};
use knowledge::Knowledge;
use serde_json::{Value, json};
use server::{Brain, ServerOptions, app};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use store::Store;

struct NoWeb;

impl Web for NoWeb {
    fn search(&self, _: &str, _: usize) -> Result<WebResults, WebError> {
        Err(WebError::Unconfigured)
    }
    fn fetch(&self, _: &str) -> Result<Page, WebError> {
        Err(WebError::Unconfigured)
    }
}

/// A server that may index below the folder `open`, beside which there is `closed`.
struct Library {
    place: Place,
    app: Router,
    store: Store,
}

impl Library {
    fn new() -> Library {
        let place = Place::new();
        let at = place.folder.path();
        let (store, index) = (
            Store::open(&at.join("open/mine/home")).unwrap(),
            Knowledge::open(&at.join("index.db"), None).unwrap(),
        );
        let (index, judging) = (Arc::new(index), Arc::new(Judging::default()));
        let brain = Brain {
            store: store.clone(),
            judge: judging.clone(),
            judging,
            index: index.clone(),
            folders: vec![at.join("open")],
            knowledge: index,
            rules: Arc::new(store.clone()),
            web: Arc::new(NoWeb),
            remote: None,
            settings: Settings::default(),
        };
        let app = app(&ServerOptions::default(), common::PORT, place.state.clone().with_brain(brain));
        let library = Library { place, app, store };
        library.write(
            "open/code/sum.py",
            "def add_up(numbers):\n    return sum(numbers)\n\n\ndef other():\n    pass\n",
        );
        library.write("open/code/notes.md", "# Plans\n\nWalk the dog.\n");
        library.write("open/.hidden/secret.py", "x = 1\n");
        library.write("closed/code.py", "y = 1\n");
        library
    }

    fn at(&self, path: &str) -> PathBuf {
        self.place.folder.path().canonicalize().unwrap().join(path)
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.at(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    async fn add(&self, path: &Path) -> (StatusCode, Value) {
        post(&self.app, "/api/index", &json!({"path": path})).await
    }

    /// The names of the events and the last one's data.
    async fn events(&self, job: &Value) -> (Vec<String>, Value) {
        let path = format!("/api/index/jobs/{}/events", job["id"].as_str().unwrap());
        let (status, text) = send(&self.app, request(Method::GET, &path, Body::empty())).await;
        assert_eq!(status, StatusCode::OK, "{text}");
        let field = |name: &str| {
            text.lines().filter_map(|line| line.strip_prefix(name)).map(str::to_owned).collect::<Vec<_>>()
        };
        (field("event: "), serde_json::from_str(field("data: ").last().unwrap()).unwrap())
    }
}

#[tokio::test]
async fn a_folder_is_added_looked_into_and_taken_out() {
    let library = Library::new();
    let code = library.at("open/code");
    let (status, job) = library.add(&code).await;
    assert_eq!((status, &job["path"]), (StatusCode::ACCEPTED, &json!(code)), "{job}");
    let (names, report) = library.events(&job).await;
    assert_eq!((names.first().unwrap().as_str(), names.last().unwrap().as_str()), ("files", "done"));
    assert_eq!((&report["files"], &report["removed"]), (&json!(2), &json!(0)), "{report}");

    let (_, list) = get(&library.app, "/api/index").await;
    assert_eq!(list["job"]["state"], "done");
    assert_eq!((&list["job"]["files"]["done"], &list["job"]["files"]["total"]), (&json!(2), &json!(2)));
    let root = &list["roots"][0];
    assert_eq!(
        (&root["path"], &root["files"], &root["complete"], &root["present"]),
        (&json!(code), &json!(2), &json!(true), &json!(true))
    );
    assert_eq!(root["vectors"], 0, "there is no model here");

    let (_, found) = get(&library.app, "/api/index/search?q=adding+numbers+up").await;
    let hit = &found["hits"][0];
    assert_eq!(
        (&hit["path"], &hit["first_line"], &hit["language"]),
        (&json!("sum.py"), &json!(1), &json!("python"))
    );
    assert_eq!(
        (&hit["words_rank"], &hit["meaning_rank"], &hit["similarity"]),
        (&json!(1), &Value::Null, &Value::Null)
    );
    assert!(
        hit["score"].as_f64().unwrap() > 0.0
            && hit["matched"].as_array().unwrap().contains(&json!("numbers")),
        "{hit}"
    );

    let file = |root: &Path, path: &str| format!("/api/index/file?root={}&path={path}", root.display());
    let (_, whole) = get(&library.app, &file(&code, "sum.py")).await;
    let [passage] = &whole["passages"].as_array().unwrap()[..] else { panic!("{whole}") };
    assert_eq!(
        (&passage["name"], &passage["last_line"]),
        (&json!("add_up, other"), &json!(6)),
        "short functions together"
    );
    assert_eq!((&passage["score"], &passage["matched"]), (&Value::Null, &json!([])));
    assert_eq!(get(&library.app, &file(&code, "none.py")).await.1, json!({"passages": []}));
    let (status, refused) = get(&library.app, &file(&library.at("closed"), "code.py")).await;
    assert_eq!((status, &refused["error"]["code"]), (StatusCode::NOT_FOUND, &json!("not_indexed")));

    // Again, after a change.
    fs::remove_file(code.join("notes.md")).unwrap();
    let (_, job) = library.add(&code).await;
    assert_eq!(library.events(&job).await.1["removed"], 1);

    let (status, _) = post(&library.app, "/api/index/remove", &json!({"path": code})).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    assert_eq!(get(&library.app, "/api/index").await.1["roots"], json!([]));
    assert!(code.join("sum.py").exists(), "the files stay");
    let (status, gone) = post(&library.app, "/api/index/remove", &json!({"path": code})).await;
    assert_eq!((status, &gone["error"]["code"]), (StatusCode::NOT_FOUND, &json!("not_indexed")));
    let kinds: Vec<_> = library.store.audit().list(9).unwrap().into_iter().map(|entry| entry.kind).collect();
    assert_eq!(kinds, ["folder no longer indexed", "folder indexed", "folder indexed"]);
}

#[tokio::test]
async fn what_is_not_open_to_clients_stays_closed() {
    let library = Library::new();
    #[cfg(unix)]
    std::os::unix::fs::symlink(library.at("closed"), library.at("open/way-out")).unwrap();
    let home = std::env::home_dir().unwrap();
    let forbidden = [
        library.at("closed"),
        library.at("open/.hidden"),
        library.at("not-there"),
        library.at(""),
        library.at("open"), // hone's own data is in it
        library.at("open/mine"),
        library.at("open/mine/home"),
        PathBuf::from("/"),
        PathBuf::from("/etc"),
        home.join(".ssh"),
        home,
        #[cfg(unix)]
        library.at("open/way-out"),
    ];
    for path in forbidden {
        let (status, refused) = library.add(&path).await;
        assert_eq!(status, StatusCode::FORBIDDEN, "{}: {refused}", path.display());
        assert_eq!(refused["error"]["code"], "folder_not_allowed");
    }
    for path in
        ["", "open/code", "../open", &library.at("open/code/../../closed").display().to_string(), "/\0"]
    {
        let (status, refused) = post(&library.app, "/api/index", &json!({"path": path})).await;
        assert_eq!(
            (status, &refused["error"]["param"]),
            (StatusCode::BAD_REQUEST, &json!("path")),
            "{path}: {refused}"
        );
    }
    for path in ["open/nothing", "open/code/sum.py"] {
        assert_eq!(library.add(&library.at(path)).await.0, StatusCode::BAD_REQUEST, "{path}");
    }
    assert_eq!(get(&library.app, "/api/index").await.1, json!({"roots": [], "job": null}));
    // What the user has indexed in the terminal may be brought up to date.
    let closed = library.at("closed");
    let index = Knowledge::open(&library.at("index.db"), None).unwrap();
    index.add(&closed, &knowledge::index::Options::default(), &mut |_| true).unwrap();
    let (status, job) = library.add(&closed).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{job}");
    assert_eq!(library.events(&job).await.0.last().unwrap(), "done");
}

#[tokio::test]
async fn one_at_a_time_and_it_can_be_stopped() {
    let library = Library::new();
    for n in 0..3000 {
        library.write(&format!("open/many/{n}.py"), &format!("def f{n}():\n    return {n}\n"));
    }
    let many = library.at("open/many");
    let (_, job) = library.add(&many).await;
    let (status, refused) = library.add(&library.at("open/code")).await;
    assert_eq!(
        (status, &refused["error"]["code"]),
        (StatusCode::CONFLICT, &json!("indexing_in_progress")),
        "{refused}"
    );
    assert_eq!(post(&library.app, "/api/index/remove", &json!({"path": many})).await.0, StatusCode::CONFLICT);
    let stop = format!("/api/index/jobs/{}/stop", job["id"].as_str().unwrap());
    let (status, stopping) = post(&library.app, &stop, &json!({})).await;
    assert_eq!((status, &stopping["state"]), (StatusCode::OK, &json!("stopping")), "{stopping}");
    let (names, report) = library.events(&job).await;
    assert_eq!(names.last().unwrap(), "stopped", "{report}");
    let (_, list) = get(&library.app, "/api/index").await;
    assert_eq!((&list["job"]["state"], &list["roots"][0]["complete"]), (&json!("stopped"), &json!(false)));
    let (_, job) = library.add(&many).await;
    assert_eq!(library.events(&job).await.1["files"], 3000, "it goes on");
    let (status, unknown) = post(&library.app, "/api/index/jobs/none/stop", &json!({})).await;
    assert_eq!((status, &unknown["error"]["code"]), (StatusCode::NOT_FOUND, &json!("job_not_found")));
}
