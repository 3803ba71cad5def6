//! `hone bench --adapters`: how long it takes to put an adapter in use and to take it back, in a folder of its own. Each
//! figure goes from the command to the moment from which the next answer has it: pointer on the disk, file checked, in memory.

use crate::config::App;
use crate::flags::Bench;
use crate::{bases::BaseModel, loading, output};
use engine::adapter::{Adapter, Loaded};
use learn::adapters::{Base, Library, NewAdapter};
use learn::train::Recipe;
use serde_json::{Value, json};
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

/// Changes of what is in use; the medians are printed.
const TIMES: usize = 21;

pub(super) fn run(app: &App, flags: &Bench) -> anyhow::Result<ExitCode> {
    let base = BaseModel::choose(app, flags.model.model.as_deref())?;
    let model = loading::open(&base.path)?;
    let folder = tempfile::tempdir_in(&app.home)?;
    let library = Library::open(folder.path())?;
    let (config, recipe) = (model.config(), Recipe::default());
    let shape = recipe.shape(config)?;
    let mut added = Vec::new();
    let (mut adding, mut promoting, mut back) = (Vec::new(), Vec::new(), Vec::new());
    for seed in 0..2 {
        let adapter = Adapter::init(config, &shape, seed);
        let began = Instant::now();
        added.push(library.add(new(&base.base, seed), &adapter, config)?);
        adding.push(began.elapsed().as_secs_f64());
    }
    library.use_(&added[0])?;
    for _ in 0..TIMES {
        let began = Instant::now();
        library.use_(&added[1])?;
        in_memory(folder.path(), &base.base, config)?;
        promoting.push(began.elapsed().as_secs_f64());
        let began = Instant::now();
        library.rollback(&base.base)?;
        in_memory(folder.path(), &base.base, config)?;
        back.push(began.elapsed().as_secs_f64());
    }
    let most = back.iter().copied().fold(0.0, f64::max);
    let (add, promote, back) = (median(adding), median(promoting), median(back));
    let bytes = added[1].bytes;
    match flags.json {
        true => output::print_json(&json!({
            "model": base.base.name, "rank": recipe.rank, "adapter_bytes": bytes, "times": TIMES,
            "add_ms": 1e3 * add, "promote_ms": 1e3 * promote, "rollback_ms": 1e3 * back, "rollback_most_ms": 1e3 * most,
        }))?,
        false => output::print(&format!(
            "{}: an adapter of rank {} ({:.1} MB) is added in {:.0} ms, in use after {:.0} ms, taken back in {:.0} ms\n",
            base.base.name,
            recipe.rank,
            bytes as f64 / 1e6,
            1e3 * add,
            1e3 * promote,
            1e3 * back
        ))?,
    }
    Ok(ExitCode::SUCCESS)
}

fn new(base: &Base, seed: u64) -> NewAdapter {
    NewAdapter {
        name: format!("bench-{seed}"),
        base: base.clone(),
        data: None,
        examples: None,
        recipe: Value::Null,
        parent: None,
        scores: Value::Null,
        run: None,
        files: Vec::new(),
    }
}

/// What a server does before the next answer.
fn in_memory(home: &Path, base: &Base, config: &engine::model::Config) -> anyhow::Result<()> {
    let library = Library::open(home)?;
    if let Some(manifest) = library.active(&base.sha256)? {
        std::hint::black_box(Loaded::new(manifest.id.clone(), library.load(&manifest, base, config)?));
    }
    Ok(())
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
