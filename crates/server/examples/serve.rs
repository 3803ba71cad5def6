//! Serves one model file until Ctrl-C: `cargo run --release -p server --example serve -- MODEL.gguf [PORT]`.

use engine::{Engine, EngineOptions, Model};
use server::{AppState, Server, ServerOptions};
use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let model = PathBuf::from(arguments.next().ok_or("which model file?")?);
    let port = arguments.next().map_or(Ok(4663), |port| port.parse())?;
    let name = model.file_stem().map_or_else(String::new, |name| name.to_string_lossy().into_owned());

    let state = AppState::new(name);
    let server = Server::bind(ServerOptions { port, ..ServerOptions::default() }).await?;
    eprintln!("http://{}", server.address());
    let loading = state.clone();
    tokio::task::spawn_blocking(move || match load(&model) {
        Ok(engine) => loading.loaded(Arc::new(engine)),
        Err(error) => loading.failed(error.to_string()),
    });
    let ctrl_c = async { drop(tokio::signal::ctrl_c().await) };
    server.run(state, ctrl_c).await;
    Ok(())
}

fn load(path: &std::path::Path) -> Result<Engine, Box<dyn Error>> {
    Ok(Engine::start(Arc::new(Model::open(path)?), EngineOptions::default())?)
}
