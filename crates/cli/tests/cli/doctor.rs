//! `hone doctor`.

use crate::support::{Hone, Run};
use serde_json::Value;
use std::fs;

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
