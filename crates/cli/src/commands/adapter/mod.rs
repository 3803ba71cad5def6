//! `hone adapter …`: the adapters on disk.

mod export;
mod fuse;
mod import;
mod list;
mod show;
mod switch;

use crate::config::App;
use crate::flags::{Adapter, AdapterCommand};
use anyhow::bail;
use learn::adapters::Library;
use std::path::Path;
use std::process::ExitCode;

pub(crate) fn run(app: &App, flags: &Adapter) -> anyhow::Result<ExitCode> {
    let library = Library::open(&app.home)?;
    match &flags.command {
        AdapterCommand::List(flags) => list::run(&library, flags)?,
        AdapterCommand::Show(flags) => show::run(&library, flags)?,
        AdapterCommand::Use(flags) => switch::use_(app, &library, flags)?,
        AdapterCommand::Rollback(flags) => switch::rollback(app, &library, flags)?,
        AdapterCommand::Rm(flags) => switch::rm(app, &library, flags)?,
        AdapterCommand::Export(flags) => export::run(app, &library, flags)?,
        AdapterCommand::Import(flags) => import::run(app, &library, flags)?,
        AdapterCommand::Fuse(flags) => fuse::run(app, &library, flags)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Fails where something would be overwritten.
fn check_free(path: &Path) -> anyhow::Result<()> {
    if path.exists() {
        bail!("{} is there already; remove it or name another place", path.display());
    }
    Ok(())
}
