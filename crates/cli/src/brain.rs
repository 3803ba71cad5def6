//! The parts of the agent, wired for this machine.

use crate::config::{App, Remote, Web};
use crate::{intent, knowing};
use agent::Settings;
use agent::intent::Judging;
use agent::model::{Model, Sampling};
use anyhow::{Context, bail};
use remote::{
    Endpoint, Out, Pages, Patience, Provider, RemoteModel, RemoteOptions, Searxng, System, Tavily,
    WebServices,
};
use server::Brain;
use std::sync::Arc;
use std::time::Duration;
use store::{By, Store};

/// The longest silence of a model elsewhere before its first token.
const SILENCE: Duration = Duration::from_secs(120);

/// Opens the store and the index, and sets up what reaches outside; nothing is sent yet. The classifier of intent comes
/// a moment later, from a thread of its own.
pub(crate) fn open(app: &App, offline: bool) -> anyhow::Result<(Brain, Arc<knowledge::Knowledge>)> {
    let store = Store::open(&app.home)?;
    let out = knowing::out(store.clone(), offline);
    let knowledge = Arc::new(knowing::with(app, Some(&out))?);
    let judging = Arc::new(Judging::default());
    judge_soon(app, &store, &judging);
    let brain = Brain {
        judge: judging.clone(),
        judging,
        knowledge: knowledge.clone(),
        index: knowledge.clone(),
        folders: knowing::open_folders(app),
        rules: Arc::new(store.by(By::Chat)),
        web: Arc::new(web(&app.config.web, &out)?),
        remote: app.config.remote.as_ref().map(|settings| elsewhere(settings, &out)).transpose()?,
        settings: settings(app),
        store,
    };
    Ok((brain, knowledge))
}

fn web(settings: &Web, out: &Out) -> anyhow::Result<WebServices> {
    let pages = Pages::new(out.clone(), Arc::new(System), &[]);
    Ok(WebServices::new(out.clone(), providers(settings, out)?, pages))
}

/// Search providers in the user's order; none that is not set up.
pub(crate) fn providers(settings: &Web, out: &Out) -> anyhow::Result<Vec<Provider>> {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let key = variable("TAVILY_API_KEY").or_else(|| settings.tavily_key.clone());
    let searxng = variable("SEARXNG_URL").or_else(|| settings.searxng_url.clone());
    let mut providers = Vec::new();
    for name in settings.order() {
        match name.as_str() {
            "tavily" if key.is_some() || settings.tavily_keyless => {
                let base = settings.tavily_url.as_deref();
                let tavily = Tavily::new(base, key.as_deref(), out.clone(), Patience::default());
                providers.push(Provider::Tavily(tavily.context("the settings of Tavily")?));
            }
            "searxng" => {
                if let Some(url) = &searxng {
                    let searxng = Searxng::new(url, out.clone(), Patience::default());
                    providers.push(Provider::Searxng(searxng.context("the settings of SearXNG")?));
                }
            }
            "tavily" => {}
            other => bail!("`[web] providers` names {other}; there are tavily and searxng"),
        }
    }
    Ok(providers)
}

/// The model elsewhere that the user has set.
fn elsewhere(settings: &Remote, out: &Out) -> anyhow::Result<Arc<dyn Model>> {
    let endpoint =
        Endpoint::new(&settings.url, settings.key.as_deref()).context("`[remote]` in config.toml")?;
    let options =
        RemoteOptions { model: settings.model.clone(), window: settings.context as usize, silence: SILENCE };
    Ok(Arc::new(RemoteModel::new(endpoint, options, out.clone())?))
}

/// Training the classifier takes a second where its examples are not embedded yet: the server does not wait for it.
fn judge_soon(app: &App, store: &Store, judging: &Arc<Judging>) {
    let (embedding, cache) = (Arc::clone(&app.embedding), app.home.join("intent.cache"));
    let (store, judging) = (store.clone(), Arc::clone(judging));
    std::thread::spawn(move || {
        match embedding.need().and_then(|embedder| intent::train(embedder, &store, &cache)) {
            Ok(classifier) => judging.judge_with(classifier),
            Err(error) => tracing::warn!("messages are not judged: {error:#}"),
        }
    });
}

fn settings(app: &App) -> Settings {
    let default = Settings::default();
    Settings {
        system: app.config.system.clone().unwrap_or(default.system),
        sampling: Sampling { temperature: app.config.temperature, ..Sampling::default() },
        max_tokens: app.config.max_tokens.map(|n| n as usize),
        ..default
    }
}
