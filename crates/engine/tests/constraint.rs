//! Answers that must have a form: they have it, and no schema hurts.
#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

mod common;

use common::{Answer, tiny};
use engine::{
    Constraint, ConstraintError, Engine, EngineOptions, Event, FinishReason, Model, Request, Sampling,
};
use serde_json::{Value, json};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

fn engine(model: &Arc<Model>) -> Engine {
    Engine::start(model.clone(), EngineOptions { threads: Some(1), ..EngineOptions::default() }).unwrap()
}

/// What a model of random weights says: anything that the form allows.
fn answer(engine: &Engine, form: &Constraint, seed: u64, max_tokens: usize) -> Answer {
    let request = Request {
        prompt: common::prompt(seed, 5),
        max_tokens: Some(max_tokens),
        sampling: Sampling {
            temperature: 1.0,
            top_k: 0,
            top_p: 1.0,
            min_p: 0.0,
            seed: Some(seed),
            ..Sampling::default()
        },
        ignore_eos: seed.is_multiple_of(2),
        ..Request::default()
    };
    let (sender, events) = mpsc::channel();
    let ticket = engine
        .submit_formed(request, Some(form.clone()), move |event: Event| drop(sender.send(event)))
        .unwrap();
    let answer = Answer::collect(events.iter());
    ticket.detach();
    answer
}

#[test]
fn a_random_model_keeps_to_a_schema() {
    let schema = json!({
        "type": "object",
        "properties": {
            "name": {"type": "string", "maxLength": 8},
            "age": {"type": "integer", "minimum": 0, "maximum": 150},
            "tags": {"type": "array", "items": {"enum": ["a", "b"]}, "maxItems": 3},
            "next": {"anyOf": [{"type": "null"}, {"$ref": "#/$defs/point"}]},
        },
        "required": ["name", "age", "next"],
        "additionalProperties": false,
        "$defs": {"point": {"type": "object", "properties": {"x": {"type": "boolean"}}, "required": ["x"], "additionalProperties": false}},
    });
    for architecture in common::ARCHITECTURES {
        let model = tiny(architecture);
        let form = model.json_schema(&schema).unwrap();
        let engine = engine(&model);
        for seed in 0..12 {
            let answer = answer(&engine, &form, seed, 900);
            assert_eq!(answer.reason(), FinishReason::Stop, "{}", answer.text);
            let value: Value =
                serde_json::from_str(&answer.text).unwrap_or_else(|error| panic!("{error}: {}", answer.text));
            assert!(value["name"].as_str().unwrap().chars().count() <= 8, "{value}");
            assert!(value["age"].as_u64().unwrap() <= 150, "{value}");
            assert!(value["next"].is_null() || value["next"]["x"].is_boolean(), "{value}");
            let tags = value.get("tags").map_or(0, |tags| tags.as_array().unwrap().len());
            assert!(tags <= 3 && value.as_object().unwrap().len() <= 4, "{value}");
        }
    }
}

#[test]
fn a_random_model_calls_a_tool() {
    let model = tiny("qwen2");
    let tools = [
        (
            "look".to_owned(),
            json!({"type": "object", "properties": {"q": {"$ref": "#/$defs/word"}}, "required": ["q"], "additionalProperties": false, "$defs": {"word": {"type": "string", "maxLength": 4}}}),
        ),
        ("stop-it_2".to_owned(), Value::Null),
    ];
    let form = model.tool_call(&tools).unwrap();
    let engine = engine(&model);
    let mut called = [0, 0];
    for seed in 0..24 {
        let answer = answer(&engine, &form, seed, 400);
        let call: Value =
            serde_json::from_str(&answer.text).unwrap_or_else(|error| panic!("{error}: {}", answer.text));
        assert!(answer.text.starts_with("{\"name\": \""), "{}", answer.text);
        match call["name"].as_str().unwrap() {
            "look" => {
                assert!(call["arguments"]["q"].as_str().unwrap().chars().count() <= 4, "{call}");
                called[0] += 1;
            }
            other => {
                assert_eq!((other, &call["arguments"]), ("stop-it_2", &json!({})));
                called[1] += 1;
            }
        }
    }
    assert!(called[0] > 0 && called[1] > 0, "{called:?}");
    for name in ["", "a b", "a\"b", "é", &"x".repeat(65)] {
        assert!(
            matches!(model.tool_call(&[(name.to_owned(), Value::Null)]), Err(ConstraintError::Name(_))),
            "{name}"
        );
    }
}

#[test]
fn json_objects_are_objects() {
    let model = tiny("llama");
    let (form, engine) = (model.json_object().unwrap(), engine(&model));
    let mut whole = 0;
    for seed in 0..12 {
        let answer = answer(&engine, &form, seed, 300);
        assert!(answer.text.starts_with('{'), "{}", answer.text);
        if answer.reason() == FinishReason::Stop {
            assert!(serde_json::from_str::<Value>(&answer.text).unwrap().is_object());
            whole += 1;
        }
    }
    assert!(whole > 0, "some end by themselves");
}

fn nested(key: &str, levels: usize) -> Value {
    (0..levels)
        .fold(json!({"type": "string"}), |inner, _| json!({"type": "object", "properties": {key: inner}}))
}

fn hostile() -> Vec<Value> {
    let string = |pattern: &str| json!({"type": "string", "pattern": pattern});
    let mut all: Vec<Value> = vec![];
    all.extend([33, 100, 500].map(|levels| nested("a", levels)));
    all.extend([33, 100, 500].map(|levels| (0..levels).fold(json!({}), |inner, _| json!({"items": inner}))));
    all.extend([33, 500].map(|levels| (0..levels).fold(json!({}), |inner, _| json!({"not": inner}))));
    all.extend([33, 500].map(|levels| (0..levels).fold(json!(1), |inner, _| json!([inner]))));
    all.extend(["anyOf", "allOf", "oneOf"].map(|key| json!({key: vec![json!({"type": "string"}); 10_001]})));
    all.extend(["anyOf", "allOf", "oneOf"].map(|key| json!({key: (0..900).map(|i| json!({"type": "object", "properties": {format!("p{i}"): {"type": "string"}}})).collect::<Vec<_>>()})));
    all.push(json!({"enum": (0..9_000).map(|i| format!("value number {i}")).collect::<Vec<_>>()}));
    all.push(json!({"const": "x".repeat(300_000)}));
    all.push(json!({"const": "x".repeat(200_000)}));
    all.push(json!({"properties": (0..4_000).map(|i| (format!("p{i}"), json!({}))).collect::<serde_json::Map<_, _>>()}));
    all.push(json!({"required": (0..9_000).map(|i| format!("p{i}")).collect::<Vec<_>>(), "type": "object"}));
    for pattern in [
        "(a+)+$",
        "(a|a)*b",
        "(a|aa)+$",
        "([a-zA-Z]+)*$",
        "(.*a){20}",
        "(.*a){12}x",
        ".*.*.*.*.*.*.*.*.*x",
        "a{100000}",
        "a{1000000}",
        "(a{100}){100}",
        "((a{100}){100}){100}",
        "(((a{30}){30}){30}){30}",
        "(?=a)b",
        "(?!a)b",
        "(?<=a)b",
        "(a)\\1",
        "\\b\\B\\b",
        "[",
        "(",
        "*",
        "a**",
        "\\",
        "\\p{L}{1,1000}",
        "(?:\\p{L}|\\p{N}|.){1,5000}",
        "[^\\x00-\\x{10FFFF}]",
        "\\u{110000}",
        "(x+x+)+y",
        "^(([a-z])+.)+[A-Z]([a-z])+$",
        "(?i)(ſ|K|k){1000}",
        "(a?){500}a{500}",
        "[\\s\\S]{0,99999}[\\s\\S]{0,99999}",
        "$^",
        "(|){1000}",
        "a{5,2}",
        "a{-1}",
        "(?P<n>a)(?P=n)",
        "\\Qa",
        "[[:bad:]]",
        "(?R)",
        "(?#",
    ] {
        all.push(string(pattern));
        all.push(json!({"type": "object", "patternProperties": {pattern: {"type": "string"}}}));
    }
    for (name, value) in [
        ("minItems", json!(1_000_000_000)),
        ("maxItems", json!(1e18)),
        ("minLength", json!(1e300)),
        ("maxLength", json!(-1)),
        ("minItems", json!(99_999)),
        ("minLength", json!(99_999)),
        ("maxLength", json!(100_000)),
        ("minProperties", json!(1_000_000)),
        ("multipleOf", json!(0)),
        ("multipleOf", json!(1e-300)),
        ("minimum", json!(1e308)),
        ("type", json!("king")),
        ("type", json!(7)),
        ("type", json!([])),
        ("type", json!(["string", "king"])),
        ("enum", json!([])),
        ("enum", json!(1)),
        ("properties", json!([])),
        ("items", json!(7)),
        ("required", json!("a")),
        ("pattern", json!(7)),
        ("format", json!("no-such-format")),
        ("additionalProperties", json!(7)),
        ("$ref", json!("#")),
        ("$ref", json!("#/nowhere")),
        ("$ref", json!("http://127.0.0.1:1/schema.json")),
        ("$ref", json!("file:///etc/passwd")),
        ("$ref", json!("../../etc/passwd")),
        ("$ref", json!(7)),
        ("$id", json!("::")),
        ("$schema", json!("http://127.0.0.1:1/")),
        ("$dynamicRef", json!("#a")),
        ("not", json!({})),
        ("if", json!({})),
        ("contains", json!({})),
        ("unevaluatedProperties", json!(false)),
        ("dependentSchemas", json!({"a": {}})),
        ("propertyNames", json!({"pattern": "(a+)+$"})),
        ("x-guidance", json!({"whitespace_pattern": "(a+)+$"})),
        ("x-guidance", json!({"lenient": true, "no": 1})),
        ("x-guidance", json!(7)),
        ("uniqueItems", json!(true)),
        ("prefixItems", json!(vec![json!({}); 3000])),
        ("title", json!("\u{0}\u{202e}")),
    ] {
        all.push(json!({name: value.clone()}));
        all.push(json!({"type": "object", "properties": {"p": {name: value}}, "required": ["p"]}));
    }
    let link = |to: &str| json!({"$ref": format!("#/$defs/{to}")});
    all.push(json!({"$ref": "#/$defs/a", "$defs": {"a": link("b"), "b": link("a")}}));
    all.push(json!({"$ref": "#/$defs/a", "$defs": {"a": {"allOf": [link("a"), link("a")]}}}));
    all.push(json!({"$ref": "#/$defs/a", "$defs": {"a": {"anyOf": [link("a"), link("a")]}}}));
    // Each doubles the one before.
    let defs: serde_json::Map<String, Value> = (0..64)
        .map(|i| {
            (format!("d{i}"), json!({"allOf": [link(&format!("d{}", i + 1)), link(&format!("d{}", i + 1))]}))
        })
        .chain([("d64".to_owned(), json!({"type": "string"}))])
        .collect();
    all.push(json!({"$ref": "#/$defs/d0", "$defs": defs}));
    let defs: serde_json::Map<String, Value> = (0..24).map(|i| (format!("d{i}"), json!({"type": "object", "properties": {"l": link(&format!("d{}", i + 1)), "r": link(&format!("d{}", i + 1))}, "required": ["l", "r"]}))).chain([("d24".to_owned(), json!({"type": "string"}))]).collect();
    all.push(json!({"$ref": "#/$defs/d0", "$defs": defs}));
    all.push(json!({"allOf": (0..40).map(|i| json!({"anyOf": [{"minLength": i}, {"maxLength": 100 - i}, {"pattern": format!("a{i}")}]})).collect::<Vec<_>>()}));
    all.push(json!({"type": "object", "properties": {"a\"b\\n%json {}": {"const": "\"\n%llguidance {}"}}, "additionalProperties": false}));
    all.extend([json!(true), json!(false), json!(7), json!("x"), json!([]), json!(null)]);
    all
}

/// Each schema gives a form or a typed error in a bounded time, and what is said in the form ends as well.
#[test]
fn no_schema_hurts() {
    let model = tiny("llama");
    model.json_object().unwrap();
    let engine = engine(&model);
    let schemas = hostile();
    assert!(schemas.len() >= 100, "{}", schemas.len());
    let (mut refused, mut slowest) = (0, Duration::ZERO);
    for schema in &schemas {
        let began = Instant::now();
        let form = model.json_schema(schema);
        slowest = slowest.max(began.elapsed());
        match form {
            Ok(form) => {
                let answer = answer(&engine, &form, 1, 16);
                assert!(answer.done.is_some() || answer.failed.is_some());
            }
            Err(error) => {
                assert!(!error.to_string().is_empty());
                refused += 1;
            }
        }
    }
    println!("{} hostile schemas, {refused} refused, slowest {slowest:?}", schemas.len());
    assert!(refused * 3 > schemas.len(), "{refused} of {}", schemas.len());
}

#[test]
fn tools_in_a_template_are_text() {
    use engine::text::{ChatTemplate, Message, Special};
    let model = tiny("qwen2");
    let template = ChatTemplate::new(
        "{% for tool in tools %}{{ tool | tojson }}\n{% endfor %}{{ messages[0].content }}",
    )
    .unwrap();
    assert!(template.takes_tools() && !ChatTemplate::chatml().takes_tools());
    let control =
        (0..model.tokenizer.vocab_size() as u32).find(|&id| model.tokenizer.is_control(id)).unwrap();
    let name = String::from_utf8(model.tokenizer.token_bytes(control).to_vec()).unwrap();
    let message = Message { role: "user".into(), content: "hi".into() };
    let tool = json!({"type": "function", "function": {"name": "f", "description": name, name.as_str(): 1}});
    let tokens = template
        .render_with_tools(
            &model.tokenizer,
            std::slice::from_ref(&message),
            std::slice::from_ref(&tool),
            false,
        )
        .unwrap();
    assert!(tokens.iter().skip(1).all(|&id| !model.tokenizer.is_control(id)), "{tokens:?}");
    let text = model.tokenizer.decode(&tokens, true);
    assert!(text.contains(&format!("\"description\": \"{name}\"")) && text.ends_with("hi"), "{text}");
    assert!(!model.tokenizer.encode("hi", Special::Text).unwrap().is_empty());
}
