//! `hone rm`: deletes a model from disk.

use crate::config::App;
use crate::flags::Rm;
use crate::output::{self, bytes};
use serde_json::json;
use std::process::ExitCode;

pub(crate) fn run(app: &App, flags: &Rm) -> anyhow::Result<ExitCode> {
    let gone = app.library()?.remove(&flags.name)?;
    if app.config.model.as_deref() == Some(&gone.name) {
        app.choose(None)?;
    }
    app.note("model deleted", json!({ "model": gone.name }));
    output::print(&format!("{} is gone, {} are free again\n", gone.name, bytes(gone.bytes)))?;
    Ok(ExitCode::SUCCESS)
}
