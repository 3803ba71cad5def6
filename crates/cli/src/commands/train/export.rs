//! `hone train --export-job`: the same run for torch and PEFT on another machine.

use crate::bases::BaseModel;
use engine::Model;
use learn::dataset::Chosen;
use learn::train::Recipe;
use std::path::Path;
use std::process::ExitCode;

pub(super) fn run(
    folder: &Path,
    base: &BaseModel,
    model: &Model,
    recipe: &Recipe,
    chosen: &Chosen,
) -> anyhow::Result<ExitCode> {
    let parts = chosen.split(recipe.seed)?;
    learn::job::write(folder, &base.base, model, recipe, &parts.train, &parts.valid)?;
    eprintln!(
        "{} has everything: see README.md there. Bring the result back with: hone adapter import {}",
        folder.display(),
        folder.join("adapter").display()
    );
    Ok(ExitCode::SUCCESS)
}
