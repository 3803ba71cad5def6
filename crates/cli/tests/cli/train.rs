//! `hone train` as a user types it, on a tiny model.

use crate::support::{Hone, tiny};
use serde_json::Value;

/// Questions with short answers.
pub(crate) fn rows(hone: &Hone, count: usize) -> String {
    let row = |n: usize| format!("{{\"prompt\": \"number {n}?\", \"completion\": \"yes {}\"}}\n", n % 3);
    let path = hone.folder.path().join("rows.jsonl");
    std::fs::write(&path, (0..count).map(row).collect::<String>()).unwrap();
    path.display().to_string()
}

#[test]
fn a_file_becomes_an_adapter_that_chat_uses() {
    let hone = Hone::new();
    let (model, data) = (tiny("llama").display().to_string(), rows(&hone, 40));
    let out = hone.ok(&[
        "train",
        "--data",
        &data,
        "--model",
        &model,
        "--steps",
        "6",
        "--accumulation",
        "8",
        "--lr",
        "0.01",
        "--max-seq",
        "128",
        "--rank",
        "4",
        "--json",
    ]);
    let report: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((report["steps"].as_u64(), report["name"].as_str()), (Some(6), Some("adapters_final")));
    let loss = |key: &str| report[key].as_f64().unwrap();
    assert!(loss("valid_loss") < loss("first_valid_loss"), "{report}");
    let id = report["adapter"].as_str().unwrap();
    assert!(hone.ok(&["adapter", "list"]).contains(id));
    let folder = std::path::Path::new(report["folder"].as_str().unwrap());
    assert_eq!(std::fs::read_to_string(folder.join("metrics.jsonl")).unwrap().lines().count(), 7);
    assert!(std::fs::read_to_string(folder.join("curve.svg")).unwrap().starts_with("<svg"));

    let chat = |adapter: &str| {
        let text = ["chat", "--model", &model, "--adapter", adapter, "-p", "number 1?", "--temperature", "0"];
        hone.ok(&[&text[..], &["--max-tokens", "12"]].concat())
    };
    assert_ne!(chat("adapters_final"), chat("base"));
    assert_eq!(chat(id), chat("adapters_final"));

    let score = |adapter: &str| {
        hone.json(&["score", &data, "--model", &model, "--adapter", adapter, "--max-seq", "128", "--json"])
    };
    let (base, adapted) = (score("base"), score(id));
    assert_eq!(base["examples"].as_array().unwrap().len(), 40);
    assert!(adapted["mean"].as_f64().unwrap() < base["mean"].as_f64().unwrap(), "{base} {adapted}");
    assert_eq!((&base["adapter"], adapted["adapter"].as_str()), (&Value::Null, Some(id)));

    let run = report["run"].as_str().unwrap();
    let said = hone.fails(1, &["train", "--resume", run]);
    assert!(said.contains("is done"), "{said}");
}

#[test]
fn what_cannot_be_trained_is_said_and_leaves_no_run() {
    let hone = Hone::new();
    let (model, data) = (tiny("llama").display().to_string(), rows(&hone, 10));
    let train =
        |more: &[&str]| hone.fails(1, &[&["train", "--data", &data, "--model", &model], more].concat());
    assert!(train(&["--rank", "0"]).contains("rank is 0"));
    assert!(train(&["--layers", "99"]).contains("layers is 99"));
    let cut = train(&["--max-seq", "3"]);
    assert!(cut.contains("nothing to learn") || cut.contains("no answer within"), "{cut}");
    assert!(train(&["--name", "base"]).contains("base"));
    assert!(hone.fails(1, &["train", "--resume"]).contains("no interrupted run"));
    assert!(
        !hone.home().join("runs").exists() || hone.home().join("runs").read_dir().unwrap().next().is_none()
    );
}

#[test]
fn a_job_for_another_machine_is_complete() {
    let hone = Hone::new();
    let (model, data) = (tiny("qwen2").display().to_string(), rows(&hone, 20));
    let folder = hone.folder.path().join("job");
    let place = folder.display().to_string();
    hone.ok(&["train", "--data", &data, "--model", &model, "--max-seq", "128", "--export-job", &place]);
    let mut names: Vec<_> =
        folder.read_dir().unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    assert_eq!(
        names,
        ["README.md", "initial", "job.json", "requirements.txt", "train.jsonl", "train.py", "valid.jsonl"]
    );
    let job: Value = serde_json::from_slice(&std::fs::read(folder.join("job.json")).unwrap()).unwrap();
    assert_eq!((job["rank"].as_u64(), job["accumulation"].as_u64()), (Some(16), Some(48)));
    assert_eq!(job["target_modules"].as_array().unwrap().len(), 7);
    let file = engine::gguf::Gguf::open(&tiny("qwen2")).unwrap();
    let template: Option<&str> = file.metadata().find("tokenizer.chat_template").unwrap();
    assert_eq!(job["chat_template"].as_str(), template, "chats are written as they are when they are served");
    assert!(
        hone.fails(
            1,
            &["train", "--data", &data, "--model", &model, "--max-seq", "128", "--export-job", &place]
        )
        .contains("not empty")
    );
    let elsewhere = hone.folder.path().join("two").display().to_string();
    let words = ["train", "--data", &data, "--model", &model, "--members", "2", "--export-job", &elsewhere];
    assert!(hone.fails(1, &words).contains("members is 2: the script for torch and PEFT trains one"));
    assert!(!std::path::Path::new(&elsewhere).exists(), "nothing is left of it");
}

#[test]
fn two_trainings_are_averaged_into_one_adapter_of_both_ranks() {
    let hone = Hone::new();
    let (model, data) = (tiny("llama").display().to_string(), rows(&hone, 20));
    let words =
        ["train", "--data", &data, "--model", &model, "--steps", "4", "--max-seq", "128", "--rank", "4"];
    hone.ok(&[&words[..], &["--members", "2", "--name", "both"]].concat());
    let out = hone.folder.path().join("peft");
    let place = out.display().to_string();
    hone.ok(&["adapter", "export", "both", "--format", "peft", "--base", &model, "--out", &place]);
    let config = std::fs::read(out.join("adapter_config.json")).unwrap();
    let config: Value = serde_json::from_slice(&config).unwrap();
    // alpha / rank is 1: half of what each of the two was trained with.
    assert_eq!((config["r"].as_u64(), config["lora_alpha"].as_f64()), (Some(8), Some(8.0)));
}

#[cfg(unix)]
#[test]
fn ctrl_c_keeps_what_is_done_and_resuming_ends_in_the_same_bytes() {
    use std::io::{BufRead, BufReader};
    let hone = Hone::new();
    let (model, data) = (tiny("llama").display().to_string(), rows(&hone, 40));
    let words = ["train", "--data", &data, "--model", &model, "--steps", "300", "--accumulation", "8"];
    let words = [&words[..], &["--max-seq", "128", "--rank", "4", "--dropout", "0.1"]].concat();
    let adapter = |report: &Value| {
        let id = report["adapter"].as_str().unwrap();
        std::fs::read(hone.home().join("adapters").join(id).join("adapter.gguf")).unwrap()
    };
    let whole = hone.json(&[&words[..], &["--json", "-q"]].concat());

    let mut child = hone.command(&words).spawn().unwrap();
    let mut said = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
    assert!(said.any(|line| line.starts_with("step 3:")));
    crate::support::signal("INT", child.id());
    assert!(said.any(|line| line.contains("hone train --resume")));
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let resumed = hone.json(&["train", "--resume", "--json", "-q"]);
    assert_eq!(resumed["steps"], 300);
    assert!(adapter(&resumed) == adapter(&whole));
}

#[test]
fn a_recipe_gives_what_no_flag_does() {
    let hone = Hone::new();
    let (model, data) = (tiny("llama").display().to_string(), rows(&hone, 20));
    let recipe = |name: &str, text: &str| {
        let path = hone.folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let toml = recipe("r.toml", "rank = 2\nsteps = 9\naccumulation = 4\nmax_seq = 128\nloss_on = \"all\"\n");
    let json = recipe(
        "r.json",
        "{\"rank\": 2, \"steps\": 9, \"accumulation\": 4, \"max_seq\": 128, \"loss_on\": \"all\"}",
    );
    for path in [&toml, &json] {
        let words = ["train", "--data", &data, "--model", &model, "--recipe", path, "--steps", "2"];
        let report = hone.json(&[&words[..], &["--json", "-q"]].concat());
        assert_eq!(report["steps"], 2, "flags go before");
        let id = report["adapter"].as_str().unwrap();
        let shown = hone.json(&["adapter", "show", id, "--json"]);
        assert_eq!((&shown["recipe"]["rank"], &shown["recipe"]["loss_on"]), (&2.into(), &"all".into()));
        // Where it is from stands with it: base, data, settings and scores.
        assert_eq!(shown["examples"].as_str(), Some(data.as_str()));
        assert_eq!(shown["data"].as_str().map(str::len), Some(64));
        assert_eq!(shown["base"]["sha256"].as_str().map(str::len), Some(64));
        assert!(shown["scores"]["valid_loss"].is_f64() && shown["parent"].is_null(), "{shown}");
    }
    let wrong = recipe("wrong.toml", "rnak = 2\n");
    let said = hone.fails(1, &["train", "--data", &data, "--model", &model, "--recipe", &wrong]);
    assert!(said.contains("wrong.toml") && said.contains("rnak"), "{said}");
}
