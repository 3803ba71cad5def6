//! JSON, JSONL and Parquet files: whole, cut off, damaged, huge, and not what they say.

use std::fs;

use learn::dataset::{Collector, DatasetError, read};
use proptest::prelude::*;

use crate::{collect, example, fixture, pair};

const ROWS: &str = r#"[
  {"instruction": "a", "output": "1"},

  {"instruction": "b",
   "output": "2"}, {"instruction": "c", "output": "3"}
]"#;

#[test]
fn an_array_and_lines_hold_the_same() {
    let wanted = [pair("a", "1"), pair("b", "2"), pair("c", "3")];
    assert_eq!(collect(ROWS, None).unwrap().0, wanted);
    assert_eq!(collect(format!("\u{feff}\n {ROWS}\n\n"), None).unwrap().0, wanted);
    let lines = "{\"instruction\":\"a\",\"output\":\"1\"}\r\n\n{\"instruction\":\"b\",\"output\":\"2\"}\n  \n\
        {\"instruction\":\"c\",\"output\":\"3\"}";
    assert_eq!(collect(lines, None).unwrap().0, wanted);
    assert_eq!(collect(format!("\u{feff}{lines}"), None).unwrap().0, wanted);
    for nothing in ["", "\n \n", "[]", " [ ] \n"] {
        let (examples, report) = collect(nothing, None).unwrap();
        assert_eq!((examples.len(), report.rows), (0, 0), "{nothing:?}");
    }
}

#[test]
fn bad_rows_are_counted_with_file_and_line() {
    let good: String = (0..60).map(|n| format!("{{\"prompt\":\"{n}\",\"completion\":\"x\"}}\n")).collect();
    let text = format!("{{\"prompt\":\"cut o\n\n{good}\n\u{1}\n[1,2\n");
    let (examples, report) = collect(&text, None).unwrap();
    assert_eq!((examples.len(), report.rows, report.bad), (60, 63, 3));
    let lines: Vec<u64> = report.first_bad.iter().map(|bad| bad.line).collect();
    assert_eq!(lines, [1, 64, 65]);
    assert!(report.first_bad.iter().all(|bad| bad.file == "rows" && bad.reason.starts_with("it is no JSON")));

    // In an array the line is that of the row's first byte.
    let mut rows: Vec<String> =
        (0..40).map(|n| format!("{{\"prompt\":\"{n}\",\n\"completion\":\"x\"}}")).collect();
    rows[2] = "{\"prompt\":\"x\",\n\n\"completion\":7}".to_owned();
    rows[5] = "null".to_owned();
    let (_, report) = collect(format!("[\n{}\n]", rows.join(",\n")), None).unwrap();
    let lines: Vec<u64> = report.first_bad.iter().map(|bad| bad.line).collect();
    assert_eq!(lines, [2 + 2 * 2, 2 + 5 * 2 + 1]);
}

#[test]
fn one_in_twenty_may_be_bad_and_no_more() {
    let rows = |good: usize, bad: usize| {
        let good: String =
            (0..good).map(|n| format!("{{\"prompt\":\"{n}\",\"completion\":\"x\"}}\n")).collect();
        good + &"{\n".repeat(bad)
    };
    assert_eq!(collect(rows(19, 1), None).unwrap().1.bad, 1);
    let error = collect(rows(18, 1), None).unwrap_err();
    assert!(matches!(&error, DatasetError::TooManyBad { report } if (report.bad, report.rows) == (1, 19)));
    assert!(error.to_string().contains("rows:19:"), "{error}");
    let report = collect(rows(400, 20), None).unwrap().1;
    assert_eq!((report.bad, report.first_bad.len()), (20, 5), "the first few are told");
}

#[test]
fn duplicates_are_dropped_across_files() {
    let folder = tempfile::tempdir().unwrap();
    let (alpaca, chat) = (folder.path().join("a.json"), folder.path().join("b.jsonl"));
    fs::write(&alpaca, ROWS).unwrap();
    let row =
        "{\"messages\":[{\"role\":\"user\",\"content\":\"b\"},{\"role\":\"assistant\",\"content\":\"2\"}]}\n";
    fs::write(&chat, row.repeat(2)).unwrap();
    let mut collector = Collector::new(None);
    assert_eq!(collector.add_file(&alpaca, "a").unwrap().unwrap().to_string(), "alpaca");
    assert_eq!(collector.add_file(&chat, "b").unwrap().unwrap().to_string(), "messages");
    let (examples, report) = collector.finish().unwrap();
    assert_eq!((examples.len(), report.kept, report.duplicates), (3, 3, 2));
    // Roles and the border between texts count.
    let rows = "{\"prompt\":\"ab\",\"completion\":\"c\"}\n{\"prompt\":\"a\",\"completion\":\"bc\"}\n";
    assert_eq!(collect(rows, None).unwrap().1.duplicates, 0);
}

#[test]
fn a_broken_array_is_an_error_with_its_line() {
    for (text, line) in [
        ("[{\"prompt\":\"a\",\"completion\":\"b\"},\n{\"prompt\":\"c\"", 2),
        ("[{\"prompt\":\"a\",\"completion\":\"b\"}\n\n{}]", 3),
        ("[{\"prompt\":\"a\",\"completion\":\"b\"}]\nx", 2),
        ("[", 1),
        ("[,]", 1),
    ] {
        let error = collect(text, None).unwrap_err();
        assert!(matches!(&error, DatasetError::Broken { line: at, .. } if *at == line), "{text:?}: {error}");
    }
    let deep = format!("[{}", "[".repeat(100_000));
    assert!(matches!(collect(deep, None), Err(DatasetError::Broken { .. })));
    let deep = format!("{{\"prompt\":{}", "[".repeat(100_000));
    assert!(matches!(collect(deep, None), Err(DatasetError::TooManyBad { .. })));
}

#[test]
fn a_row_that_is_too_long_is_not_read() {
    let good: String = (0..40).map(|n| format!("{{\"prompt\":\"{n}\",\"completion\":\"x\"}}\n")).collect();
    let long = format!("{{\"prompt\":\"{}\",\"completion\":\"x\"}}\n", "x".repeat(17 << 20));
    let (examples, report) = collect(format!("{long}{good}"), None).unwrap();
    assert_eq!((examples.len(), report.bad, report.first_bad[0].line), (40, 1, 1));
    assert!(report.first_bad[0].reason.contains("16 MiB"));
    let error = collect(format!("[{long}]"), None).unwrap_err();
    assert!(
        matches!(&error, DatasetError::Broken { line: 1, .. }) && error.to_string().contains("16 MiB"),
        "{error}"
    );
}

#[test]
fn what_holds_no_rows_is_said() {
    for archive in [&b"\x1f\x8b\x08\x00rest"[..], b"PK\x03\x04rest", b"\x28\xb5\x2f\xfdrest"] {
        assert!(matches!(collect(archive, None), Err(DatasetError::NotRows { .. })));
    }
    for text in ["<html>Sign in</html>", "a,b\n1,2\n", "\0\0\0\0", "PAR", "\u{feff}x"] {
        assert!(collect(text, None).is_err(), "{text:?}");
    }
    assert!(matches!(read("/no/such/file".as_ref()), Err(DatasetError::Io { .. })));
    assert!(read(std::env::temp_dir().as_path()).is_err(), "a folder");
}

#[test]
fn parquet_files_of_arrow_itself() {
    let (examples, report) = read(&fixture("alpaca.parquet")).unwrap();
    let wanted = [
        pair("Add the numbers.\n\n1, 2", "3"),
        pair("Say hello in Ünïcode.", "Hällo ☺"),
        pair("Reverse the text.\n\nabc", "cba"),
    ];
    assert_eq!((examples.as_slice(), report.rows), (&wanted[..], 3));
    let (examples, _) = read(&fixture("sharegpt.parquet")).unwrap();
    let briefly = example(&[("system", "Be brief."), ("user", "2+2?"), ("assistant", "4")]);
    assert_eq!(examples, [pair("Hi", "Hello"), briefly]);
}

#[test]
fn a_damaged_parquet_file_ends_nothing() {
    let good = fs::read(fixture("alpaca.parquet")).unwrap();
    for length in (4..good.len()).step_by(7) {
        assert!(collect(&good[..length], None).is_err(), "cut off at {length}");
    }
    for at in 4..good.len() {
        for flip in [1, 0x80, 0xff] {
            let mut bad = good.clone();
            bad[at] ^= flip;
            // Some bytes do not matter, and some change a text.
            let _ = collect(&bad, None);
        }
    }
}

proptest! {
    #[test]
    fn no_file_is_too_strange(bytes in prop::collection::vec(any::<u8>(), 0..400), start in 0..4_usize) {
        let start: &[u8] = [&b""[..], b"[", b"{\"prompt\":", b"PAR1"][start];
        let _ = collect([start, &bytes].concat(), None);
    }

    #[test]
    fn an_array_says_what_its_lines_say(rows in prop::collection::vec(("\\PC{0,9}", "\\PC{0,9}"), 0..30)) {
        let rows: Vec<String> =
            rows.iter().map(|(q, a)| serde_json::json!({"question": q, "answer": a}).to_string()).collect();
        let array = collect(format!("[{}]", rows.join(" ,\n")), None).unwrap();
        prop_assert_eq!(collect(rows.join("\n"), None).unwrap(), array);
    }
}
