//! `hone serve` as the remote model of another hone.

use crate::serve::Server;
use crate::support::Hone;
use agent::model::{Cancel, Choice, Finish, Heard, Sampling};
use agent::{Message, Model, ModelError, Prompt, Provenance, Role, ToolSpec};
use remote::{Endpoint, MemoryLedger, Out, RemoteModel, RemoteOptions};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

#[test]
fn hone_answers_hone() {
    let hone = Hone::with_model();
    let server = Server::start(&hone, &[]);
    server.until_healthy();
    let ledger = Arc::new(MemoryLedger::default());
    let model = |name: &str| {
        let endpoint = Endpoint::new(&format!("http://{}/v1", server.address), Some("anything")).unwrap();
        let options = RemoteOptions { model: name.into(), window: 128, silence: Duration::from_secs(30) };
        RemoteModel::new(endpoint, options, Out::new(false, ledger.clone())).unwrap()
    };
    let prompt = Prompt {
        messages: vec![Message::new(Role::User, Provenance::User, "hi")],
        sampling: Sampling { temperature: Some(0.0), ..Sampling::default() },
        max_tokens: Some(8),
        ..Prompt::default()
    };
    // From here on the prompt is read from the cache: equal work, equal numbers.
    model("llama").ask(&prompt, &Cancel::default(), &mut |_| {}).unwrap();
    let mut text = String::new();
    let end = model("llama").ask(&prompt, &Cancel::default(), &mut |heard| {
        if let Heard::Text(new) = heard {
            text.push_str(&new);
        }
    });
    let end = end.unwrap();
    assert!((1..=8).contains(&end.usage.completion_tokens) && end.timings.prefill_ms > 0.0, "{end:?}");

    // What the server says to everyone else.
    let body = json!({"model": "llama", "max_tokens": 8, "temperature": 0, "messages": [{"role": "user", "content": "hi"}]});
    let answer: Value =
        serde_json::from_str(&server.request("POST", "/v1/chat/completions", &body.to_string()).1).unwrap();
    assert_eq!(answer["choices"][0]["message"]["content"], text);

    let error = model("gpt-4").ask(&prompt, &Cancel::default(), &mut |_| {}).unwrap_err();
    assert!(matches!(&error, ModelError::Refused(why) if why.contains("does not exist here")), "{error:?}");
    let long = Prompt {
        messages: vec![Message::new(Role::User, Provenance::User, "x ".repeat(500))],
        ..prompt.clone()
    };
    let error = model("llama").ask(&long, &Cancel::default(), &mut |_| {}).unwrap_err();
    assert!(matches!(error, ModelError::TooLong(_)), "{error:?}");
    let bad =
        ToolSpec { name: "a b".into(), description: String::new(), parameters: json!({"type": "object"}) };
    let bad = Prompt { tools: vec![bad], choice: Choice::Required, ..prompt };
    let error = model("llama").ask(&bad, &Cancel::default(), &mut |_| {}).unwrap_err();
    assert!(matches!(&error, ModelError::Refused(why) if why.contains("a name has")), "{error:?}");
    assert_eq!(ledger.sent().len(), 5);
    assert_ne!(end.finish, Finish::Cancelled);
}
