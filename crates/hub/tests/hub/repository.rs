//! Whole repositories: what is fetched of them, what a break costs, and what is left behind.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};

use hub::checkpoint::{self, Checkpoint, Opened};
use hub::{HubError, Library, NoProgress, PullOptions};

use crate::server::COMMIT;
use crate::{Rng, impatient, sha256};

const SPEC: &str = "hf:acme/Tiny-Coder";
const BLOCK: u64 = 4096;

/// The bytes that the list of files is made of, and those that are sent.
type Served = (Vec<u8>, Vec<u8>);

/// A hub with the repository `acme/Tiny-Coder`.
struct Hub {
    endpoint: String,
    state: Arc<State>,
}

struct State {
    /// What the list of files says, and what is sent.
    files: Mutex<BTreeMap<String, Served>>,
    /// The file whose next answer ends after so many bytes.
    cut: Mutex<Option<(String, usize)>>,
    /// Path and range of every request for a file.
    seen: Mutex<Vec<(String, Option<String>)>>,
}

impl Hub {
    /// Files in large file storage are those over 1000 bytes.
    fn start(files: &[(&str, Vec<u8>)]) -> Hub {
        let files = files.iter().map(|(name, bytes)| ((*name).to_owned(), (bytes.clone(), bytes.clone())));
        let state = Arc::new(State {
            files: Mutex::new(files.collect()),
            cut: Mutex::default(),
            seen: Mutex::default(),
        });
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let shared = state.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let state = shared.clone();
                std::thread::spawn(move || state.answer(stream.unwrap()));
            }
        });
        Hub { endpoint, state }
    }

    /// With two files of weights, and things that nobody needs.
    fn tiny() -> Hub {
        Hub::start(&[
            ("README.md", b"read me".to_vec()),
            ("config.json", b"{}".to_vec()),
            ("tokenizer.json", Rng(1).bytes(2000)),
            ("model.safetensors.index.json", b"{\"weight_map\":{}}".to_vec()),
            ("model-00001-of-00002.safetensors", Rng(2).bytes(30_000)),
            ("model-00002-of-00002.safetensors", Rng(3).bytes(20_000)),
            ("pytorch_model.bin", Rng(4).bytes(5_000)),
            ("original/model.safetensors", Rng(5).bytes(5_000)),
        ])
    }

    fn options(&self) -> PullOptions {
        let mut patience = impatient(BLOCK);
        patience.retries = 0;
        PullOptions { endpoint: Some(self.endpoint.clone()), patience, ..PullOptions::default() }
    }

    /// Names of the files that were asked for since the last call.
    fn fetched(&self) -> Vec<String> {
        self.state.seen.lock().unwrap().drain(..).map(|(name, _)| name).collect()
    }

    fn cut(&self, name: &str, after: usize) {
        *self.state.cut.lock().unwrap() = Some((name.to_owned(), after));
    }

    /// Sends something else than the list of files promises.
    fn damage(&self, name: &str) {
        self.state.files.lock().unwrap().get_mut(name).unwrap().1[1] ^= 1;
    }
}

impl State {
    fn answer(&self, mut stream: TcpStream) {
        let mut lines = BufReader::new(&stream).lines().map_while(Result::ok);
        let Some(first) = lines.next() else { return };
        let range = lines.take_while(|line| !line.is_empty()).find_map(|line| {
            let (name, value) = line.split_once(": ")?;
            name.eq_ignore_ascii_case("range").then(|| value.trim_start_matches("bytes=").to_owned())
        });
        let path = first.split(' ').nth(1).unwrap().to_owned();
        let files = self.files.lock().unwrap().clone();
        let api = "/api/models/acme/Tiny-Coder";
        if path == format!("{api}/revision/main") || path == format!("{api}/revision/{COMMIT}") {
            let body = format!(r#"{{"sha":"{COMMIT}","tags":["license:mit"]}}"#);
            return send(&mut stream, "200 OK", "", body.as_bytes());
        }
        if path == format!("{api}/tree/{COMMIT}?recursive=true") {
            let rows: Vec<String> = files.iter().map(|(name, (listed, _))| row(name, listed)).collect();
            return send(&mut stream, "200 OK", "", format!("[{}]", rows.join(",")).as_bytes());
        }
        let name = path.strip_prefix(&format!("/acme/Tiny-Coder/resolve/{COMMIT}/"));
        let Some((name, (_, bytes))) = name.and_then(|name| files.get_key_value(name)) else {
            return send(&mut stream, "404 Not Found", "", b"");
        };
        self.seen.lock().unwrap().push((name.clone(), range.clone()));
        let from: usize = range.as_ref().map_or(0, |range| range.split('-').next().unwrap().parse().unwrap());
        let mut body = &bytes[from..];
        let length = format!("Content-Length: {}\r\n", body.len());
        let cut = self.cut.lock().unwrap().take_if(|(cut, _)| cut == name);
        if let Some((_, after)) = cut {
            body = &body[..after];
        }
        let total = bytes.len();
        match range {
            Some(_) => {
                let range = format!("Content-Range: bytes {from}-{}/{total}\r\n", total - 1);
                send(&mut stream, "206 Partial Content", &(length + &range), body);
            }
            None => send(&mut stream, "200 OK", &length, body),
        }
    }
}

fn send(stream: &mut TcpStream, status: &str, headers: &str, body: &[u8]) {
    let head = format!("HTTP/1.1 {status}\r\nConnection: close\r\nETag: \"v1\"\r\n{headers}\r\n");
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body));
}

/// A row of the list of files.
fn row(name: &str, bytes: &[u8]) -> String {
    use sha1::{Digest as _, Sha1};
    let blob = Sha1::new().chain_update(format!("blob {}\0", bytes.len())).chain_update(bytes).finalize();
    let oid: String = blob.iter().map(|byte| format!("{byte:02x}")).collect();
    let size = bytes.len();
    let lfs = format!(r#","lfs":{{"oid":"{}","size":{size},"pointerSize":134}}"#, sha256(bytes));
    let lfs = if size > 1000 { lfs } else { String::new() };
    format!(r#"{{"type":"file","path":"{name}","size":{size},"oid":"{oid}"{lfs}}}"#)
}

fn open<'a>(library: &'a Library, options: &'a PullOptions) -> Result<Box<Checkpoint<'a>>, HubError> {
    match checkpoint::open(library, SPEC, Some("Q8_0"), options, &NoProgress)? {
        Opened::Checkpoint(checkpoint) => Ok(checkpoint),
        Opened::Installed(model) => panic!("{model:?} is there already"),
    }
}

fn names(folder: &Path) -> Vec<String> {
    let entries = folder.read_dir().unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_repository_becomes_a_model() {
    let (hub, home) = (Hub::tiny(), tempfile::tempdir().unwrap());
    let (library, options) = (Library::open(home.path()).unwrap(), hub.options());
    let opened = open(&library, &options).unwrap();
    assert_eq!(hub.fetched(), ["config.json", "tokenizer.json", "model.safetensors.index.json"]);
    opened.fetch_weights().unwrap();
    assert_eq!(
        hub.fetched(),
        ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"],
        "in order, nothing twice, and nothing that is not needed"
    );
    for name in names(&opened.folder()) {
        let sent = hub.state.files.lock().unwrap()[&name].1.clone();
        assert!(fs::read(opened.folder().join(&name)).unwrap() == sent, "{name}");
    }
    let result = opened.result_path(100).unwrap();
    fs::write(&result, b"GGUF and so on").unwrap();
    let model = opened.install(&result).unwrap();
    assert_eq!((model.name.as_str(), model.license.as_deref()), ("tiny-coder", Some("mit")));
    assert_eq!((model.source, model.format.as_deref()), (format!("{SPEC}@{COMMIT}"), Some("Q8_0")));
    assert_eq!(model.sha256, sha256(b"GGUF and so on"));
    assert!(names(&home.path().join(".pulls")) == ["tiny-coder.lock"], "the checkpoint is gone");

    // Once more: nothing is fetched. In another format: everything is.
    let again = checkpoint::open(&library, SPEC, Some("Q8_0"), &options, &NoProgress).unwrap();
    assert!(matches!(again, Opened::Installed(model) if model.bytes == 14));
    assert!(hub.fetched().is_empty());
    let other = checkpoint::open(&library, SPEC, None, &options, &NoProgress).unwrap();
    assert!(matches!(other, Opened::Checkpoint(_)));
    drop(other);

    let offline = PullOptions { offline: true, ..hub.options() };
    let found = |format| checkpoint::open(&library, SPEC, format, &offline, &NoProgress);
    assert!(matches!(found(Some("Q8_0")), Ok(Opened::Installed(_))));
    assert!(matches!(found(Some("F16")), Err(HubError::Offline { .. })));
}

#[test]
fn a_broken_download_goes_on_at_the_block_where_it_broke() {
    let (hub, home) = (Hub::tiny(), tempfile::tempdir().unwrap());
    let (library, options) = (Library::open(home.path()).unwrap(), hub.options());
    hub.cut("model-00002-of-00002.safetensors", 9000);
    let opened = open(&library, &options).unwrap();
    assert!(matches!(opened.fetch_weights(), Err(HubError::Network { .. })));
    drop(opened);
    hub.fetched();
    let opened = open(&library, &options).unwrap();
    opened.fetch_weights().unwrap();
    let seen = hub.state.seen.lock().unwrap().clone();
    assert_eq!(seen, [("model-00002-of-00002.safetensors".to_owned(), Some("8192-19999".to_owned()))]);
    assert!(names(&opened.folder()).len() == 5);
}

#[test]
fn wrong_bytes_are_never_kept() {
    // One is held to its git object id, the others to their SHA-256.
    for name in ["config.json", "tokenizer.json", "model-00001-of-00002.safetensors"] {
        let (hub, home) = (Hub::tiny(), tempfile::tempdir().unwrap());
        hub.damage(name);
        let (library, options) = (Library::open(home.path()).unwrap(), hub.options());
        let outcome = open(&library, &options).and_then(|opened| opened.fetch_weights());
        assert!(matches!(outcome, Err(HubError::DigestMismatch { .. })), "{name}: {outcome:?}");
        assert!(!home.path().join(".pulls/tiny-coder/checkpoint").join(name).exists());
        // A file that changed on the disk is fetched again.
        hub.damage(name);
        open(&library, &options).unwrap().fetch_weights().unwrap();
        let place = home.path().join(".pulls/tiny-coder/checkpoint").join(name);
        let whole = fs::read(&place).unwrap();
        fs::write(&place, vec![0; whole.len()]).unwrap();
        open(&library, &options).unwrap().fetch_weights().unwrap();
        assert!(fs::read(&place).unwrap() == whole, "{name}");
    }
}

#[test]
fn a_full_disk_is_known_before_anything_is_fetched() {
    let (hub, home) = (Hub::tiny(), tempfile::tempdir().unwrap());
    let library = Library::open(home.path()).unwrap();
    let full = PullOptions { free_space: |_| Ok((64 << 20) + 52_000), ..hub.options() };
    assert!(matches!(open(&library, &full), Err(HubError::DiskFull { .. })));
    assert!(hub.fetched().is_empty());
    let enough = PullOptions { free_space: |_| Ok((64 << 20) + 53_000), ..hub.options() };
    let opened = open(&library, &enough).unwrap();
    opened.fetch_weights().unwrap();
    assert!(matches!(opened.result_path(60_000), Err(HubError::DiskFull { .. })));
}

#[test]
fn a_list_of_files_cannot_lead_out_of_the_folder() {
    let weights = ("model.safetensors", Rng(1).bytes(100));
    let hub = Hub::start(&[("../config.json", b"{}".to_vec()), ("tokenizer.json", b"{}".to_vec()), weights]);
    let home = tempfile::tempdir().unwrap();
    let (library, options) = (Library::open(home.path()).unwrap(), hub.options());
    let refused = open(&library, &options).map(|_| ());
    assert!(matches!(&refused, Err(HubError::NoCheckpoint { reason, .. }) if reason.contains("config.json")));
    assert!(hub.fetched().is_empty() && names(home.path()) == [".pulls"]);
}

#[test]
fn a_folder_is_imported_where_it_is_and_names_are_not_taken_over() {
    let home = tempfile::tempdir().unwrap();
    let library = Library::open(&home.path().join("models")).unwrap();
    let mine = home.path().join("Tiny-Coder");
    fs::create_dir(&mine).unwrap();
    fs::write(mine.join("config.json"), "{}").unwrap();
    let options = PullOptions { offline: true, ..PullOptions::default() };
    let path = mine.to_str().unwrap();
    let Ok(Opened::Checkpoint(opened)) = checkpoint::open(&library, path, None, &options, &NoProgress) else {
        panic!("a folder is a checkpoint")
    };
    assert_eq!(opened.folder(), mine.canonicalize().unwrap());
    opened.fetch_weights().unwrap();
    let result = opened.result_path(10).unwrap();
    fs::write(&result, b"GGUF").unwrap();
    fs::write(result.with_extension("gguf.importing"), b"left by a killed import").unwrap();
    assert_eq!(opened.install(&result).unwrap().source, mine.canonicalize().unwrap().to_str().unwrap());
    assert_eq!(names(&mine), ["config.json"]);

    let hub = Hub::tiny();
    let options = hub.options();
    assert!(matches!(open(&library, &options), Err(HubError::NameTaken { .. })));
    assert!(hub.fetched().is_empty());
    let single = checkpoint::open(&library, "hf:a/b/c.gguf", None, &options, &NoProgress).map(|_| ());
    assert!(matches!(single, Err(HubError::NoCheckpoint { .. })));
    let whole = hub::pull(&library, SPEC, &options, &NoProgress);
    assert!(matches!(whole, Err(HubError::NoCheckpoint { .. })));
}
