//! `hone data build`: several sets become one, or an indexed project becomes one.

use super::{announce, place};
use crate::config::App;
use crate::flags::Build;
use crate::output::{self, Usage};
use anyhow::bail;
use learn::dataset::{Chosen, Manifest, Report, Set, Source, SourceFile, Weighted, mix};

pub(super) fn run(app: &App, flags: &Build) -> anyhow::Result<()> {
    if let Some(folder) = &flags.from_index {
        return super::from_index::run(app, flags, folder);
    }
    let asked = flags.sets.iter().map(|text| weighted(text)).collect::<anyhow::Result<Vec<_>>>()?;
    if asked.iter().any(|(_, weight)| weight.is_some()) && asked.iter().any(|(_, weight)| weight.is_none()) {
        bail!(Usage("give every set a weight, as in `hone data build a=0.7 b=0.3`, or none of them".into()));
    }
    let names: Vec<&str> = asked.iter().map(|(name, _)| *name).collect();
    let (name, folder) = match (&flags.place.name, &flags.place.out) {
        (None, None) => bail!(Usage("give the new set a name: --name NAME".into())),
        (name, out) => place(app, name.as_deref().unwrap_or("mixture"), out.as_deref())?,
    };
    let (mut sets, mut sources, mut rows) = (Vec::new(), Vec::new(), 0);
    for (from, weight) in asked {
        let Chosen::Set(set) = Chosen::find(&app.home, from)? else {
            bail!("{from} is a file: make a set of it first, with `hone data fetch {from}`");
        };
        rows += set.manifest.parts.iter().map(|part| part.rows).sum::<u64>();
        sources.push(described(&set, weight));
        sets.push(Weighted { parts: set.parts()?, weight });
    }
    let parts = mix(sets, flags.seed)?;
    let kept = (parts.train.len() + parts.valid.len() + parts.test.len()) as u64;
    if kept < rows && !app.quiet {
        eprintln!(
            "{} of {rows} examples of {} are left out: weights and duplicates",
            rows - kept,
            names.join(", ")
        );
    }
    let report = Report { rows: kept, kept, ..Report::default() };
    let set = Set::write(&folder, &parts, Manifest::new(&name, flags.seed, None, sources, report))?;
    announce(app, &set, flags.json)?;
    if flags.json { output::print_json(&set.manifest) } else { Ok(()) }
}

/// `NAME=WEIGHT` or `NAME`.
fn weighted(text: &str) -> anyhow::Result<(&str, Option<f64>)> {
    let Some((name, weight)) = text.rsplit_once('=') else { return Ok((text, None)) };
    match weight.parse::<f64>() {
        Ok(weight) if weight.is_finite() && weight > 0.0 => Ok((name, Some(weight))),
        _ => bail!(Usage(format!("`{text}`: a weight is a number above zero, as in {name}=0.7"))),
    }
}

/// A set as the source of another one.
fn described(set: &Set, weight: Option<f64>) -> Source {
    let licenses: Vec<&str> =
        set.manifest.sources.iter().filter_map(|source| source.license.as_deref()).collect();
    let file = |part: &learn::dataset::PartFile| SourceFile {
        name: format!("{}.jsonl", part.name),
        bytes: part.bytes,
        sha256: part.sha256.clone(),
    };
    Source {
        source: set.manifest.name.clone(),
        revision: None,
        license: (!licenses.is_empty()).then(|| licenses.join(", ")),
        format: None,
        weight,
        files: set.manifest.parts.iter().map(file).collect(),
    }
}
