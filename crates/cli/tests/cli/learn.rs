//! `hone learn` and `hone demo` as a user types them.

use crate::support::{Hone, starter};
use serde_json::Value;

#[test]
fn without_conversations_there_is_nothing_to_learn() {
    let hone = Hone::with_model();
    let model = crate::support::tiny("llama").display().to_string();
    fn learn<'a>(model: &'a str, more: &[&'a str]) -> Vec<&'a str> {
        [&["learn", "--model", model], more].concat()
    }
    let learn = |more: &[&'static str]| learn(&model, more);
    let plan = hone.json(&learn(&["--dry-run", "--json"]));
    assert_eq!((plan["learn"].as_u64(), plan["judge"].as_u64()), (Some(0), Some(0)));
    let outcome = hone.json(&learn(&["--json"]));
    assert_eq!((&outcome["decision"], &outcome["adapter"]), (&"hold".into(), &Value::Null));
    assert!(hone.ok(&learn(&[])).contains("nothing is new"));
    assert!(hone.fails(1, &learn(&["--now"])).contains("nothing to learn from"));
    assert!(hone.fails(1, &learn(&["--forget", "nobody"])).contains("no conversation `nobody`"));
    std::fs::create_dir(hone.folder.path().join("src")).unwrap();
    assert!(hone.fails(1, &learn(&["--from-index", "src"])).contains("hone index add"));
}

#[test]
fn the_demonstration_learns_a_style_and_takes_it_back() {
    let Some(model) = starter() else { return };
    let hone = Hone::new();
    let outcome = hone.json(&["demo", "--model", &model, "--json"]);
    println!("{outcome}");
    let number = |key: &str| outcome[key].as_f64().unwrap();
    assert!(number("style_before") < 0.5 && number("style_after") > 0.9, "{outcome}");
    assert_eq!((&outcome["promoted"], &outcome["rolled_back"]), (&true.into(), &true.into()));
    assert!(!hone.home().join("adapters").exists(), "the demonstration has a folder of its own");
}
