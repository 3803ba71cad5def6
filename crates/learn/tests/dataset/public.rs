//! A file of 2,017 rows of CodeAlpaca as its authors publish it, where `HONE_TEST_ALPACA` names one.

use std::collections::HashSet;
use std::path::PathBuf;

use learn::dataset::{Shares, read, split};
use serde_json::Value;

#[test]
fn code_alpaca_is_read_whole() {
    let Some(path) = std::env::var_os("HONE_TEST_ALPACA").map(PathBuf::from).filter(|path| path.is_file())
    else {
        println!("skipped: no CodeAlpaca file; set HONE_TEST_ALPACA to code_alpaca_2k.json");
        return;
    };
    let rows: Vec<Value> = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    let (examples, report) = read(&path).unwrap();
    assert_eq!((report.rows, report.bad), (rows.len() as u64, 0));
    assert_eq!(report.kept + report.empty + report.duplicates, report.rows);

    // The same by hand, with the whole file in memory.
    let text = |row: &Value, name: &str| row[name].as_str().unwrap_or_default().to_owned();
    let (mut wanted, mut seen, mut empty) = (Vec::new(), HashSet::new(), 0);
    for row in &rows {
        let (mut question, input, answer) =
            (text(row, "instruction"), text(row, "input"), text(row, "output"));
        if question.trim().is_empty() || answer.trim().is_empty() {
            empty += 1;
            continue;
        }
        if !input.trim().is_empty() {
            question = format!("{question}\n\n{input}");
        }
        if seen.insert((question.clone(), answer.clone())) {
            wanted.push(crate::pair(&question, &answer));
        }
    }
    assert_eq!((examples.as_slice(), report.empty), (wanted.as_slice(), empty));

    let parts = split(examples, Shares::default(), 0).unwrap();
    assert_eq!(parts.valid.len(), (wanted.len() as f64 / 10.0).round() as usize);
    assert_eq!(parts.train.len() + parts.valid.len(), wanted.len());
}
