//! `hone chat -p`: answers once and exits.

use super::answer::{Answer, answer};
use super::rules::Rules;
use super::{Loading, Setting, message, wait};
use crate::config::App;
use crate::output;
use engine::FinishReason;
use std::io::{IsTerminal, stdout};
use std::process::ExitCode;
use std::time::Duration;

/// Takes down a rule that the prompt teaches in so many words, and says what became of it. No model is needed.
pub(super) fn remember(app: &App, prompt: &str, json: bool) -> anyhow::Result<ExitCode> {
    let said = Rules::open(app)?.take(prompt)?.unwrap_or_default();
    match json {
        true => output::print_json(&serde_json::json!({ "text": said, "model": null }))?,
        false => output::print(&format!("{}\n", output::harmless(&said)))?,
    }
    Ok(ExitCode::SUCCESS)
}

pub(super) fn run(
    app: &App,
    prompt: &str,
    model: &str,
    loading: Loading,
    mut setting: Setting,
    json: bool,
) -> anyhow::Result<ExitCode> {
    let mut rules = Rules::open(app)?;
    rules.take(prompt)?; // preferences are offered
    let engine = wait(loading)?;
    let chosen = rules.choose(prompt, &engine)?;
    setting.rules = chosen.text;
    let messages = [message("user", prompt)];
    if json {
        let answer = answer(&engine, &messages, &setting, |_| Ok(()))?;
        output::print_json(&as_json(&answer, model, &chosen.ids))?;
        return Ok(exit_code(answer.reason));
    }
    let terminal = stdout().is_terminal();
    let show = |text: &str| match terminal {
        true => output::print(&output::harmless(text)),
        false => output::print(text),
    };
    let answer = answer(&engine, &messages, &setting, show)?;
    if !answer.text.ends_with('\n') {
        output::print("\n")?;
    }
    Ok(exit_code(answer.reason))
}

/// A stopped answer is not the answer that was asked for.
fn exit_code(reason: FinishReason) -> ExitCode {
    if reason == FinishReason::Cancelled { ExitCode::from(130) } else { ExitCode::SUCCESS }
}

fn as_json(answer: &Answer, model: &str, rules: &[String]) -> serde_json::Value {
    let (usage, timings) = (&answer.usage, &answer.timings);
    let ms = |d: Duration| (d.as_secs_f64() * 1e6).round() / 1e3;
    serde_json::json!({
        "text": answer.text,
        "model": model,
        "rules": rules,
        "usage": {
            "prompt_tokens": usage.prompt_tokens,
            "cached_tokens": usage.cached_tokens,
            "completion_tokens": usage.completion_tokens,
            "total_tokens": usage.prompt_tokens + usage.completion_tokens,
        },
        "timings": {
            "queued_ms": ms(timings.queued),
            "prefill_ms": ms(timings.prefill),
            "decode_ms": ms(timings.decode),
        },
        "finish_reason": match answer.reason {
            FinishReason::Stop => "stop",
            FinishReason::Length => "length",
            FinishReason::Cancelled => "cancelled",
        },
    })
}
