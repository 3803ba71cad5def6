//! data fetch, build, stats, view.

use crate::support::{Hone, finish, tiny};
use serde_json::{Value, json};
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::Path;

/// Writes `count` Alpaca rows as an array.
fn rows(hone: &Hone, file: &str, count: usize) -> String {
    let row = |n: usize| json!({"instruction": format!("Do {file} {n}."), "input": "", "output": format!("{n} is done.")});
    let path = hone.folder.path().join(file);
    fs::write(&path, serde_json::to_string_pretty(&(0..count).map(row).collect::<Vec<_>>()).unwrap())
        .unwrap();
    path.to_str().unwrap().to_owned()
}

fn lines(path: &Path) -> Vec<Value> {
    fs::read_to_string(path).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_file_becomes_a_set() {
    let hone = Hone::new();
    let path = rows(&hone, "mine.json", 100);
    let said = hone.ok(&["data", "fetch", &path, "--test", "0.05", "--seed", "3"]);
    assert!(said.contains("mine is ready: 85 examples to train on, 10 to validate, 5 to test"), "{said}");
    let set = hone.home().join("datasets/mine");
    let train = lines(&set.join("train.jsonl"));
    assert_eq!(
        (train.len(), lines(&set.join("valid.jsonl")).len(), lines(&set.join("test.jsonl")).len()),
        (85, 10, 5)
    );
    assert_eq!(train[0]["messages"][0]["role"], "user");
    let manifest: Value = serde_json::from_slice(&fs::read(set.join("manifest.json")).unwrap()).unwrap();
    assert_eq!((&manifest["seed"], &manifest["report"]["kept"]), (&3.into(), &100.into()));
    assert_eq!(manifest["sources"][0]["format"], "alpaca");
    assert_eq!(manifest["sources"][0]["files"][0]["bytes"], fs::metadata(&path).unwrap().len());

    // The same seed gives the same bytes, another one does not.
    let hash = |set: &Value| set["parts"][0]["sha256"].clone();
    let out = hone.folder.path().join("out");
    let again = hone.json(&[
        "data",
        "fetch",
        &path,
        "--test",
        "0.05",
        "--seed",
        "3",
        "--out",
        out.to_str().unwrap(),
        "--json",
    ]);
    assert_eq!(hash(&again[0]), hash(&manifest));
    assert!(out.join("train.jsonl").is_file());
    let said = hone.ok(&["data", "fetch", &path, "--out", out.to_str().unwrap()]);
    assert!(said.contains(&format!("hone data view {}", out.display())), "{said}");
    assert!(hone.ok(&["data", "view", out.to_str().unwrap()]).contains("--- 1 of 90"));
    let other =
        hone.json(&["data", "fetch", &path, "--test", "0.05", "--seed", "4", "--name", "other", "--json"]);
    assert_ne!(hash(&other[0]), hash(&manifest));
}

#[test]
fn sources_make_sets_of_their_own_or_one() {
    let hone = Hone::new();
    let (a, b) = (rows(&hone, "a.json", 30), rows(&hone, "b.json", 20));
    let own = hone.json(&["data", "fetch", &a, &b, "--json"]);
    let names: Vec<_> = own.as_array().unwrap().iter().map(|set| set["name"].clone()).collect();
    assert_eq!(names, ["a", "b"]);
    let one = hone.json(&["data", "fetch", &a, &b, &a, "--name", "all", "--json"]);
    assert_eq!((&one[0]["report"]["kept"], &one[0]["report"]["duplicates"]), (&50.into(), &30.into()));
    assert_eq!(one[0]["sources"].as_array().unwrap().len(), 3);
}

#[test]
fn bad_rows_are_named_and_too_many_are_an_error() {
    let hone = Hone::new();
    let path = hone.folder.path().join("rows.jsonl");
    let good: String = (0..40).map(|n| format!("{{\"prompt\":\"{n}\",\"completion\":\"x\"}}\n")).collect();
    fs::write(&path, format!("{good}{{\"prompt\"\n")).unwrap();
    let file = path.to_str().unwrap();
    let run = hone.run(&["data", "fetch", file]);
    assert_eq!(run.code, Some(0));
    assert!(
        run.stderr.contains("1 bad rows") && run.stderr.contains("rows.jsonl:41: it is no JSON"),
        "{run:?}"
    );

    fs::write(&path, format!("{good}{}", "{\u{1b}[31m\n".repeat(3))).unwrap();
    let before = fs::read(hone.home().join("datasets/rows/manifest.json")).unwrap();
    let said = hone.fails(1, &["data", "fetch", file]);
    assert!(said.contains("3 of 43 rows are bad") && said.contains("rows.jsonl:41:"), "{said}");
    assert_eq!(fs::read(hone.home().join("datasets/rows/manifest.json")).unwrap(), before, "the set stays");
}

#[test]
fn a_fetch_that_cannot_work_says_why() {
    let hone = Hone::new();
    let folder = hone.folder.path();
    fs::write(folder.join("table.json"), "[{\"a\":1,\"b\":2}]").unwrap();
    fs::write(folder.join("empty.json"), "[]").unwrap();
    fs::write(folder.join("broken.parquet"), "PAR1 is not enough").unwrap();
    for (source, reason) in [
        ("codealpaca", "HONE_OFFLINE"),
        ("hf:owner/repo", "HONE_OFFLINE"),
        ("no-such-data", "codealpaca"),
        ("hf:owner", "owner/repo"),
        ("/nowhere/rows.json", "/nowhere/rows.json"),
        ("table.json", "a, b"),
        ("empty.json", "no row is left"),
        ("broken.parquet", "broken.parquet"),
    ] {
        let said = hone.fails(1, &["-q", "data", "fetch", source]);
        assert!(said.contains(reason), "{source}: {said}");
    }
    let file = rows(&hone, "a.json", 10);
    for wrong in [
        &["data", "fetch", &file, "--test", "0.95"][..],
        &["data", "fetch", &file, "--format", "csv"],
        &["data", "build", "a=0", "--name", "x"],
        &["data", "build", "a=0.5", "b", "--name", "x"],
        &["data", "build", "a=1"],
        &["data", "view", &file, "--row", "0"],
        &["data"],
    ] {
        hone.fails(2, wrong);
    }
    let said = hone.fails(1, &["data", "fetch", &file, "--name", "../x"]);
    assert!(said.contains("../x"), "{said}");
}

#[test]
fn sets_are_mixed_by_weight() {
    let hone = Hone::new();
    let (a, b) = (rows(&hone, "a.json", 100), rows(&hone, "b.json", 100));
    hone.ok(&["data", "fetch", &a, &b]);
    let mixed = hone.json(&["-q", "data", "build", "a=0.7", "b=0.3", "--name", "mix", "--json"]);
    let count = |part: &str, word: &str| {
        let path = hone.home().join("datasets/mix").join(part);
        lines(&path)
            .iter()
            .filter(|row| row["messages"][0]["content"].as_str().unwrap().contains(word))
            .count()
    };
    assert_eq!((count("train.jsonl", "a.json"), count("train.jsonl", "b.json")), (90, 39));
    assert_eq!((count("valid.jsonl", "a.json"), count("valid.jsonl", "b.json")), (10, 4));
    assert_eq!((&mixed["sources"][1]["source"], &mixed["sources"][1]["weight"]), (&"b".into(), &json!(0.3)));
    let all = hone.json(&["data", "build", "a", "b", "--name", "all", "--json"]);
    assert_eq!(all["report"]["kept"], 200);
    let said = hone.fails(1, &["data", "build", "a=1", "nothing=1", "--name", "x"]);
    assert!(said.contains("nothing") && said.contains("there are a, all, b, mix"), "{said}");
}

#[test]
fn stats_count_what_is_there() {
    let hone = Hone::new();
    let path = rows(&hone, "a.json", 100);
    hone.ok(&["data", "fetch", &path]);
    let run = hone.run(&["data", "stats", "a"]);
    assert!(
        run.stderr.contains("lengths are in characters") && run.stdout.contains("(characters)"),
        "{run:?}"
    );

    let model = tiny("llama");
    let stats = hone.json(&["data", "stats", "a", "--model", model.to_str().unwrap(), "--json"]);
    let train = &stats["parts"][0];
    assert_eq!(
        (&train["part"], &train["rows"], &train["also_in_train"]),
        (&"train".into(), &90.into(), &0.into())
    );
    assert_eq!(train["roles"]["assistant"]["messages"], 90);
    let tokens = &train["tokens"];
    let buckets = tokens["histogram"].as_array().unwrap();
    assert_eq!(buckets.iter().map(|bucket| bucket["rows"].as_u64().unwrap()).sum::<u64>(), 90);
    assert!(
        tokens["min"].as_u64() <= tokens["median"].as_u64()
            && tokens["median"].as_u64() <= tokens["max"].as_u64()
    );

    let text = hone.ok(&["data", "stats", &path, "--model", model.to_str().unwrap()]);
    assert!(text.contains("100") && text.contains("tokens of llama") && text.contains("##"), "{text}");
}

#[test]
fn view_prints_what_is_asked_for() {
    let hone = Hone::new();
    let path = hone.folder.path().join("rows.jsonl");
    fs::write(
        &path,
        "{\"prompt\":\"first\",\"completion\":\"a\"}\n{\"prompt\":\"second\",\"completion\":\"\u{9b}2Jb\"}\n",
    )
    .unwrap();
    let path = path.to_str().unwrap();
    let one = hone.ok(&["data", "view", path, "--row", "2", "--count", "1"]);
    assert_eq!(one, "--- 2 of 2\n[user]\nsecond\n\n[assistant]\n\u{fffd}2Jb\n\n");
    let both = hone.ok(&["data", "view", path, "--json"]);
    let first: Value = serde_json::from_str(both.lines().next().unwrap()).unwrap();
    assert_eq!((both.lines().count(), &first["messages"][0]["content"]), (2, &"first".into()));
    assert!(hone.fails(1, &["data", "view", path, "--row", "3"]).contains("2 examples"));
    hone.ok(&["data", "fetch", path]);
    assert!(hone.ok(&["data", "view", "rows", "--part", "valid"]).starts_with("--- 1 of 1"));
}

#[test]
fn a_damaged_set_is_not_read() {
    let hone = Hone::new();
    hone.ok(&["data", "fetch", &rows(&hone, "a.json", 10)]);
    let train = hone.home().join("datasets/a/train.jsonl");
    fs::write(&train, fs::read_to_string(&train).unwrap().replace("done", "gone")).unwrap();
    for command in ["stats", "view"] {
        let said = hone.fails(1, &["data", command, "a"]);
        assert!(said.contains("damaged") && said.contains("train.jsonl"), "{said}");
    }
}

#[test]
fn the_catalogue_names_licences() {
    let list = Hone::new().json(&["data", "fetch", "--json"]);
    assert_eq!(list[0]["name"], "codealpaca");
    assert_eq!(list[1]["license"], "CC-BY-NC-SA-4.0");
    assert!(Hone::new().ok(&["data", "fetch"]).contains("sahil2801/CodeAlpaca-20k"));
}

/// A hub with the repository of `codealpaca`, whose file git keeps. Gives its address.
fn hub(body: String, blob: &'static str) -> String {
    const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let request: Vec<String> = BufReader::new(&stream)
                .lines()
                .map_while(Result::ok)
                .take_while(|line| !line.is_empty())
                .collect();
            let path = request[0].split(' ').nth(1).unwrap_or_default().to_owned();
            let repo = "datasets/sahil2801/CodeAlpaca-20k";
            let files =
                json!([{"type": "file", "oid": blob, "size": body.len(), "path": "code_alpaca_20k.json"}]);
            let (status, text) = match path.as_str() {
                _ if path == format!("/api/{repo}/revision/main") => {
                    (200, json!({"sha": COMMIT}).to_string())
                }
                _ if path.starts_with(&format!("/api/{repo}/tree/{COMMIT}?")) => (200, files.to_string()),
                _ if path == format!("/{repo}/resolve/{COMMIT}/code_alpaca_20k.json") => (200, body.clone()),
                _ => (404, String::new()),
            };
            let head =
                format!("HTTP/1.1 {status} X\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", text.len());
            let _ = stream.write_all((head + &text).as_bytes());
        }
    });
    address
}

#[test]
fn the_catalogue_is_fetched_from_the_hub() {
    let body = (0..20)
        .map(|n| json!({"instruction": format!("Do {n}."), "input": "", "output": "Done."}).to_string());
    let body = format!("[{}]", body.collect::<Vec<_>>().join(","));
    // `git hash-object` of these bytes.
    let endpoint = hub(body, "84242fc77745cba9131a303c96de61ead3eb9149");
    let hone = Hone::new();
    let fetch = |offline: &str| {
        let mut command = hone.command(&["data", "fetch", "codealpaca", "--json"]);
        command.env("HF_ENDPOINT", &endpoint).env("HF_HOME", hone.folder.path()).env("HONE_OFFLINE", offline);
        finish(command)
    };
    let run = fetch("0");
    assert_eq!(run.code, Some(0), "{run:?}");
    let sets: Value = serde_json::from_str(&run.stdout).unwrap();
    let source = &sets[0]["sources"][0];
    assert_eq!(source["source"], "hf:sahil2801/CodeAlpaca-20k@0123456789abcdef0123456789abcdef01234567");
    assert_eq!((&source["license"], &source["format"]), (&"CC-BY-NC-4.0".into(), &"alpaca".into()));
    assert_eq!((&sets[0]["report"]["kept"], &sets[0]["parts"][0]["rows"]), (&20.into(), &18.into()));
    let offline: Value = serde_json::from_str(&fetch("1").stdout).unwrap();
    assert_eq!(offline[0]["parts"], sets[0]["parts"]);
}
