//! `hone chat`: a conversation in the terminal, or one answer.

mod answer;
mod input;
mod once;
mod record;
mod rules;
mod talk;

use crate::config::App;
use crate::flags::Chat;
use crate::output::Usage;
use crate::{adapters, interrupt, loading};
use agent::taught::{Taught, taught};
use anyhow::bail;
use engine::adapter::Loaded;
use engine::text::Message;
use engine::{Engine, Sampling};
use std::io::{IsTerminal, Read, stdin};
use std::process::ExitCode;
use std::sync::Arc;
use std::thread::JoinHandle;

pub(crate) fn run(app: &App, flags: &Chat) -> anyhow::Result<ExitCode> {
    let typed = flags.prompt.is_none() && stdin().is_terminal();
    if typed && flags.json {
        bail!(Usage("--json needs -p TEXT, or a prompt on standard input".into()));
    }
    let prompt = if typed { None } else { Some(prompt(flags.prompt.as_deref())?) };
    if let Some(prompt) = &prompt
        && matches!(taught(prompt), Taught::Rule(_))
    {
        return once::remember(app, prompt, flags.json);
    }
    let chosen = loading::choose(app, flags.model.model.as_deref())?;
    interrupt::install()?;
    let loading = start_loading(&chosen, loading::options(app, &flags.model));
    let mut setting = Setting::new(app, flags);
    setting.adapter = adapters::choose(app, &chosen, flags.adapter.as_deref())?;
    match prompt {
        Some(prompt) => once::run(app, &prompt, &chosen.name, loading, setting, flags.json),
        None => {
            let record = if flags.no_save { None } else { Some(record::Record::new(app.store()?)) };
            talk::run(app, chosen, loading, setting, record)
        }
    }
}

/// An engine that is on its way while the user types.
type Loading = JoinHandle<anyhow::Result<Engine>>;

fn start_loading(chosen: &loading::Chosen, options: engine::EngineOptions) -> Loading {
    let chosen = chosen.clone();
    std::thread::spawn(move || loading::load(&chosen, options))
}

fn wait(loading: Loading) -> anyhow::Result<Engine> {
    loading.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// How every answer of this conversation is made.
struct Setting {
    system: Option<String>,
    sampling: Sampling,
    max_tokens: Option<usize>,
    options: engine::EngineOptions,
    adapter: Option<Arc<Loaded>>,
    /// What hone was taught, for the next question.
    rules: String,
}

impl Setting {
    fn new(app: &App, flags: &Chat) -> Setting {
        let default = Sampling::default();
        Setting {
            system: flags.system.clone().or_else(|| app.config.system.clone()),
            sampling: Sampling {
                temperature: flags.temperature.or(app.config.temperature).unwrap_or(default.temperature),
                top_k: flags.top_k.unwrap_or(default.top_k),
                top_p: flags.top_p.unwrap_or(default.top_p),
                min_p: flags.min_p.unwrap_or(default.min_p),
                repetition_penalty: flags.repetition_penalty.unwrap_or(default.repetition_penalty),
                seed: flags.seed,
                ..default
            },
            max_tokens: flags.max_tokens.or(app.config.max_tokens).map(|n| n as usize),
            options: loading::options(app, &flags.model),
            adapter: None,
            rules: String::new(),
        }
    }

    /// The conversation as the model sees it.
    fn with_system(&self, messages: &[Message]) -> Vec<Message> {
        let parts = [self.system.as_deref().unwrap_or_default(), &self.rules];
        let text = parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n\n");
        let system = (!text.is_empty()).then(|| message("system", &text));
        system.into_iter().chain(messages.iter().cloned()).collect()
    }
}

fn message(role: &str, content: &str) -> Message {
    Message { role: role.into(), content: content.into() }
}

/// What was given with `-p`, then what came on standard input.
fn prompt(given: Option<&str>) -> anyhow::Result<String> {
    let mut piped = String::new();
    if !stdin().is_terminal() {
        stdin().read_to_string(&mut piped).map_err(|e| anyhow::anyhow!("standard input is not text: {e}"))?;
    }
    let parts = [given.unwrap_or_default(), piped.trim_end()];
    let prompt = parts.into_iter().filter(|p| !p.trim().is_empty()).collect::<Vec<_>>().join("\n\n");
    if prompt.is_empty() {
        bail!(Usage("the prompt is empty: give -p TEXT, or text on standard input".into()));
    }
    Ok(prompt)
}
