//! `hone bench`: the shape of its report. What it measures is compared with a peer in `bench/`.

use crate::support::{Hone, tiny};

#[test]
fn the_report_has_what_it_promises() {
    let hone = Hone::new();
    let model = tiny("llama");
    let args = [
        "bench",
        "--model",
        model.to_str().unwrap(),
        "--prompt-tokens",
        "32",
        "--gen-tokens",
        "8",
        "--repeat",
        "2",
    ];
    let report = hone.json(&[&args[..], &["--json", "--threads", "1"]].concat());
    for speed in ["prefill_tps", "decode_tps", "first_token_ms"] {
        assert!(report[speed].as_f64().unwrap() > 0.0, "{speed}: {report}");
    }
    assert!(report["peak_rss_bytes"].as_u64().unwrap() > report["file_bytes"].as_u64().unwrap());
    assert!(report["device"].as_str().unwrap().contains("1 thread"), "{report}");
    for share in ["prefill", "decode"] {
        let share = report["share"][share].as_f64().unwrap();
        assert!(share > 0.0 && share < 1.5, "{report}");
    }
    let text = hone.ok(&args);
    assert!(text.contains("prefill") && text.contains("tokens/s"), "{text}");
}

#[test]
fn one_token_has_no_decode_speed_and_four_sequences_have_one() {
    let hone = Hone::new();
    let model = tiny("qwen2");
    let args =
        ["bench", "--model", model.to_str().unwrap(), "--prompt-tokens", "8", "--repeat", "1", "--json"];
    let one = hone.json(&[&args[..], &["--gen-tokens", "1"]].concat());
    assert!(one["decode_tps"].is_null() && one["prefill_tps"].as_f64().unwrap() > 0.0, "{one}");
    let four = hone.json(&[&args[..], &["--gen-tokens", "16", "--parallel", "4"]].concat());
    assert!(four["decode_tps"].as_f64().unwrap() > 0.0, "{four}");
}
