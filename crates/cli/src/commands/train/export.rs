//! `hone train --export-job`: the same run for torch and PEFT on another machine.

use super::data::examples;
use crate::bases::BaseModel;
use crate::config::App;
use engine::Model;
use learn::train::Recipe;
use std::path::Path;
use std::process::ExitCode;

pub(super) fn run(
    app: &App,
    folder: &Path,
    base: &BaseModel,
    model: &Model,
    recipe: &Recipe,
    data: &str,
) -> anyhow::Result<ExitCode> {
    let (train, valid) = examples(app, data, recipe.seed)?;
    learn::job::write(folder, &base.base, model, recipe, &train, &valid)?;
    eprintln!(
        "{} has everything: see README.md there. Bring the result back with: hone adapter import {}",
        folder.display(),
        folder.join("adapter").display()
    );
    Ok(ExitCode::SUCCESS)
}
