//! The smallest end-to-end check: `cargo run --release --example generate -- model.gguf "Why is the sky blue?"`.
#![allow(clippy::print_stdout, reason = "a program for the terminal")]

use engine::text::Message;
use engine::{Engine, EngineOptions, Event, Model, Request, Sampling};
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [path, question] = arguments.as_slice() else {
        return Err("usage: generate MODEL.gguf QUESTION".into());
    };
    let model = Arc::new(Model::open(Path::new(path))?);
    let engine = Engine::start(model, EngineOptions::default())?;
    println!("{}", engine.device());

    let prompt = engine.model().chat_prompt(&[Message { role: "user".into(), content: question.clone() }])?;
    let sampling = Sampling { temperature: 0.0, ..Sampling::default() };
    let request = Request { prompt, max_tokens: Some(256), sampling, ..Request::default() };
    for event in engine.generate(request)? {
        match event {
            Event::Prefill { .. } => {}
            Event::Token { text, .. } => print!("{text}"),
            Event::Failed(why) => return Err(why.into()),
            Event::Done { text, reason, usage, timings } => {
                println!("{text}\n\n{reason:?}, {usage:?}");
                let computed = (usage.prompt_tokens - usage.cached_tokens) as f64;
                println!(
                    "prefill {:.0} tokens/s, decode {:.0} tokens/s",
                    computed / timings.prefill.as_secs_f64(),
                    usage.completion_tokens.saturating_sub(1) as f64 / timings.decode.as_secs_f64(),
                );
            }
        }
        std::io::stdout().flush()?;
    }
    Ok(())
}
