//! `hone index` and `hone search` as they are typed, without a model.

use crate::support::Hone;
use serde_json::Value;
use std::fs;

/// A project in the folder where the program runs.
fn project(hone: &Hone) -> std::path::PathBuf {
    let root = hone.folder.path().join("shop");
    fs::create_dir_all(root.join("src")).unwrap();
    fs::write(root.join("src/refund.py"), "def round_refund(amount):\n    return round(amount, 2)\n")
        .unwrap();
    fs::write(root.join(".env"), "PASSWORD=round_refund").unwrap();
    fs::write(root.join("photo.png"), b"\x89PNG\0").unwrap();
    root
}

#[test]
fn a_folder_is_indexed_searched_and_taken_out() {
    let hone = Hone::new();
    let root = project(&hone);
    let report: Value = serde_json::from_str(&hone.ok(&["index", "add", "shop", "--json"])).unwrap();
    assert_eq!((report["files"].as_u64(), report["changed"].as_u64()), (Some(1), Some(1)));
    assert_eq!(report["skipped"], serde_json::json!({ "secret": 1, "binary": 1 }));

    let hits: Value = serde_json::from_str(&hone.ok(&["search", "rounding refunds", "--json"])).unwrap();
    assert_eq!(hits[0]["passage"]["path"], "src/refund.py");
    assert_eq!(hits[0]["passage"]["lines"], serde_json::json!([1, 2]));
    assert_eq!(hits[0]["why"]["matched"], serde_json::json!(["rounding", "refunds"]));
    let shown = hone.run(&["search", "round_refund"]);
    assert!(shown.stdout.contains("src/refund.py:1  function round_refund"), "{shown:?}");
    assert!(shown.stderr.contains("hone pull all-minilm-l6-v2"), "{shown:?}");

    let status = hone.ok(&["index", "status"]);
    assert!(status.contains("shop") && status.contains("complete"), "{status}");
    fs::remove_dir_all(root).unwrap();
    hone.ok(&["index", "rm", "shop"]);
    assert_eq!(hone.ok(&["search", "round_refund", "--json"]), "[]\n");
}

#[test]
fn what_cannot_be_indexed_says_why() {
    let hone = Hone::new();
    assert!(hone.fails(1, &["index", "add", "nowhere"]).contains("cannot read the folder"));
    assert!(hone.fails(1, &["index", "add", "/"]).contains("belongs to the system"));
    assert!(hone.fails(1, &["index", "rm", "nowhere"]).contains("hone index status"));
    assert!(hone.fails(1, &["index", "status", "nowhere"]).contains("hone index add"));
    assert!(hone.fails(1, &["search", "x", "--project", "nowhere"]).contains("hone index add"));
    hone.fails(2, &["search"]);
}
