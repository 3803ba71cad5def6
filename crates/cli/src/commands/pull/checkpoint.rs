//! From a checkpoint of many files to one model: the hub brings it, the engine imports it, the hub keeps it.

use anyhow::Context;
use engine::import::{Format, Import, Options, check};
use hub::checkpoint::{self, Opened};
use hub::{Installed, Library, Progress, PullOptions};

/// What the header of the result may need beside its tensors: mostly the vocabulary.
const HEADER: u64 = 32 << 20;

/// Brings and imports the checkpoint that `spec` names. Returns the model, and what the user should know of it.
///
/// The configuration is checked before the weights are fetched, so that a model that cannot be computed costs
/// no download. What fails later leaves the files for the next try.
pub(crate) fn pull(
    library: &Library,
    spec: &str,
    format: Option<Format>,
    options: &PullOptions,
    progress: &dyn Progress,
) -> anyhow::Result<(Installed, Vec<String>)> {
    let asked = format.map(Format::name);
    let checkpoint = match checkpoint::open(library, spec, asked, options, progress)? {
        Opened::Installed(model) => return Ok((*model, Vec::new())),
        Opened::Checkpoint(checkpoint) => checkpoint,
    };
    let failed = || format!("cannot import {spec}");
    let wanted = Options { name: Some(checkpoint.name().to_owned()), format };
    if let Err(error) = check(&checkpoint.folder(), &wanted) {
        checkpoint.discard()?;
        return Err(error).with_context(failed);
    }
    checkpoint.fetch_weights()?;
    let import = Import::open(&checkpoint.folder(), &wanted).with_context(failed)?;
    let bytes = import.bytes();
    let result = checkpoint.result_path(bytes + HEADER)?;
    progress.start("importing", Some(bytes));
    let outcome = import.write(&result, &mut |done, _| progress.advance(done));
    progress.finish();
    let report = outcome.with_context(failed)?;
    let notes: Vec<String> = report.notes.iter().map(ToString::to_string).collect();
    notes.iter().for_each(|note| progress.message(&format!("note: {note}")));
    let exact = if report.lossless { "without loss" } else { "rounded" };
    progress.message(&format!("imported as {}, {exact}", report.format));
    Ok((checkpoint.install(&result)?, notes))
}
