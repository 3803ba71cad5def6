//! The engine as a model of the agent: answers, calls, the end.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test ends at the first surprise")]

use agent::model::{Cancel, Choice, Finish, Heard, LocalModel, Sampling};
use agent::{Message, Model, ModelError, Prompt, Provenance, Role, ToolCall, ToolSpec};
use engine::{Engine, EngineOptions};
use serde_json::json;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

/// The starter model, which `./test` fetches.
fn model() -> Option<&'static LocalModel> {
    static MODEL: OnceLock<Option<LocalModel>> = OnceLock::new();
    let model = MODEL.get_or_init(|| {
        let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
            .join("../../.cache/models/SmolLM2-135M-Instruct.Q4_1.gguf");
        let path = std::env::var_os("HONE_TEST_MODEL").map_or(here, PathBuf::from);
        if !path.exists() {
            return None;
        }
        let model = Arc::new(engine::Model::open(&path).unwrap());
        let options = EngineOptions { context: Some(2048), ..EngineOptions::default() };
        Some(LocalModel::new(Arc::new(Engine::start(model, options).unwrap()), "starter", None))
    });
    if model.is_none() {
        println!("skipped: no starter model; set HONE_TEST_MODEL");
    }
    model.as_ref()
}

fn prompt(text: &str) -> Prompt {
    Prompt {
        messages: vec![Message::new(Role::User, Provenance::User, text)],
        sampling: Sampling { temperature: Some(0.0), ..Sampling::default() },
        max_tokens: Some(60),
        ..Prompt::default()
    }
}

fn ask(
    model: &LocalModel,
    prompt: &Prompt,
) -> (Result<agent::model::End, ModelError>, String, Vec<ToolCall>) {
    let (mut text, mut calls) = (String::new(), Vec::new());
    let end = model.ask(prompt, &Cancel::default(), &mut |heard| match heard {
        Heard::Text(new) => text.push_str(&new),
        Heard::Call(call) => calls.push(call),
        Heard::Reading { done, total } => assert!(done <= total),
    });
    (end, text, calls)
}

#[test]
fn it_answers() {
    let Some(model) = model() else { return };
    let (end, text, calls) = ask(model, &prompt("What is the capital of France? Answer in one sentence."));
    let end = end.unwrap();
    assert!(text.contains("Paris") && calls.is_empty(), "{text}");
    assert_eq!(end.finish, Finish::Stop);
    assert!(end.usage.completion_tokens.abs_diff(model.count(&text)) <= 2, "{end:?}");
    assert!(end.usage.prompt_tokens > model.count("What is the capital of France?"));
}

#[test]
fn a_tool_that_must_be_called_is_called() {
    let Some(model) = model() else { return };
    let schema = json!({"type": "object", "properties": {"city": {"type": "string", "maxLength": 20}}, "required": ["city"], "additionalProperties": false});
    let tool =
        |name: &str| ToolSpec { name: name.into(), description: "d".into(), parameters: schema.clone() };
    for choice in [Choice::Required, Choice::Named("weather".into())] {
        let named = choice != Choice::Required;
        let prompt = Prompt {
            tools: vec![tool("time"), tool("weather")],
            choice,
            max_tokens: Some(200),
            ..prompt("Paris?")
        };
        let (end, text, calls) = ask(model, &prompt);
        assert_eq!((end.unwrap().finish, text.as_str(), calls.len()), (Finish::ToolCalls, "", 1));
        assert!(calls[0].arguments["city"].is_string(), "{calls:?}");
        assert!(!named || calls[0].name == "weather", "{calls:?}");
    }
}

#[test]
fn what_does_not_fit_and_what_is_stopped() {
    let Some(model) = model() else { return };
    let long = prompt(&"word ".repeat(5000));
    assert!(matches!(ask(model, &long).0, Err(ModelError::TooLong(_))));
    // More than fits is a limit like any other.
    for max_tokens in [None, Some(1_000_000)] {
        let cancel = Cancel::default();
        let stop = cancel.clone();
        let endless = Prompt { max_tokens, ..prompt("Count from one to one thousand in words.") };
        let end = model.ask(&endless, &cancel, &mut |heard| {
            if matches!(heard, Heard::Text(_)) {
                stop.set();
            }
        });
        let end = end.unwrap();
        assert_eq!(end.finish, Finish::Cancelled);
        assert!(end.usage.completion_tokens < 100, "{end:?}");
    }
}
