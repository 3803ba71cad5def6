//! A model behind a base URL.

use crate::fake::{Answer, Fake, json};
use crate::out;
use agent::model::{Cancel, Choice, End, Finish, Heard, Sampling};
use agent::{Message, Model, ModelError, Prompt, Provenance, Role, ToolCall, ToolSpec};
use remote::{Endpoint, RemoteModel, RemoteOptions};
use serde_json::json as value;
use std::sync::atomic::Ordering;
use std::time::Duration;

fn sse(events: &[&str]) -> Answer {
    let pieces = events.iter().map(|event| format!("data: {event}\n\n")).collect();
    Answer::Pieces("text/event-stream", pieces, Duration::ZERO)
}

fn model(fake: &Fake) -> RemoteModel {
    let options = RemoteOptions { model: "m".into(), window: 1000, silence: Duration::from_secs(2) };
    RemoteModel::new(Endpoint::new(&format!("{}/v1", fake.base()), Some("k")).unwrap(), options, out().0)
        .unwrap()
}

fn ask(fake: &Fake) -> (Result<End, ModelError>, String, Vec<ToolCall>) {
    let (mut text, mut calls) = (String::new(), Vec::new());
    let end = model(fake).ask(&prompt(), &Cancel::default(), &mut |heard| match heard {
        Heard::Text(new) => text.push_str(&new),
        Heard::Call(call) => calls.push(call),
        Heard::Reading { .. } => {}
    });
    (end, text, calls)
}

fn prompt() -> Prompt {
    let call = ToolCall { id: "c1".into(), name: "look".into(), arguments: value!({"a": 1}) };
    let mut said = Message::new(Role::Assistant, Provenance::Model, "");
    said.calls.push(call);
    let mut result = Message::new(Role::Tool, Provenance::File, "found");
    result.call_id = Some("c1".into());
    Prompt {
        messages: vec![
            Message::new(Role::System, Provenance::Tool, "s"),
            Message::new(Role::User, Provenance::User, "hi \"you\"\n"),
            said,
            result,
        ],
        tools: vec![ToolSpec {
            name: "look".into(),
            description: "d".into(),
            parameters: value!({"type": "object"}),
        }],
        choice: Choice::Named("look".into()),
        opening: String::new(),
        sampling: Sampling { temperature: Some(0.0), top_p: None, seed: Some(u64::MAX) },
        max_tokens: Some(9),
    }
}

#[test]
fn an_answer_comes_as_it_is_made() {
    let fake = Fake::new([sse(&[
        r#"{"choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]}"#,
        r#"{"choices":[{"index":0,"delta":{"content":"Hel"}}]}"#,
        r#"{"choices":[{"index":0,"delta":{"content":"lo é"},"finish_reason":null}]}"#,
        r#"{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#,
        r#"{"choices":[],"usage":{"prompt_tokens":7,"completion_tokens":2,"total_tokens":9,"prompt_tokens_details":{"cached_tokens":3}}}"#,
        "[DONE]",
    ])]);
    let (end, text, _) = ask(&fake);
    let end = end.unwrap();
    assert_eq!((text.as_str(), end.finish), ("Hello é", Finish::Stop));
    assert_eq!((end.usage.prompt_tokens, end.usage.cached_tokens, end.usage.completion_tokens), (7, 3, 2));
    let asked = &fake.asked()[0];
    assert_eq!(
        (asked.line.as_str(), asked.header("authorization")),
        ("POST /v1/chat/completions HTTP/1.1", Some("Bearer k"))
    );
    let body = asked.json();
    assert_eq!(
        body["messages"][2]["tool_calls"][0],
        value!({"id": "c1", "type": "function", "function": {"name": "look", "arguments": "{\"a\":1}"}})
    );
    assert_eq!(body["messages"][3], value!({"role": "tool", "content": "found", "tool_call_id": "c1"}));
    assert_eq!(body["tool_choice"]["function"]["name"], "look");
    assert_eq!(
        (body["max_tokens"].as_u64(), body["seed"].as_i64(), body["stream"].as_bool()),
        (Some(9), Some(i64::MAX), Some(true))
    );
}

#[test]
fn calls_come_in_pieces() {
    let fake = Fake::new([sse(&[
        r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"id":"a","type":"function","function":{"name":"look","arguments":""}}]}}]}"#,
        r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{\"q\":"}}]}}]}"#,
        r#"{"choices":[{"delta":{"tool_calls":[{"index":1,"id":"b","function":{"name":"see","arguments":"not json"}}]}}]}"#,
        r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"function":{"arguments":"1}"}}]}}]}"#,
        r#"{"choices":[{"delta":{},"finish_reason":"tool_calls"}]}"#,
        "[DONE]",
    ])]);
    let (end, _, calls) = ask(&fake);
    assert_eq!(end.unwrap().finish, Finish::ToolCalls);
    let call = |id: &str, name: &str, arguments| ToolCall { id: id.into(), name: name.into(), arguments };
    assert_eq!(calls, [call("a", "look", value!({"q": 1})), call("b", "see", value!("not json"))]);
}

#[test]
fn every_failure_is_told_with_its_kind() {
    let error =
        |message: &str, code: &str| format!(r#"{{"error":{{"message":"{message}","code":"{code}"}}}}"#);
    let half = r#"{"choices":[{"delta":{"content":"half"}}]}"#;
    type Kind = fn(&ModelError) -> bool;
    let failed: Kind = |error| matches!(error, ModelError::Failed(_));
    let refused: Kind = |error| matches!(error, ModelError::Refused(_));
    let unreachable: Kind = |error| matches!(error, ModelError::Unreachable(_));
    let long: Kind = |error| matches!(error, ModelError::TooLong(_));
    let busy: Kind = |error| matches!(error, ModelError::Busy(_));
    let rows: Vec<(Answer, Kind, &str)> = vec![
        (json(400, &error("too long", "context_length_exceeded")), long, "too long"),
        (
            json(400, r#"{"error":{"code":400,"message":"too big","type":"exceed_context_size_error"}}"#),
            long,
            "too big",
        ),
        (json(400, &error("bad role", "x")), refused, "bad role"),
        (json(401, "{}"), refused, "does not take the key"),
        (json(404, ""), refused, "does not know this model"),
        (json(429, ""), busy, "too much to do"),
        (json(500, &error("boom", "x")), failed, "boom"),
        (json(302, ""), refused, "redirect"),
        (json(200, "{}"), failed, "does not stream"),
        (Answer::Pieces("text/html", vec!["<html>".into()], Duration::ZERO), failed, "does not stream"),
        (sse(&[half]), failed, "in the middle of the answer"),
        (sse(&[half, r#"{"error":{"message":"the engine has stopped"}}"#]), failed, "the engine has stopped"),
        (sse(&["not json"]), failed, "is wrong"),
        (sse(&[&format!("\"{}\"", "x".repeat(2 << 20))]), failed, "more than"),
        (
            sse(&[r#"{"choices":[{"delta":{"tool_calls":[{"index":99999999999}]}}]}"#]),
            failed,
            "more than 64 tools",
        ),
        (Answer::Silence, unreachable, "sent nothing for"),
        (Answer::Noise, unreachable, "cannot be reached"),
    ];
    for (answer, kind, said) in rows {
        let fake = Fake::new([answer.clone()]);
        let error = ask(&fake).0.unwrap_err();
        let answer: String = format!("{answer:?}").chars().take(200).collect();
        assert!(kind(&error) && error.to_string().contains(said), "{answer}: {error:?}");
        assert_eq!(fake.asked().len(), 1, "nothing is asked twice");
    }
    let gone = Fake::new([]).address;
    let nobody =
        Endpoint::new(&format!("http://127.0.0.1:{}", if gone.port() == 9 { 10 } else { 9 }), None).unwrap();
    let options = RemoteOptions { model: "m".into(), window: 9, silence: Duration::from_secs(2) };
    let nobody = RemoteModel::new(nobody, options, out().0).unwrap();
    assert!(unreachable(&nobody.ask(&prompt(), &Cancel::default(), &mut |_| {}).unwrap_err()));
}

#[test]
fn a_stopped_answer_ends_the_request_there() {
    let text = r#"{"choices":[{"delta":{"content":"x"}}]}"#;
    let pieces = vec![format!("data: {text}\n\n"); 1000];
    let fake = Fake::new([Answer::Pieces("text/event-stream", pieces, Duration::from_millis(20))]);
    let cancel = Cancel::default();
    let mut heard = 0;
    let end = model(&fake).ask(&prompt(), &cancel, &mut |_| {
        heard += 1;
        if heard == 3 {
            cancel.set();
        }
    });
    assert_eq!(end.unwrap().finish, Finish::Cancelled);
    // The server notices at one of its next writes.
    for _ in 0..500 {
        if fake.gone.load(Ordering::SeqCst) == 1 {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("the connection is still open");
}

/// llama.cpp's server on a free port, ended with this.
struct Llama(std::process::Child);

impl Llama {
    fn start(program: &str, model: &str, context: usize) -> (Llama, String) {
        let port =
            std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
        let context = context.to_string();
        let mut command = std::process::Command::new(program);
        command.args([
            "-m",
            model,
            "--host",
            "127.0.0.1",
            "--port",
            &port,
            "-c",
            &context,
            "-np",
            "1",
            "-t",
            "2",
            "--jinja",
        ]);
        let silent = || std::process::Stdio::null();
        let llama = Llama(command.stdout(silent()).stderr(silent()).spawn().unwrap());
        (llama, format!("http://127.0.0.1:{port}/v1"))
    }
}

impl Drop for Llama {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
#[ignore = "./test --peers runs it"]
fn llama_cpp_answers() {
    let (Ok(program), Ok(file)) = (std::env::var("HONE_TEST_LLAMA"), std::env::var("HONE_TEST_MODEL")) else {
        return println!("skipped: HONE_TEST_LLAMA and HONE_TEST_MODEL name no llama-server and no model");
    };
    let (_llama, base) = Llama::start(&program, &file, 512);
    let options = RemoteOptions { model: "any".into(), window: 512, silence: Duration::from_secs(60) };
    let model = RemoteModel::new(Endpoint::new(&base, None).unwrap(), options, out().0).unwrap();
    let say = |text: &str| Prompt {
        messages: vec![
            Message::new(Role::System, Provenance::Tool, "Answer briefly."),
            Message::new(Role::User, Provenance::User, text),
        ],
        sampling: Sampling { temperature: Some(0.0), ..Sampling::default() },
        max_tokens: Some(24),
        ..Prompt::default()
    };
    let hear = |prompt: &Prompt| {
        let (mut text, mut calls) = (String::new(), Vec::new());
        let end = model.ask(prompt, &Cancel::default(), &mut |heard| match heard {
            Heard::Text(new) => text.push_str(&new),
            Heard::Call(call) => calls.push(call),
            Heard::Reading { .. } => {}
        });
        (end, text, calls)
    };
    let until = std::time::Instant::now() + Duration::from_secs(60);
    let first = loop {
        match hear(&say("Who wrote Romeo and Juliet?")) {
            // Its port is closed at first, and then it says that it is loading.
            (Err(ModelError::Unreachable(_) | ModelError::Busy(_)), ..)
                if std::time::Instant::now() < until =>
            {
                std::thread::sleep(Duration::from_millis(200));
            }
            (end, text, _) => break (end.unwrap(), text),
        }
    };
    let (end, text) = first;
    assert!(text.contains("Shakespeare"), "{text}");
    assert!(end.usage.prompt_tokens > 10 && (1..=24).contains(&end.usage.completion_tokens), "{end:?}");
    let (again, same, _) = hear(&say("Who wrote Romeo and Juliet?"));
    assert_eq!((same, again.unwrap().finish), (text, end.finish), "greedy answers are equal");

    let short = Prompt { max_tokens: Some(3), ..say("Count to a hundred.") };
    let (end, ..) = hear(&short);
    let end = end.unwrap();
    assert_eq!((end.finish, end.usage.completion_tokens), (Finish::Length, 3));

    let (error, ..) = hear(&say(&"many words ".repeat(1000)));
    assert!(matches!(&error, Err(ModelError::TooLong(_))), "{error:?}");

    // A tool that it should call. This model's template has no place for tools, and then llama.cpp lets it say what it
    // likes; hone itself, as the other remote, holds it to a call.
    let tool = ToolSpec {
        name: "look_up".into(),
        description: "Looks a word up.".into(),
        parameters: value!({"type": "object", "properties": {"word": {"type": "string"}}, "required": ["word"]}),
    };
    let must = Prompt {
        tools: vec![tool],
        choice: Choice::Required,
        max_tokens: Some(64),
        ..say("Look up the word rust.")
    };
    let (end, said, calls) = hear(&must);
    assert_eq!(end.unwrap().finish == Finish::ToolCalls, !calls.is_empty(), "{calls:?}");
    assert!(!said.is_empty() || calls.iter().all(|call| call.name == "look_up"), "{said} {calls:?}");

    // A stopped answer frees its only place.
    let cancel = Cancel::default();
    let long = Prompt { max_tokens: Some(400), ..say("Tell a long story about a dog and a cat.") };
    let end = model.ask(&long, &cancel, &mut |_| cancel.set()).unwrap();
    assert_eq!(end.finish, Finish::Cancelled);
    assert!(hear(&short).0.is_ok());
}
