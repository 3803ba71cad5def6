//! `hone use`: chooses the model that is used when none is named.

use crate::config::App;
use crate::flags::Use;
use crate::{loading, output};
use serde_json::json;
use std::process::ExitCode;

pub(crate) fn run(app: &App, flags: &Use) -> anyhow::Result<ExitCode> {
    let model = app.library()?.get(&flags.name)?;
    loading::must_chat(&model)?;
    app.choose(Some(&model.name))?;
    app.note("model chosen", json!({ "model": model.name }));
    output::print(&format!("{} is used from now on\n", model.name))?;
    Ok(ExitCode::SUCCESS)
}
