//! `hone serve`: listens at once, loads the model beside it, ends in good order.

use crate::brain;
use crate::config::App;
use crate::flags::Serve;
use crate::loading::{self, Chosen};
use crate::output;
use crate::program::Around;
use crate::signals::Signals;
use anyhow::{Context, anyhow};
use engine::EngineOptions;
use hub::PullOptions;
use hub::catalog::EMBEDDING;
use knowledge::watch::Watch;
use server::{AppState, Home, Server, ServerOptions};
use std::borrow::Cow;
use std::process::ExitCode;
use std::sync::Arc;
use tokio::sync::mpsc::{self, UnboundedReceiver};
use tokio::sync::oneshot;

pub(crate) fn run(app: &App, flags: &Serve) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Runtime::new().context("cannot start the runtime")?;
    let (again, wishes) = mpsc::unbounded_channel();
    let offline = flags.offline || PullOptions::from_env().offline;
    let around = Arc::new(Around::new(app, offline, again));
    let signals =
        runtime.block_on(async { Signals::listen() }).context("cannot listen to the system's signals")?;
    let mut rounds = Rounds { around, wishes, signals, server: None };
    let mut asked = flags.model.model.clone();
    let mut now = Cow::Borrowed(app);
    loop {
        let chosen = loading::choose(&now, asked.as_deref())?;
        match runtime.block_on(serve(&now, flags, chosen, &mut rounds))? {
            End::Over => return Ok(ExitCode::SUCCESS),
            End::Again(model) => asked = model.or(asked),
        }
        now = Cow::Owned(App::open(app.quiet)?);
    }
}

/// What outlives one round of serving: another model, or other settings, begin the next one.
struct Rounds {
    around: Arc<Around>,
    /// Wishes to begin again, with a model or as before.
    wishes: UnboundedReceiver<Option<String>>,
    /// Listened to before the address is: no wish to end meets a server that cannot clean up yet.
    signals: Signals,
    /// Where the round before has listened: clients that come between two rounds wait for the next one.
    server: Option<Server>,
}

/// How a round ended.
enum End {
    Over,
    /// With this model, or as before.
    Again(Option<String>),
}

async fn serve(app: &App, flags: &Serve, chosen: Chosen, rounds: &mut Rounds) -> anyhow::Result<End> {
    let options = listen_on(app, flags);
    let server = match rounds.server.take() {
        Some(server) => server.with(options)?,
        None => {
            let server = Server::bind(options).await?;
            // The address is all of standard output, for scripts that started with port 0.
            output::print(&format!("{}\n", server.address()))?;
            server
        }
    };
    let address = server.address();
    if !app.quiet {
        eprintln!("OpenAI API: {address}/v1 · documents: {address}/docs · loading {}", chosen.name);
    }

    let (brain, index) = brain::open(app, flags.offline)?;
    // Watches the indexed folders as long as it lives.
    let _watch = Watch::start(index, knowledge::index::Options::default());
    let state = AppState::with_home(chosen.name.clone(), home(app, flags, &chosen)?).with_brain(brain);
    let state = state.with_program(rounds.around.clone());
    let embedding = Arc::clone(&app.embedding);
    // Also where it is pulled after the start.
    state.embed_with(EMBEDDING, move || {
        embedding.need().map(|model| Arc::clone(model.encoder())).map_err(|error| format!("{error:#}"))
    });
    if let Some(schedule) = app.config.learn.schedule() {
        state.learn_by(schedule);
    }
    let (broken, load_failed) = oneshot::channel();
    start_loading(
        chosen,
        engine_options(app, flags),
        state.clone(),
        (flags.adapter.is_some(), app.quiet),
        broken,
    );

    let (mut failure, mut end) = (None, End::Over);
    let mut leaving = None;
    let over = async {
        tokio::select! {
            name = rounds.signals.next() => tracing::info!("{name}: answers in progress get a moment to end"),
            Some(model) = rounds.wishes.recv() => end = End::Again(model),
            Ok(error) = load_failed => failure = Some(error),
        }
        // It writes a checkpoint while the answers end.
        state.stop_training();
        state.stop_turns();
        state.stop_indexing();
        // Failing that, it ends as after the first wish.
        leaving = Signals::listen().ok().map(|signals| tokio::spawn(leave_at_the_next(signals)));
    };
    server.round(state.clone(), over).await;
    tokio::task::block_in_place(|| state.join_training());
    if let (End::Again(model), Some(leaving)) = (&mut end, leaving) {
        leaving.abort();
        // What was wished for meanwhile is part of the next round, which reads the settings anew.
        while let Ok(wish) = rounds.wishes.try_recv() {
            *model = wish.or(model.take());
        }
        rounds.server = Some(server);
    }
    failure.map_or(Ok(end), Err)
}

fn listen_on(app: &App, flags: &Serve) -> ServerOptions {
    let default = ServerOptions::default();
    ServerOptions {
        host: flags.host.or(app.config.host).unwrap_or(default.host),
        port: flags.port.or(app.config.port).unwrap_or(default.port),
        socket: flags.socket.clone(),
        allowed_hosts: match flags.allowed_host.is_empty() {
            true => app.config.allowed_hosts.clone().unwrap_or_default(),
            false => flags.allowed_host.clone(),
        },
        api_key: flags.api_key.clone().or_else(|| app.config.api_key.clone()).filter(|key| !key.is_empty()),
        ..default
    }
}

/// The data folder, and what is known of the model in it.
fn home(app: &App, flags: &Serve, chosen: &Chosen) -> anyhow::Result<Home> {
    let pulled = app.library()?.get(&chosen.name).ok().filter(|model| model.path == chosen.path);
    Ok(Home {
        folder: app.home.clone(),
        model: chosen.path.clone(),
        sha256: pulled.map(|model| model.sha256),
        adapter: flags.adapter.clone(),
        threads: flags.model.threads.or(app.config.threads).map(|n| n as usize),
    })
}

fn engine_options(app: &App, flags: &Serve) -> EngineOptions {
    let one = loading::options(app, &flags.model);
    let default = EngineOptions::default();
    let parallel = flags.parallel.or(app.config.parallel).map(|n| n as usize);
    EngineOptions { sequences: parallel.unwrap_or(default.sequences), ..one }
}

/// Loads on a thread of its own: opening a model computes and waits for the disk.
fn start_loading(
    chosen: Chosen,
    options: EngineOptions,
    state: AppState,
    (pinned, quiet): (bool, bool),
    broken: oneshot::Sender<anyhow::Error>,
) {
    let told = state.clone();
    let fail = move |error: anyhow::Error| {
        told.failed(format!("{error:#}"));
        // The receiver is gone when the server was stopped meanwhile.
        drop(broken.send(error));
    };
    std::thread::spawn(move || match loading::load(&chosen, options) {
        Ok(engine) => {
            match state.check_adapter(engine.model()) {
                Err(reason) if pinned => return fail(anyhow!(reason)),
                Err(reason) => tracing::warn!("{reason}"), // until another one is put in use
                Ok(()) => {}
            }
            if !quiet {
                let (device, context) = (engine.device(), engine.context());
                eprintln!("ready: {} on {device}, context of {context} tokens", chosen.name);
            }
            state.loaded(Arc::new(engine));
        }
        Err(error) => fail(error),
    });
}

/// Whoever says it twice does not want to wait.
async fn leave_at_the_next(mut signals: Signals) {
    signals.next().await;
    std::process::exit(130);
}
