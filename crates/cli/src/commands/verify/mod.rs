//! `hone verify`: model and adapter end to end, beside the model alone.
//!
//! Both answer the same question, greedily. The adapter's answer must hold code that parses and differ from the
//! model's, and the loss of held-out examples must be lower with the adapter.

mod python;
mod report;

use crate::bases::BaseModel;
use crate::config::App;
use crate::flags::Verify;
use crate::held_out::HeldOut;
use crate::{loading, output};
use anyhow::{Context, anyhow, bail};
use engine::adapter::Loaded;
use engine::text::Message;
use engine::{Engine, EngineOptions, Event, FinishReason, Model, Request, Sampling};
use learn::adapters::{Library, Manifest};
use report::{Answer, Check, Loss, Report};
use std::process::ExitCode;
use std::sync::Arc;

/// What is asked for where nothing else is.
pub(crate) const PROMPT: &str = "Write a FastAPI app in Python with three endpoints: list all todo items, \
    add an item, and delete an item by its id. Use a Pydantic model. Answer with one block of code.";

pub(crate) fn run(app: &App, flags: &Verify) -> anyhow::Result<ExitCode> {
    let (base, manifest, loaded) = choose(app, flags)?;
    let model = loading::open(&base.path)?;
    if !app.quiet {
        eprintln!("Asking {} for a sample, with {} and without", base.base.name, manifest.label());
    }
    let [alone, adapted] = answers(app, flags, &model, &loaded)?;
    let loss = match HeldOut::find(app, &model, &manifest, flags.data.as_deref())? {
        Err(why) => Err(why),
        Ok(examples) => Ok(Loss {
            base: examples.loss(app, &model, None, flags.model.threads)?,
            adapter: examples.loss(app, &model, Some(loaded), flags.model.threads)?,
            examples: examples.len(),
            data: examples.name,
        }),
    };
    let checks = vec![parses(&adapted), changes(&alone, &adapted), falls(&loss)];
    let report = Report {
        model: base.base.name,
        adapter: manifest.id,
        name: manifest.name,
        prompt: flags.prompt.clone(),
        base_answer: alone,
        adapter_answer: adapted,
        loss: loss.ok(),
        passed: checks.iter().all(|check| check.passed != Some(false)),
        checks,
    };
    match flags.json {
        true => output::print_json(&report)?,
        false => output::print(&output::harmless(&report.as_text(report::width())))?,
    }
    Ok(ExitCode::from(u8::from(!report.passed)))
}

/// The adapter that was asked for, or the one in use, and its model.
fn choose(app: &App, flags: &Verify) -> anyhow::Result<(BaseModel, Manifest, Arc<Loaded>)> {
    let (library, model) = (Library::open(&app.home)?, flags.model.model.as_deref());
    let (base, manifest) = match &flags.adapter {
        Some(name) => {
            let manifest = library.find(name)?;
            (BaseModel::of(app, &manifest, model)?, manifest)
        }
        None => {
            let base = BaseModel::choose(app, model)?;
            let active = library.active(&base.base.sha256)?;
            let manifest = active.with_context(|| {
                format!("no adapter is in use for {}: name one with --adapter", base.base.name)
            })?;
            (base, manifest)
        }
    };
    let adapter = library.load(&manifest, &base.base, &base.config)?;
    let loaded = Loaded::new(manifest.id.clone(), adapter);
    Ok((base, manifest, loaded))
}

/// The answers without the adapter and with it, computed in one batch.
fn answers(
    app: &App,
    flags: &Verify,
    model: &Arc<Model>,
    adapter: &Arc<Loaded>,
) -> anyhow::Result<[Answer; 2]> {
    let question = [Message { role: "user".into(), content: flags.prompt.clone() }];
    let prompt = model.chat_prompt(&question)?;
    let most = flags.max_tokens as usize;
    let context = (prompt.len() + most).min(model.config().context_length);
    let options = EngineOptions { sequences: 2, ..loading::options(app, &flags.model) };
    let options = EngineOptions { context: options.context.or(Some(context)), ..options };
    let engine = Engine::start(model.clone(), options)?;
    let running = [None, Some(adapter.clone())].map(|adapter| {
        engine.generate(Request {
            prompt: prompt.clone(),
            max_tokens: Some(most),
            sampling: Sampling { temperature: 0.0, seed: Some(0), ..Sampling::default() },
            adapter,
            ..Request::default()
        })
    });
    let [alone, adapted] = running;
    Ok([read(alone?)?, read(adapted?)?])
}

/// The whole answer, and what is in it.
fn read(events: impl Iterator<Item = Event>) -> anyhow::Result<Answer> {
    let mut whole = String::new();
    for event in events {
        match event {
            Event::Prefill { .. } => {}
            Event::Token { text, .. } => whole += &text,
            Event::Done { text, reason, usage, .. } => {
                whole += &text;
                let code = python::code(&whole);
                let error = code.as_deref().and_then(|code| python::parse(code).err());
                return Ok(Answer {
                    text: whole,
                    tokens: usage.completion_tokens,
                    cut: reason == FinishReason::Length,
                    parses: code.is_some() && error.is_none(),
                    code,
                    error,
                });
            }
            Event::Failed(why) => bail!("the answer failed: {why}"),
        }
    }
    Err(anyhow!("the engine has stopped"))
}

/// Whether the adapter's code parses.
fn parses(answer: &Answer) -> Check {
    let lines = answer.code.as_deref().map_or(0, |code| code.lines().count());
    let mut why = match (&answer.code, &answer.error) {
        (None, _) => "the answer holds no Python".to_owned(),
        (_, None) => format!("{lines} lines of Python without a syntax error"),
        (_, Some(error)) => error.to_string(),
    };
    if !answer.parses && answer.cut {
        why += &format!(
            "; the answer was cut after {} tokens, more are allowed with --max-tokens",
            answer.tokens
        );
    }
    Check { name: "code parses", passed: Some(answer.parses), why }
}

/// Whether the adapter changes the answer.
fn changes(alone: &Answer, adapted: &Answer) -> Check {
    let same = alone.text.chars().zip(adapted.text.chars()).take_while(|(a, b)| a == b).count();
    let passed = alone.text != adapted.text;
    let why = match passed {
        true => match same {
            0 => "the answers differ from the first character on".to_owned(),
            same => format!("the answers are the same for {same} characters, then part"),
        },
        false => "the model says the same without the adapter".to_owned(),
    };
    Check { name: "answer changes", passed: Some(passed), why }
}

/// Whether the adapter lowers the loss.
fn falls(loss: &Result<Loss, String>) -> Check {
    let (passed, why) = match loss {
        Err(why) => (None, format!("{why}: name examples with --data")),
        Ok(Loss { data, examples, base, adapter }) => (
            Some(adapter < base),
            format!("{base:.4} → {adapter:.4} on {examples} held-out examples of {data}"),
        ),
    };
    Check { name: "loss falls", passed, why }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(text: &str, cut: bool) -> Answer {
        let code = python::code(text);
        let error = code.as_deref().and_then(|code| python::parse(code).err());
        Answer { text: text.into(), tokens: 9, cut, parses: code.is_some() && error.is_none(), code, error }
    }

    #[test]
    fn each_check_fails_for_its_own_reason() {
        let (good, bad, none) = ("```python\nx = 1\n```", "```python\nx = (1\n```", "```sh\nls\n```");
        assert_eq!(parses(&answer(good, false)).passed, Some(true));
        assert!(parses(&answer(bad, false)).why.contains("line 1"));
        assert!(parses(&answer(bad, true)).why.contains("--max-tokens"));
        assert!(parses(&answer(none, false)).why.contains("no Python"));
        assert_eq!(changes(&answer(good, false), &answer(good, false)).passed, Some(false));
        assert_eq!(changes(&answer(good, false), &answer(bad, false)).passed, Some(true));
        let loss = |base, adapter| Ok(Loss { data: "set".into(), examples: 2, base, adapter });
        let verdicts = [loss(2.0, 1.0), loss(1.0, 1.0), loss(1.0, f64::NAN), Err("no data".into())];
        assert_eq!(verdicts.map(|loss| falls(&loss).passed), [Some(true), Some(false), Some(false), None]);
    }
}
