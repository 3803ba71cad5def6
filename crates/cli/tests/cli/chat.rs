//! `hone chat` without a terminal.

use crate::support::{Hone, starter, tiny};

#[test]
fn only_the_answer_is_on_standard_output() {
    let hone = Hone::with_model();
    let args = ["chat", "-p", "one two three", "--temperature", "0", "--max-tokens", "8"];
    let answer = hone.json(&[&args[..], &["--json"]].concat());
    let text = answer["text"].as_str().unwrap();
    assert!(!text.is_empty());
    assert_eq!(hone.ok(&args).trim_end_matches('\n'), text.trim_end_matches('\n'));
}

#[test]
fn json_has_counts_and_times() {
    let hone = Hone::with_model();
    let answer = hone.json(&["chat", "-p", "one two", "--json", "--max-tokens", "4", "--temperature", "0"]);
    assert_eq!(answer["model"], "llama");
    assert_eq!(answer["finish_reason"], "length");
    let usage = &answer["usage"];
    assert_eq!(usage["completion_tokens"], 4);
    let sum = usage["prompt_tokens"].as_u64().unwrap() + 4;
    assert_eq!(usage["total_tokens"], sum);
    for time in ["queued_ms", "prefill_ms", "decode_ms"] {
        assert!(answer["timings"][time].as_f64().unwrap() >= 0.0, "{answer}");
    }
}

#[test]
fn equal_seeds_give_equal_answers_whatever_the_threads() {
    let hone = Hone::with_model();
    let say = |flags: &[&str]| {
        let args = [&["chat", "-p", "tell me", "--json", "--max-tokens", "24"], flags].concat();
        hone.json(&args)["text"].as_str().unwrap().to_string()
    };
    assert_eq!(
        say(&["--temperature", "0", "--threads", "1"]),
        say(&["--temperature", "0", "--threads", "2"])
    );
    assert_eq!(say(&["--temperature", "1.5", "--seed", "7"]), say(&["--temperature", "1.5", "--seed", "7"]));
    assert_ne!(say(&["--temperature", "1.5", "--seed", "7"]), say(&["--temperature", "1.5", "--seed", "8"]));
}

#[test]
fn standard_input_is_the_prompt_or_follows_it() {
    let hone = Hone::with_model();
    let prompt_tokens = |args: &[&str], input: &str| {
        let run = hone.run_with_input(&[&["chat", "--json", "--max-tokens", "1"], args].concat(), input);
        assert_eq!(run.code, Some(0), "{run:?}");
        serde_json::from_str::<serde_json::Value>(&run.stdout).unwrap()["usage"]["prompt_tokens"]
            .as_u64()
            .unwrap()
    };
    let given = prompt_tokens(&["-p", "explain this"], "");
    assert_eq!(prompt_tokens(&[], "explain this\n"), given);
    assert!(prompt_tokens(&["-p", "explain this"], "fn main() {}\n") > given);
    assert!(prompt_tokens(&["-p", "explain this", "--system", "Be brief."], "") > given);
}

#[test]
fn an_empty_prompt_is_wrong_usage() {
    let hone = Hone::with_model();
    for args in [&["chat"][..], &["chat", "-p", " "]] {
        let said = hone.run_with_input(args, " \n").failed(2);
        assert!(said.contains("the prompt is empty"), "{said}");
    }
}

#[test]
fn without_a_model_it_says_what_to_pull() {
    let said = Hone::new().fails(1, &["chat", "-p", "hi"]);
    assert!(said.contains("hone pull smollm2-135m"), "{said}");
}

#[test]
fn a_rule_is_taught_without_a_model() {
    let hone = Hone::new();
    let said = hone.ok(&["chat", "-p", "remember: Always use TypeScript"]);
    assert!(said.starts_with("Remembered, as rule ") && said.contains("Always use TypeScript"), "{said}");
    let again = hone.run_with_input(&["chat", "--json"], "remember: always use TypeScript\n");
    assert!(again.code == Some(0) && again.stdout.contains("I know this already"), "{again:?}");
    assert_eq!(hone.json(&["rules", "list", "--json"])["rules"].as_array().unwrap().len(), 1);
}

#[test]
fn a_model_that_is_none_is_an_error() {
    let hone = Hone::new();
    let page = hone.folder.path().join("page.gguf");
    std::fs::write(&page, "<html>").unwrap();
    let cut = hone.folder.path().join("cut.gguf");
    let whole = std::fs::read(tiny("llama")).unwrap();
    std::fs::write(&cut, &whole[..whole.len() / 2]).unwrap();
    for path in [page.to_str().unwrap(), cut.to_str().unwrap(), "/nowhere.gguf", "nothing"] {
        let said = hone.fails(1, &["chat", "-p", "hi", "--model", path]);
        assert!(said.contains(path), "{said}");
    }
}

#[test]
fn what_the_engine_refuses_is_said() {
    let hone = Hone::with_model();
    let long = "word ".repeat(500);
    let said = hone.fails(1, &["chat", "-p", &long, "--context", "64"]);
    assert!(said.contains("context"), "{said}");
    let said = hone.fails(1, &["chat", "-p", "hi", "--temperature=-1"]);
    assert!(said.contains("temperature"), "{said}");
}

/// The question is one whose answer is far from a tie at every token, so that rounding cannot change it.
#[test]
fn the_starter_model_adds_two_and_two() {
    let Some(model) = starter() else { return };
    let args = ["chat", "--model", &model, "-p", "What is 2+2?", "--temperature", "0", "--max-tokens", "30"];
    let answer = Hone::new().json(&[&args[..], &["--json"]].concat());
    assert!(answer["text"].as_str().unwrap().ends_with("4."), "{answer}");
    assert_eq!(answer["finish_reason"], "stop");
}

#[cfg(unix)]
#[test]
fn ctrl_c_keeps_what_was_said() {
    use std::io::Read;
    let Some(model) = starter() else { return };
    let hone = Hone::new();
    let args = ["chat", "--model", &model, "-p", "Write a very long story.", "--temperature", "0"];
    let mut child = hone.command(&[&args[..], &["--repetition-penalty", "1.3"]].concat()).spawn().unwrap();
    let mut said = [0; 8];
    child.stdout.as_mut().unwrap().read_exact(&mut said).unwrap();
    crate::support::signal("INT", child.id());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130));
    assert_eq!(output.stdout.last(), Some(&b'\n'));
}
