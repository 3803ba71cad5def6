//! The shapes of rows, as their makers document them.

use learn::dataset::{DatasetError, Format};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::{collect, example, pair};

/// The example that one row makes, with the format recognised.
fn of(row: Value) -> Option<learn::dataset::Example> {
    let (mut examples, report) = collect(row.to_string(), None).unwrap();
    assert_eq!((report.rows, report.bad), (1, 0), "{row}: {report:?}");
    examples.pop()
}

/// Why a row is bad. It stands among good ones, so that it does not spoil the file.
fn bad(row: Value, good: Value) -> String {
    let good: String = (0..40).map(|n| good.to_string().replace('N', &n.to_string()) + "\n").collect();
    let (_, report) = collect(format!("{good}{row}\n"), None).unwrap();
    assert_eq!((report.rows, report.kept, report.bad), (41, 40, 1), "{row}");
    assert_eq!(report.first_bad[0].line, 41);
    report.first_bad[0].reason.clone()
}

#[test]
fn alpaca_joins_the_input_by_a_blank_line() {
    let row = json!({"instruction": "Sort.", "input": "3, 1", "output": "1, 3"});
    assert_eq!(of(row), Some(pair("Sort.\n\n3, 1", "1, 3")));
    for row in [
        json!({"instruction": "Sort.", "input": "", "output": "x"}),
        json!({"instruction": "Sort.", "input": null, "output": "x"}),
        json!({"instruction": "Sort.", "input": " \n", "output": "x"}),
        json!({"instruction": "Sort.", "output": "x"}),
        json!({"output": "x", "instruction": "Sort.", "id": 7, "extra": [1, {}]}),
    ] {
        assert_eq!(of(row), Some(pair("Sort.", "x")));
    }
    // Databricks' Dolly calls them so.
    let row = json!({"instruction": "Sort.", "context": "3, 1", "response": "1, 3", "category": "open_qa"});
    assert_eq!(of(row), Some(pair("Sort.\n\n3, 1", "1, 3")));
}

#[test]
fn text_stays_as_it_is() {
    let code = "def f():\n\treturn '\\n' # ü ☺ \u{1f600}\n\n";
    assert_eq!(of(json!({"instruction": " x ", "output": code})), Some(pair(" x ", code)));
}

#[test]
fn sharegpt_and_messages() {
    let spoken =
        [("system", "Be brief."), ("user", "2+2?"), ("assistant", "4"), ("user", "why"), ("assistant", "so")];
    let turns = |key: &str, value: &str, names: [&str; 3]| -> Value {
        let name =
            |role: &str| names[["system", "user", "assistant"].iter().position(|r| *r == role).unwrap()];
        spoken.iter().map(|(role, text)| json!({key: name(role), value: text})).collect()
    };
    let wanted = Some(example(&spoken));
    assert_eq!(of(json!({"conversations": turns("from", "value", ["system", "human", "gpt"])})), wanted);
    assert_eq!(of(json!({"messages": turns("role", "content", ["system", "user", "assistant"])})), wanted);
    assert_eq!(of(json!({"messages": turns("role", "content", ["developer", "user", "assistant"])})), wanted);
    assert_eq!(
        of(json!({"conversations": turns("role", "content", ["system", "user", "assistant"])})),
        wanted
    );
    let parts = json!([{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]);
    let row =
        json!({"messages": [{"role": "user", "content": parts}, {"role": "assistant", "content": "c"}]});
    assert_eq!(of(row), Some(pair("ab", "c")));
    let tool = json!({"messages": [{"role": "user", "content": "q"}, {"role": "tool", "content": "r"},
        {"role": "assistant", "content": "a"}]});
    assert_eq!(of(tool), Some(example(&[("user", "q"), ("tool", "r"), ("assistant", "a")])));
}

#[test]
fn prompt_and_completion_under_each_name() {
    for (question, answer) in [("prompt", "completion"), ("prompt", "response"), ("question", "answer")] {
        assert_eq!(of(json!({question: "q", answer: "a"})), Some(pair("q", "a")));
    }
    let row = json!({"prompt": [{"role": "user", "content": "q"}], "completion": [{"role": "assistant", "content": "a"}]});
    assert_eq!(of(row), Some(pair("q", "a")));
    let row = json!({"system": "s", "prompt": "q", "completion": "a"});
    assert_eq!(of(row), Some(example(&[("system", "s"), ("user", "q"), ("assistant", "a")])));
}

#[test]
fn rows_that_say_nothing_are_empty() {
    for row in [
        json!({"instruction": "", "output": "x"}),
        json!({"instruction": "", "input": "x", "output": "x"}),
        json!({"instruction": "x", "output": " \n\t"}),
        json!({"instruction": "x", "output": null}),
        json!({"prompt": "", "completion": ""}),
        json!({"messages": []}),
        json!({"messages": null}),
        json!({"messages": [{"role": "user", "content": "q"}]}),
        json!({"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": null}]}),
        json!({"messages": [{"role": "system", "content": "s"}]}),
    ] {
        let (examples, report) = collect(row.to_string(), None).unwrap();
        assert_eq!((examples.len(), report.empty, report.rows), (0, 1, 1), "{row}");
    }
    let blank_system = json!({"messages": [{"role": "system", "content": " "}, {"role": "user", "content": "q"},
        {"role": "assistant", "content": "a"}]});
    assert_eq!(of(blank_system), Some(pair("q", "a")));
}

#[test]
fn bad_rows_say_what_is_wrong() {
    let alpaca = json!({"instruction": "N", "output": "N"});
    assert_eq!(bad(json!({"instruction": "x"}), alpaca.clone()), "there is no `output`");
    assert_eq!(bad(json!({"instruction": ["x"], "output": "y"}), alpaca.clone()), "`instruction` is no text");
    assert_eq!(bad(json!({"instruction": "x", "output": 7}), alpaca.clone()), "`output` is no text");
    assert_eq!(bad(json!([1]), alpaca.clone()), "the row is no object");
    assert_eq!(bad(json!({"prompt": "x", "completion": "y"}), alpaca), "there is no `instruction`");
    let chat = json!({"messages": [{"role": "user", "content": "N"}, {"role": "assistant", "content": "N"}]});
    for (turn, why) in [
        (json!({"role": "narrator", "content": "x"}), "`narrator` is no role"),
        (json!({"role": "user"}), "there is no `content`"),
        (json!({"content": "x"}), "there is no `role`"),
        (json!("x"), "a turn is no object"),
        (json!({"role": "user", "content": [{"type": "image_url"}]}), "something else than text"),
        (json!({"role": "assistant", "content": "", "tool_calls": [{}]}), "calls tools"),
    ] {
        let why_not = bad(json!({"messages": [turn]}), chat.clone());
        assert!(why_not.contains(why), "{why_not}");
    }
    assert!(bad(json!({"messages": "x"}), chat).contains("is no list"));
}

#[test]
fn a_format_is_recognised_or_named() {
    let neither = collect("{\"text\":\"a\",\"label\":1}\n{\"text\":\"b\"}\n", None).unwrap_err();
    assert!(
        matches!(&neither, DatasetError::UnknownFormat { columns, .. } if columns == "text, label"),
        "{neither}"
    );
    // A row that fits two shapes: the flag decides.
    let both = r#"{"instruction":"i","output":"o","prompt":"p","completion":"c"}"#;
    assert_eq!(collect(both, None).unwrap().0, [pair("i", "o")]);
    assert_eq!(collect(both, Some(Format::PromptCompletion)).unwrap().0, [pair("p", "c")]);
    let wrong = collect(both, Some(Format::Sharegpt)).unwrap_err();
    assert!(matches!(wrong, DatasetError::TooManyBad { .. }), "{wrong}");
    for (name, format) in Format::NAMES {
        assert_eq!((name.parse::<Format>().unwrap(), format.to_string().as_str()), (format, name));
    }
    assert!("chatml".parse::<Format>().is_err());
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "[a-z ]{0,4}".prop_map(Value::from),
        prop_oneof!["user", "assistant", "human", "gpt", "text"].prop_map(Value::from),
    ];
    let key = prop_oneof![
        "instruction",
        "input",
        "output",
        "messages",
        "conversations",
        "role",
        "content",
        "from",
        "value",
        "prompt",
        "completion",
        "system",
        "type",
        "text",
        "tool_calls",
    ];
    leaf.prop_recursive(5, 40, 5, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::vec((key.clone(), inner), 0..5)
                .prop_map(|pairs| Value::Object(pairs.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn whatever_a_row_is_it_is_counted_once(rows in prop::collection::vec(any_json(), 1..20)) {
        // A file that begins with a list would be an array.
        let text: String = rows.iter().map(|row| format!("\n{row}")).collect();
        let text = format!("{{}}{text}");
        for format in [None].into_iter().chain(Format::NAMES.map(|(_, format)| Some(format))) {
            match collect(&text, format) {
                Ok((examples, report)) => {
                    prop_assert_eq!(report.rows, rows.len() as u64 + 1);
                    prop_assert_eq!(report.kept + report.empty + report.duplicates + report.bad, report.rows);
                    prop_assert_eq!(examples.len() as u64, report.kept);
                    for message in examples.iter().flat_map(|example| &example.messages) {
                        prop_assert!(["system", "user", "assistant", "tool"].contains(&message.role.as_str()));
                        prop_assert!(!message.content.trim().is_empty());
                    }
                }
                Err(DatasetError::TooManyBad { report }) => prop_assert!(report.bad * 20 > report.rows),
                Err(DatasetError::UnknownFormat { .. }) => prop_assert!(format.is_none()),
                Err(other) => prop_assert!(false, "{}", other),
            }
        }
    }
}
