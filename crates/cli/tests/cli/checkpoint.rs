//! `hone pull` of whole checkpoints, from a folder and from a hub on this machine.

use crate::support::{Hone, finish};
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// One of the committed checkpoints of the engine's tests.
fn committed(name: &str) -> PathBuf {
    let folder = "../engine/tests/fixtures/checkpoints";
    Path::new(env!("CARGO_MANIFEST_DIR")).join(folder).join(name)
}

fn path(name: &str) -> String {
    committed(name).to_str().unwrap().to_owned()
}

/// What is below `models` in the data folder.
fn kept(hone: &Hone) -> Vec<String> {
    let mut names = Vec::new();
    for folder in ["models", "models/.pulls"] {
        let entries = hone.home().join(folder).read_dir().unwrap();
        names.extend(entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()));
    }
    names.sort();
    names
}

#[test]
fn a_folder_becomes_a_model_that_answers() {
    let hone = Hone::new();
    let pulled = hone.json(&["pull", &path("smollm"), "--format", "q8_0", "--json"]);
    assert_eq!((&pulled["name"], &pulled["format"]), (&"smollm".into(), &"Q8_0".into()));
    assert_eq!(kept(&hone), [".pulls", "smollm", "smollm.lock"]);
    let shown = hone.json(&["show", "--json"]);
    assert_eq!((&shown["quantisation"], &shown["architecture"]), (&"Q8_0".into(), &"llama".into()));
    hone.ok(&["chat", "-p", "Hello", "--max-tokens", "3"]);

    // The same folder in another format takes the place of the first.
    let run = hone.run(&["pull", &path("smollm"), "--format", "Q4_K_M", "--json"]);
    assert_eq!(run.code, Some(0), "{run:?}");
    assert!(run.stdout.contains("matrices are Q5_0") && run.stderr.contains("matrices are Q5_0"), "{run:?}");
    assert_eq!(kept(&hone), [".pulls", "smollm", "smollm.lock"]);
}

#[test]
fn an_mlx_checkpoint_keeps_its_codes() {
    let hone = Hone::new();
    let run = hone.run(&["pull", &path("mlx")]);
    assert_eq!(run.code, Some(0), "{run:?}");
    assert!(run.stderr.contains("Q4_1, without loss"), "{run:?}");
    let said = hone.fails(1, &["-q", "pull", &path("mlx"), "--format", "Q8_0"]);
    assert!(said.contains("leave the format out"), "{said}");
}

#[test]
fn a_checkpoint_that_cannot_work_says_why_and_leaves_nothing() {
    let hone = Hone::new();
    let folder = hone.folder.path().join("odd");
    fs::create_dir(&folder).unwrap();
    let odd = folder.to_str().unwrap();
    assert!(hone.fails(1, &["-q", "pull", odd]).contains("config.json"));
    for file in ["config.json", "tokenizer.json", "model.safetensors"] {
        fs::copy(committed("gpt-2").join(file), folder.join(file)).unwrap();
    }
    let config = fs::read_to_string(folder.join("config.json")).unwrap();
    fs::write(folder.join("config.json"), config.replace("Qwen3ForCausalLM", "MambaForCausalLM")).unwrap();
    assert!(hone.fails(1, &["-q", "pull", odd]).contains("MambaForCausalLM"));
    fs::write(folder.join("config.json"), config).unwrap();
    let weights = fs::read(folder.join("model.safetensors")).unwrap();
    fs::write(folder.join("model.safetensors"), &weights[..weights.len() / 2]).unwrap();
    assert!(hone.fails(1, &["-q", "pull", odd]).contains("model.safetensors"));
    assert_eq!(kept(&hone), [".pulls", "odd.lock"]);

    let gguf = crate::support::tiny("qwen2");
    let said = hone.fails(2, &["pull", gguf.to_str().unwrap(), "--format", "Q8_0"]);
    assert!(said.contains("--format"), "{said}");
    assert!(hone.fails(2, &["pull", odd, "--format", "Q9"]).contains("Q4_K"));
    assert!(hone.fails(1, &["-q", "pull", "hf:acme/tiny"]).contains("HONE_OFFLINE"));
}

#[test]
fn a_repository_becomes_a_model() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || listener.incoming().for_each(|stream| answer(stream.unwrap())));
    let hone = Hone::new();
    let mut command = hone.command(&["pull", "hf:acme/Qwen-4bit", "--json"]);
    command.env_remove("HONE_OFFLINE").env("HF_ENDPOINT", &endpoint).env("HF_HOME", hone.folder.path());
    let run = finish(command);
    assert_eq!(run.code, Some(0), "{run:?}");
    let pulled: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(pulled["source"], format!("hf:acme/Qwen-4bit@{COMMIT}"));
    assert_eq!(kept(&hone), [".pulls", "qwen-4bit", "qwen-4bit.lock"]);
    // The very file that the folder gives, but for its name in the header.
    let other = Hone::new();
    let same = other.json(&["pull", &path("mlx"), "--json"]);
    let tail = |model: &serde_json::Value| {
        let bytes = fs::read(model["path"].as_str().unwrap()).unwrap();
        bytes[bytes.len() - 40_000..].to_vec()
    };
    assert!(tail(&pulled) == tail(&same));
}

/// A hub with the checkpoint `mlx`, all of it in large file storage.
fn answer(mut stream: TcpStream) {
    let mut lines = BufReader::new(&stream).lines().map_while(Result::ok);
    let Some(first) = lines.next() else { return };
    lines.take_while(|line| !line.is_empty()).for_each(drop);
    let path = first.split(' ').nth(1).unwrap();
    let body = if path == "/api/models/acme/Qwen-4bit/revision/main" {
        format!(r#"{{"sha":"{COMMIT}"}}"#).into_bytes()
    } else if path == format!("/api/models/acme/Qwen-4bit/tree/{COMMIT}?recursive=true") {
        let rows: Vec<String> =
            committed("mlx").read_dir().unwrap().map(|e| row(&e.unwrap().path())).collect();
        format!("[{}]", rows.join(",")).into_bytes()
    } else {
        let name = path.strip_prefix(&format!("/acme/Qwen-4bit/resolve/{COMMIT}/"));
        name.and_then(|name| fs::read(committed("mlx").join(name)).ok()).unwrap_or_default()
    };
    let head = format!("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", body.len());
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body));
}

fn row(path: &Path) -> String {
    let (digest, size) = hub::verify::file_digest(path, |_| ()).unwrap();
    let name = path.file_name().unwrap().to_str().unwrap();
    format!(
        r#"{{"type":"file","path":"{name}","size":1,"oid":"{COMMIT}","lfs":{{"oid":"{digest}","size":{size}}}}}"#
    )
}
