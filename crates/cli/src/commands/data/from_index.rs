//! `hone data build --from-index`: examples of an indexed project of the user's own, as a set.

use super::{OwnCode, announce, place};
use crate::config::App;
use crate::flags::Build;
use crate::output::{self, Usage};
use anyhow::ensure;
use learn::dataset::{Manifest, Report, Set, Source};
use learn::own_code::Counts;
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::Path;

#[derive(Serialize)]
struct Told<'a> {
    #[serde(flatten)]
    manifest: &'a Manifest,
    examples: Counts,
    /// Files that were left out, by the licence that is why.
    not_yours: BTreeMap<String, usize>,
}

pub(super) fn run(app: &App, flags: &Build, folder: &Path) -> anyhow::Result<()> {
    ensure!(
        flags.sets.is_empty(),
        Usage("--from-index makes a set of code: mix it with others afterwards".into())
    );
    let code = OwnCode::read(app, folder, flags.mine)?;
    let project = Path::new(&code.folder).file_name().map(|name| name.to_string_lossy().to_lowercase());
    let wanted = flags.place.name.clone().unwrap_or_else(|| format!("{}-code", project.unwrap_or_default()));
    let (name, out) = place(app, &wanted, flags.place.out.as_deref())?;
    let kept = (code.parts.train.len() + code.parts.valid.len()) as u64;
    let report = Report { rows: kept, kept, ..Report::default() };
    let source = Source {
        source: format!("index:{}", code.folder),
        revision: code.revision,
        license: code.license,
        format: None,
        weight: None,
        files: Vec::new(),
    };
    let manifest = Manifest::new(&name, flags.seed, None, vec![source], report);
    let set = Set::write(&out, &code.parts, manifest)?;
    announce(app, &set, flags.json)?;
    if flags.json {
        let (examples, not_yours) = (code.counts, code.not_yours);
        return output::print_json(&Told { manifest: &set.manifest, examples, not_yours });
    }
    let Counts { from_comments, holes, edits, secrets } = code.counts;
    Ok(output::print(&format!(
        "{from_comments} functions from their comments, {holes} holes, {edits} edits; {secrets} left out for a secret\n"
    ))?)
}
