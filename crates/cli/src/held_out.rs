//! The examples that an adapter's loss is measured on: those that its training did not learn from.

use crate::commands::data::warn_of_bad;
use crate::commands::train::lasting;
use crate::config::App;
use crate::progress::Progress;
use anyhow::ensure;
use engine::Model;
use engine::adapter::Loaded;
use engine::train::Scorer;
use hub::Progress as _;
use learn::adapters::Manifest;
use learn::dataset::{Chosen, Example};
use learn::score::score;
use learn::train::{Recipe, Tokens, VALIDATED};
use std::path::Path;
use std::sync::Arc;

/// Held-out examples as tokens. A run validates with the same ones, so the losses can be compared.
pub(crate) struct HeldOut {
    /// The set's name, or a path.
    pub(crate) name: String,
    tokens: Tokens,
}

impl HeldOut {
    /// The examples of `asked` (a set's validation part, or all rows of a file), or else those that the training of
    /// the adapter held back. The inner error says why there are none.
    pub(crate) fn find(
        app: &App,
        model: &Model,
        adapter: &Manifest,
        asked: Option<&str>,
    ) -> anyhow::Result<Result<HeldOut, String>> {
        let recipe = recipe(adapter, model);
        let own = adapter.examples.as_deref();
        let (name, rows) = match (asked, own) {
            (Some(asked), own) if own != lasting(asked)?.to_str() => (asked, all(app, asked)?),
            (_, Some(own)) => match part(app, own, recipe.seed) {
                Ok(rows) => (own, rows),
                Err(error) if asked.is_none() => return Ok(Err(format!("{error:#}"))),
                Err(error) => return Err(error),
            },
            (_, None) => return Ok(Err("it is not known what the adapter was trained on".into())),
        };
        let mut tokens = Tokens::new(model, &rows, &recipe)?;
        tokens.examples.truncate(VALIDATED);
        if asked.is_none() && tokens.examples.is_empty() {
            return Ok(Err(format!("{name} holds nothing back")));
        }
        ensure!(!tokens.examples.is_empty(), "{name} has no answer to measure the loss of");
        Ok(Ok(HeldOut { name: name.to_owned(), tokens }))
    }

    /// Number of examples.
    pub(crate) fn len(&self) -> usize {
        self.tokens.examples.len()
    }

    /// Mean loss of their targets, in nats, under a model and an adapter.
    pub(crate) fn loss(
        &self,
        app: &App,
        model: &Arc<Model>,
        adapter: Option<Arc<Loaded>>,
        threads: Option<u32>,
    ) -> anyhow::Result<f64> {
        let device = engine::train::cpu(threads.or(app.config.threads).map(|n| n as usize))?;
        let mut scorer = Scorer::new(model.clone(), device, adapter)?;
        let progress = Progress::counting("examples", app.quiet);
        progress.start("Measuring the loss", Some(self.len() as u64));
        let scores =
            score(&mut scorer, &self.tokens, &mut || false, &mut |done| progress.advance(done as u64))?;
        progress.finish();
        Ok(scores.token_mean)
    }
}

/// What the adapter was trained with, as far as it matters for examples.
fn recipe(adapter: &Manifest, model: &Model) -> Recipe {
    let recipe: Recipe = serde_json::from_value(adapter.recipe.clone()).unwrap_or_default();
    Recipe { max_seq: recipe.max_seq.clamp(2, model.config().context_length.max(2)), ..recipe }
}

/// What a training on `data` held back.
fn part(app: &App, data: &str, seed: u64) -> anyhow::Result<Vec<Example>> {
    Ok(Chosen::find(&app.home, data)?.split(seed)?.valid)
}

/// A set's validation part, or all rows of a file.
pub(crate) fn all(app: &App, data: &str) -> anyhow::Result<Vec<Example>> {
    match Chosen::find(&app.home, data)? {
        Chosen::Set(set) => Ok(set.read("valid")?),
        Chosen::File(path) => {
            let (examples, report) = learn::dataset::read(Path::new(&path))?;
            warn_of_bad(&report);
            Ok(examples)
        }
    }
}
