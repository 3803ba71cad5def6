//! `hone verify`, and what `hone adapter fuse` says of the loss: adapters measured on what they did not learn from.

use crate::support::{Hone, tiny};
use crate::train::rows;
use serde_json::Value;

/// An adapter of a tiny model, trained on 36 of 40 rows; what `hone train` reported.
fn trained(hone: &Hone, model: &str) -> (String, Value) {
    let data = rows(hone, 40);
    let train =
        ["train", "--data", &data, "--model", model, "--steps", "6", "--accumulation", "8", "--rank", "4"];
    let report = hone.json(&[&train[..], &["--lr", "0.01", "--max-seq", "128", "--json"]].concat());
    (data, report)
}

fn verdict(report: &Value, name: &str) -> Value {
    let checks = report["checks"].as_array().unwrap();
    checks.iter().find(|check| check["name"] == name).unwrap()["passed"].clone()
}

fn near(a: &Value, b: &Value) -> bool {
    (a.as_f64().unwrap() - b.as_f64().unwrap()).abs() < 2e-3
}

#[test]
fn an_adapter_is_judged_by_code_answer_and_loss() {
    let hone = Hone::new();
    let model = tiny("llama").display().to_string();
    let (data, report) = trained(&hone, &model);
    let verify = |more: &[&str]| {
        let words = ["verify", "--model", &model, "--prompt", "number 1?", "--max-tokens", "12", "-q"];
        hone.run(&[&words[..], more].concat())
    };
    let run = verify(&["--adapter", "adapters_final", "--json"]);
    // Random weights write no Python: that check fails, the others do not, and the exit code says so.
    assert_eq!(run.code, Some(1), "{run:?}");
    let found: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(found["passed"], false);
    assert_eq!(verdict(&found, "code parses"), false);
    assert_eq!(
        (verdict(&found, "answer changes"), verdict(&found, "loss falls")),
        (true.into(), true.into())
    );
    // The same held-out rows as in training: the same losses, without being told where the rows are.
    let loss = &found["loss"];
    assert_eq!((&loss["examples"], loss["data"].as_str()), (&4.into(), Some(data.as_str())));
    assert!(near(&loss["base"], &report["first_valid_loss"]), "{loss} {report}");
    assert!(near(&loss["adapter"], &report["valid_loss"]), "{loss} {report}");
    // Naming the file that was trained on does not make its training rows held-out ones.
    let named: Value =
        serde_json::from_str(&verify(&["--adapter", "adapters_final", "--data", &data, "--json"]).stdout)
            .unwrap();
    assert_eq!(named["loss"], *loss);

    let text = verify(&["--adapter", "adapters_final"]).stdout;
    for part in ["alone", "with adapters_final", "│", "FAILED", "→"] {
        assert!(text.contains(part), "{text}");
    }
    assert!(verify(&[]).stderr.contains("no adapter is in use"));
    hone.ok(&["adapter", "use", "adapters_final"]);
    assert_eq!(verify(&[]).stdout, text);

    std::fs::remove_file(&data).unwrap();
    let gone: Value = serde_json::from_str(&verify(&["--json"]).stdout).unwrap();
    assert_eq!((verdict(&gone, "loss falls"), &gone["loss"]), (Value::Null, &Value::Null));
}

#[test]
fn fusing_says_what_the_loss_is_before_and_after() {
    let hone = Hone::new();
    let model = tiny("llama").display().to_string();
    let (data, report) = trained(&hone, &model);
    let fuse = |out: &str, more: &[&str]| {
        let out = hone.folder.path().join(out).display().to_string();
        let words = ["adapter", "fuse", "adapters_final", "--base", &model, "--out", &out];
        hone.run(&[&words[..], more].concat())
    };
    let loss = |out: &str, more: &[&str]| {
        let run = fuse(out, &[&["--json", "-q"][..], more].concat());
        assert_eq!(run.code, Some(0), "{run:?}");
        serde_json::from_str::<Value>(&run.stdout).unwrap()["loss"].clone()
    };
    // This model is stored in f32: nothing is rounded.
    let exact = loss("exact.gguf", &[]);
    assert!(
        near(&exact["base"], &report["first_valid_loss"]) && near(&exact["apart"], &report["valid_loss"])
    );
    assert!(near(&exact["fused"], &exact["apart"]), "{exact}");
    let coarse = loss("coarse.gguf", &["--format", "Q4_0"]);
    assert!(coarse["apart"] == exact["apart"] && !near(&coarse["fused"], &coarse["apart"]), "{coarse}");
    let said = fuse("said.gguf", &["-q", "--format", "Q8_0"]).stderr;
    assert!(said.contains("held-out examples") && said.contains("Rounding costs"), "{said}");

    std::fs::remove_file(&data).unwrap();
    let run = fuse("without.gguf", &["-q"]);
    assert_eq!(run.code, Some(0));
    assert!(run.stderr.contains("not measured") && run.stderr.contains("--data"), "{run:?}");
}
