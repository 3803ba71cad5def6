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
    // The shares follow from the speeds: no more can be read, and multiplied with, than the file has.
    let number = |value: &serde_json::Value| value.as_f64().unwrap();
    let (limits, share) = (&report["limits"], &report["share"]);
    let bytes =
        number(&share["decode"]) * number(&limits["memory_gbs"]) * 1e9 / number(&report["decode_tps"]);
    let macs =
        number(&share["prefill"]) * number(&limits["int8_gmacs"]) * 1e9 / number(&report["prefill_tps"]);
    let file = number(&report["file_bytes"]);
    assert!(bytes > file / 10.0 && bytes <= file, "{bytes} bytes a token: {report}");
    assert!(macs > file / 100.0 && macs <= file, "{macs} multiplications a token: {report}");
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
