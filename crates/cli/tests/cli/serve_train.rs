//! Training in `hone serve` as programs ask for it: killed, resumed, and used by another `hone`.

use crate::serve::Server;
use crate::support::Hone;
use serde_json::Value;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;

const RECIPE: [&str; 12] = [
    "--steps",
    "12",
    "--accumulation",
    "4",
    "--lr",
    "0.01",
    "--max-seq",
    "128",
    "--rank",
    "4",
    "--seed",
    "3",
];
const BODY: &str =
    r#"{"data":"numbers","steps":12,"accumulation":4,"learning_rate":0.01,"max_seq":128,"rank":4,"seed":3}"#;

/// With the tiny model and a set called `numbers`.
fn hone() -> Hone {
    let hone = Hone::with_model();
    let row = |n: usize| format!("{{\"prompt\": \"number {n}?\", \"completion\": \"yes {}\"}}\n", n % 3);
    let rows = hone.folder.path().join("rows.jsonl");
    std::fs::write(&rows, (0..40).map(row).collect::<String>()).unwrap();
    hone.ok(&["data", "fetch", rows.to_str().unwrap(), "--name", "numbers"]);
    hone
}

fn started(hone: &Hone) -> Server {
    let server = Server::start(hone, &["--model", "llama"]);
    server.until_healthy();
    server
}

fn json((status, body): (u16, String), expected: u16) -> Value {
    assert_eq!(status, expected, "{body}");
    // A chunked body has lengths between its parts; ours are whole.
    serde_json::from_str(&body).unwrap_or_else(|e| panic!("{e}: {body}"))
}

/// Reads a run's events until `done` says that it is enough; the last line that was read.
fn listen(server: &Server, run: &str, done: impl Fn(&str) -> bool) -> String {
    let mut stream = TcpStream::connect(&server.address).unwrap();
    let host = &server.address;
    write!(stream, "GET /api/train/{run}/events HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")
        .unwrap();
    let lines = BufReader::new(stream).lines();
    lines.map(Result::unwrap).find(|line| done(line)).expect("the event comes")
}

fn adapter_file(hone: &Hone, id: &str) -> Vec<u8> {
    std::fs::read(hone.home().join("adapters").join(id).join("adapter.gguf")).unwrap()
}

#[test]
fn a_killed_server_goes_on_to_the_adapter_of_hone_train() {
    let hone = hone();
    let expected =
        hone.json(&[&["train", "--data", "numbers", "--model", "llama", "--json"], &RECIPE[..]].concat());
    let expected = adapter_file(&hone, expected["adapter"].as_str().unwrap());

    let mut server = started(&hone);
    let run = json(server.request("POST", "/api/train", BODY), 202)["id"].as_str().unwrap().to_owned();
    let id = run.clone();
    for kill_after in [2, 5, 9] {
        // The run may be done before the kill comes; what is resumed then is refused below.
        listen(&server, &id, |line| {
            line.contains(&format!("\"step\":{kill_after},")) || line.starts_with("event: done")
        });
        server.child.kill().unwrap();
        server.end();
        server = started(&hone);
        let (status, body) = server.request("POST", &format!("/api/train/{id}/resume"), "{}");
        assert!(status == 202 || body.contains("run_done"), "{status} {body}");
        if status != 202 {
            break;
        }
    }
    let state = json(server.request("GET", "/api/train", ""), 200);
    if state["run"].is_object() {
        listen(&server, &run, |line| line.starts_with("event: done"));
    }
    let adapters = json(server.request("GET", "/api/adapters", ""), 200);
    let all = adapters["adapters"].as_array().unwrap();
    assert_eq!(all.len(), 2, "{adapters}");
    for adapter in all {
        assert!(adapter_file(&hone, adapter["id"].as_str().unwrap()) == expected);
    }

    // A server that is told to end stops its run, which `hone train` then brings to its end.
    let endless = BODY.replace("\"steps\":12", "\"steps\":100000");
    let run = json(server.request("POST", "/api/train", &endless), 202)["id"].as_str().unwrap().to_owned();
    listen(&server, &run, |line| line.starts_with("event: step"));
    let busy = hone.fails(1, &["train", "--resume", &run]);
    assert!(busy.contains("right now"), "{busy}");
    #[cfg(unix)]
    {
        crate::support::signal("TERM", server.child.id());
        assert_eq!(server.end().code, Some(0));
        assert!(hone.home().join("runs").join(&run).join("checkpoint.bin").exists());
    }
}

#[test]
fn what_another_hone_puts_in_use_answers_the_next_request() {
    let hone = hone();
    let trained =
        hone.json(&[&["train", "--data", "numbers", "--model", "llama", "--json"], &RECIPE[..]].concat());
    let id = trained["adapter"].as_str().unwrap();
    let mut server = started(&hone);
    let say = |model: &str, n: u32| {
        let question = format!(
            r#"{{"model":"{model}","max_tokens":12,"temperature":0,"messages":[{{"role":"user","content":"number {n}?"}}]}}"#
        );
        let reply = json(server.request("POST", "/v1/chat/completions", &question), 200);
        reply["choices"][0]["message"]["content"].as_str().unwrap().to_owned()
    };
    let (base, adapted) = (say("llama@base", 1), say("llama@adapters_final", 1));
    assert_ne!(base, adapted);
    assert_eq!(say("llama", 1), base);
    hone.ok(&["adapter", "use", id]);
    assert_eq!(say("llama", 1), adapted);
    hone.ok(&["adapter", "rollback", "--base", "llama"]);
    assert_eq!(say("llama", 1), base);
    server.child.kill().unwrap();
    server.end();

    let mut server = Server::start(&hone, &["--model", "llama", "--adapter", "adapters_final"]);
    server.until_healthy();
    let pinned = json(server.request("GET", "/api/adapters", ""), 200);
    assert_eq!(pinned["pinned"], "adapters_final");
    server.child.kill().unwrap();
    server.end();
}
