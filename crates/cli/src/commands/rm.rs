//! `hone rm`: deletes a model from disk.

use crate::config::App;
use crate::flags::Rm;
use crate::output::{self, bytes};
use std::process::ExitCode;

pub(crate) fn run(app: &App, flags: &Rm) -> anyhow::Result<ExitCode> {
    let gone = app.library()?.remove(&flags.name)?;
    if app.config.model.as_deref() == Some(&gone.name) {
        app.choose(None)?;
    }
    output::print(&format!("{} is gone, {} are free again\n", gone.name, bytes(gone.bytes)))?;
    Ok(ExitCode::SUCCESS)
}
