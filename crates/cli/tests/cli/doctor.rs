//! `hone doctor`.

use crate::support::{Hone, Run};
use serde_json::Value;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;

fn finding<'a>(report: &'a Value, what: &str) -> &'a Value {
    report["findings"].as_array().unwrap().iter().find(|f| f["what"] == what).unwrap_or(&Value::Null)
}

fn report(run: &Run) -> Value {
    serde_json::from_str(&run.stdout).unwrap_or_else(|e| panic!("{e}: {run:?}"))
}

#[test]
fn without_a_model_something_is_wrong() {
    let run = Hone::new().run(&["doctor", "--json"]);
    assert_eq!(run.code, Some(1));
    let report = report(&run);
    assert_eq!(report["ok"], false);
    let model = finding(&report, "chosen model");
    assert_eq!(model["state"], "wrong");
    assert!(model["advice"].as_str().unwrap().contains("hone pull smollm2-135m"));
}

#[test]
fn with_a_model_all_is_well() {
    let hone = Hone::with_model();
    let report = hone.json(&["doctor", "--verify", "--json"]);
    assert_eq!(report["ok"], true, "{report}");
    let processor = &finding(&report, "processor")["facts"];
    let available = processor["available"].as_array().unwrap();
    assert!(
        available.contains(&processor["kernels"]) && available.contains(&"portable".into()),
        "{processor}"
    );
    let memory = &finding(&report, "memory")["facts"];
    assert!(memory["available_bytes"].as_u64().unwrap() <= memory["total_bytes"].as_u64().unwrap());
    assert_eq!(finding(&report, "network")["facts"]["offline"], true);
    assert!(finding(&report, "model llama")["detail"].as_str().unwrap().contains("hash is right"));
    assert!(hone.ok(&["doctor"]).contains("processor"));
}

#[test]
fn a_changed_model_is_found() {
    let hone = Hone::with_model();
    let path = hone.json(&["show", "--json"])["path"].as_str().unwrap().to_string();
    let mut bytes = fs::read(&path).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    let _ = fs::remove_file(&path);
    fs::write(&path, &bytes).unwrap();
    assert_eq!(hone.run(&["doctor", "--json"]).code, Some(0), "only --verify reads the file");
    let run = hone.run(&["doctor", "--verify", "--json"]);
    assert_eq!(run.code, Some(1));
    assert_eq!(finding(&report(&run), "model llama")["state"], "wrong");

    fs::write(&path, &bytes[1..]).unwrap();
    assert_eq!(hone.run(&["doctor", "--json"]).code, Some(1), "a wrong length is seen at once");
}

#[test]
fn a_taken_port_is_noted() {
    let hone = Hone::with_model();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    fs::write(hone.home().join("config.toml"), format!("model = 'llama'\nport = {port}\n")).unwrap();
    let report = hone.json(&["doctor", "--json"]);
    assert_eq!(finding(&report, "port")["state"], "note");
    assert_eq!(
        finding(&report, "port")["facts"],
        serde_json::json!({"host": "127.0.0.1", "port": port, "free": false})
    );
}

#[test]
fn a_damaged_store_is_found() {
    let hone = Hone::with_model();
    hone.ok(&["remember", "Use tabs"]);
    assert_eq!(finding(&hone.json(&["doctor", "--verify", "--json"]), "store")["facts"]["conversations"], 0);
    fs::write(hone.home().join("hone.db"), "no database".repeat(1000)).unwrap();
    let run = hone.run(&["doctor", "--json"]);
    assert_eq!(run.code, Some(1));
    assert_eq!(finding(&report(&run), "store")["state"], "wrong");
    assert!(hone.fails(1, &["chats", "list"]).contains("backups"));
}

/// A server that answers everything with this.
fn service(status: u16, body: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut head = [0; 4096];
            let _ = stream.read(&mut head).unwrap();
            let reply = format!(
                "HTTP/1.1 {status} X\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            );
            stream.write_all(reply.as_bytes()).unwrap();
        }
    });
    format!("http://{address}")
}

#[test]
fn services_of_the_settings_are_asked() {
    let hone = Hone::with_model();
    assert!(
        finding(&hone.json(&["doctor", "--json"]), "web search")["detail"]
            .as_str()
            .unwrap()
            .contains("not set up")
    );
    let config = hone.home().join("config.toml");
    let before = fs::read_to_string(&config).unwrap();
    let doctor = |searxng: &str, tavily: &str, chroma: &str, offline: &str| {
        let settings = format!(
            "{before}\n[web]\nsearxng_url = '{searxng}'\ntavily_url = '{tavily}'\ntavily_key = 'tvly-x'\n\
             [knowledge]\nstore = 'chroma'\nurl = '{chroma}'\n"
        );
        fs::write(&config, settings).unwrap();
        let mut command = hone.command(&["doctor", "--json"]);
        crate::support::finish({
            command.env("HONE_OFFLINE", offline).env_remove("TAVILY_API_KEY").env_remove("SEARXNG_URL");
            command
        })
    };
    let (searxng, tavily, chroma) = (
        service(200, r#"{"results":[]}"#),
        service(
            200,
            r#"{"key":{"usage":3,"limit":null},"account":{"current_plan":"x","plan_usage":12,"plan_limit":1000}}"#,
        ),
        service(200, "\"1.0.0\""),
    );
    let run = doctor(&searxng, &tavily, &chroma, "");
    let found = report(&run);
    assert_eq!(run.code, Some(0), "{found}");
    let detail = |report: &Value, what: &str| finding(report, what)["detail"].as_str().unwrap().to_owned();
    assert_eq!(detail(&found, "tavily"), "the key works; 12 of 1000 credits are used");
    assert_eq!(detail(&found, "searxng"), "answers in JSON");
    assert_eq!(detail(&found, "chroma"), "answers, version 1.0.0");

    let run = doctor(&service(403, ""), &service(401, ""), &service(404, ""), "");
    let found = report(&run);
    assert_eq!(run.code, Some(1), "{found}");
    assert!(detail(&found, "searxng").contains("must add `json`"), "{found}");
    assert!(detail(&found, "chroma").contains("no Chroma server"), "{found}");
    for what in ["tavily", "searxng", "chroma"] {
        assert_eq!(
            (&finding(&found, what)["state"], &finding(&found, what)["facts"]["answers"]),
            (&"wrong".into(), &false.into())
        );
    }
    assert!(!format!("{run:?}").contains("tvly-x"), "the key is not told");

    let run = doctor("http://127.0.0.1:9", "http://127.0.0.1:9", "http://127.0.0.1:9", "1");
    assert_eq!(run.code, Some(0), "{run:?}");
    assert!(detail(&report(&run), "chroma").contains("offline"));
}
