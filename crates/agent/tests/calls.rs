//! Tool calls in the text of models, however it is cut.

use agent::call::{CallParser, Piece};
use proptest::prelude::*;
use serde_json::{Value, json};

const NAMES: [&str; 3] = ["search_code", "read_file", "search"];

fn parse<'a>(pieces: impl IntoIterator<Item = &'a str>) -> Vec<Piece> {
    let mut parser = CallParser::new(NAMES);
    let mut out: Vec<Piece> = pieces.into_iter().flat_map(|piece| parser.push(piece)).collect();
    out.extend(parser.finish());
    // Where a text is cut says nothing.
    out.into_iter().fold(Vec::new(), |mut out, piece| {
        match (out.last_mut(), piece) {
            (Some(Piece::Text(before)), Piece::Text(text)) => before.push_str(&text),
            (_, piece) => out.push(piece),
        }
        out
    })
}

fn call(name: &str, arguments: Value) -> Piece {
    Piece::Call { name: name.to_owned(), arguments }
}

fn text(text: &str) -> Piece {
    Piece::Text(text.to_owned())
}

/// What models write, and what is meant.
fn cases() -> Vec<(&'static str, Vec<Piece>)> {
    let query = || json!({"query": "a } \" < b"});
    let object = r#"{"name": "search_code", "arguments": {"query": "a } \" < b"}}"#;
    let leak = |text: String| -> &'static str { Box::leak(text.into_boxed_str()) };
    vec![
        // The form of Qwen and Hermes.
        (leak(format!("<tool_call>\n{object}\n</tool_call>")), vec![call("search_code", query())]),
        (
            leak(format!("I look.\n<tool_call>{object}</tool_call>")),
            vec![text("I look.\n"), call("search_code", query())],
        ),
        (
            leak(format!("<tool_call>\n{object}\n</tool_call>\n<tool_call>\n{object}\n</tool_call>")),
            vec![call("search_code", query()), call("search_code", query())],
        ),
        (leak(format!("<tool_call>{object}\n{object}</tool_call>")), vec![call("search_code", query()); 2]),
        (r#"<tool_call>{"name": "other", "arguments": {}}</tool_call>"#, vec![call("other", json!({}))]),
        (r#"<tool_call>{"arguments": {"a": 1}, "name": "other"}"#, vec![call("other", json!({"a": 1}))]),
        (
            r#"<tool_call>{"name": "read_file", "arguments": "{\"path\": \"a\"}"}</tool_call>"#,
            vec![call("read_file", json!({"path": "a"}))],
        ),
        // Qwen2.5-Coder's bare form, and its fences.
        (object, vec![call("search_code", query())]),
        (leak(format!("```json\n{object}\n```")), vec![call("search_code", query())]),
        (leak(format!("```\n{object}\n```\nDone.")), vec![call("search_code", query()), text("Done.")]),
        (leak(format!("I look:\n\n  {object}\n")), vec![text("I look:\n\n  "), call("search_code", query())]),
        (leak(format!("{object}\n{object}")), vec![call("search_code", query()); 2]),
        (leak(format!("<tools>\n{object}\n</tools>")), vec![call("search_code", query())]),
        (r#"{"name": "search", "parameters": {"q": 1}}"#, vec![call("search", json!({"q": 1}))]),
        // Not calls: other names, inside a line, other objects, broken ones.
        (r#"{"name": "Alice", "age": 3}"#, vec![text(r#"{"name": "Alice", "age": 3}"#)]),
        (
            r#"{"name": "search_codes", "arguments": {}}"#,
            vec![text(r#"{"name": "search_codes", "arguments": {}}"#)],
        ),
        (leak(format!("like this: {object}")), vec![text(leak(format!("like this: {object}")))]),
        ("```json\n{\"a\": 1}\n```\n", vec![text("```json\n{\"a\": 1}\n```\n")]),
        ("```rust\nfn main() {}\n```", vec![text("```rust\nfn main() {}\n```")]),
        (r#"{"name": "search", "arguments": [1]}"#, vec![text(r#"{"name": "search", "arguments": [1]}"#)]),
        (
            r#"{"name": "search", "arguments": {"q": 1}"#,
            vec![text(r#"{"name": "search", "arguments": {"q": 1}"#)],
        ),
        (
            "<tool_call>\n{\"name\": \"x\", }\n</tool_call>",
            vec![text("<tool_call>\n{\"name\": \"x\", }\n</tool_call>")],
        ),
        ("if a < b { }\n<div>\n{\n", vec![text("if a < b { }\n<div>\n{\n")]),
        ("<tool_call", vec![text("<tool_call")]),
        ("", vec![]),
    ]
}

#[test]
fn the_forms_of_models_are_understood() {
    for (input, want) in cases() {
        assert_eq!(parse([input]), want, "{input}");
    }
}

#[test]
fn pieces_of_any_size_give_the_same() {
    for (input, want) in cases() {
        for size in 1..8 {
            let chars: Vec<char> = input.chars().collect();
            let pieces: Vec<String> = chars.chunks(size).map(|chunk| chunk.iter().collect()).collect();
            assert_eq!(parse(pieces.iter().map(String::as_str)), want, "{input} in pieces of {size}");
        }
    }
}

#[test]
fn text_is_held_back_only_while_it_may_become_a_call() {
    let mut parser = CallParser::new(NAMES);
    assert_eq!(parser.push("a < b"), [text("a < b")]);
    assert_eq!(parser.push(" <tool"), [text(" ")]);
    assert_eq!(parser.push("box>"), [text("<toolbox>")]);
    assert_eq!(parser.push("\n{\"na"), [text("\n")]);
    assert_eq!(parser.push("me\": \"sea"), []);
    assert_eq!(parser.push("son"), [text("{\"name\": \"season")]);
    assert_eq!(CallParser::new([""; 0]).push("<tool_call>"), [text("<tool_call>")], "no tools, no calls");
}

proptest! {
    /// Whatever comes: nothing is lost but calls, and the cut does not matter.
    #[test]
    fn any_text_comes_out_again(
        parts in prop::collection::vec(prop::sample::select(vec![
            "<tool_call>", "</tool_call>", "{", "}", "\"name\"", ":", "\"search\"", "\"", "\\", "\n", " ", "```json", "```",
            "é", ",", "\"arguments\"", "<", "{\"name\": \"search\", \"arguments\": {\"q\": \"é\"}}", "x",
        ]), 0..24),
        size in 1..9usize,
    ) {
        let whole = parts.concat();
        let once = parse([whole.as_str()]);
        let chars: Vec<char> = whole.chars().collect();
        let pieces: Vec<String> = chars.chunks(size).map(|chunk| chunk.iter().collect()).collect();
        prop_assert_eq!(&parse(pieces.iter().map(String::as_str)), &once);
        let mut rest = whole.as_str();
        for piece in &once {
            if let Piece::Text(text) = piece {
                let at = rest.find(text.as_str());
                prop_assert!(at.is_some(), "{:?} is not in {:?}", text, rest);
                rest = &rest[at.unwrap() + text.len()..];
            }
        }
        if !once.iter().any(|piece| matches!(piece, Piece::Call { .. })) {
            let text: String = once.iter().map(|piece| match piece { Piece::Text(text) => text.as_str(), _ => "" }).collect();
            prop_assert_eq!(text, whole);
        }
    }
}
