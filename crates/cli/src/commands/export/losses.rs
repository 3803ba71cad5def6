//! The model's losses of answers, with their questions and without. The model alone: what an adapter has learned is still
//! needed by the next one, which begins from nothing.

use crate::config::App;
use crate::loading;
use crate::progress::Progress;
use engine::Model;
use engine::text::Message;
use engine::train::{Pack, Scorer};
use hub::Progress as _;
use learn::export::{Example, Loss, Losses};
use std::sync::{Arc, Mutex, PoisonError};

/// Longer examples are cut off for this.
const LONGEST: usize = 2048;

/// Opens the model once; examples come when the export asks.
pub(super) fn judge(app: &App, asked: Option<&str>) -> anyhow::Result<Losses> {
    let chosen = loading::choose(app, asked)?;
    let model = loading::open(&chosen.path)?;
    let device = engine::train::cpu(app.config.threads.map(|n| n as usize))?;
    let scorer = Mutex::new(Scorer::new(Arc::clone(&model), device, None)?);
    let quiet = app.quiet;
    Ok(Arc::new(move |examples| {
        let mut scorer = scorer.lock().unwrap_or_else(PoisonError::into_inner);
        let progress = Progress::counting("answers", quiet);
        progress.start("Scoring", Some(examples.len() as u64));
        let scored = examples.iter().enumerate().map(|(at, example)| {
            progress.advance(at as u64);
            loss(&model, &mut scorer, example)
        });
        let scored = scored.collect();
        progress.finish();
        scored
    }))
}

fn loss(model: &Model, scorer: &mut Scorer, example: &Example) -> Option<Loss> {
    let answer = example.messages.last()?.clone();
    // An empty question: templates want one.
    let nothing = Message { role: "user".into(), content: "…".into() };
    let bare = Example { messages: vec![nothing, answer], ..example.clone() };
    let mut of = |example: &Example| {
        let mut tokens = example.tokens(model).ok()?;
        tokens.truncate(LONGEST);
        if tokens.targets() == 0 {
            return None;
        }
        let losses = scorer.losses(&Pack::new(&[tokens]), &mut || false).ok()?;
        Some(losses.iter().map(|&loss| f64::from(loss)).sum::<f64>() / losses.len().max(1) as f64)
    };
    Some(Loss { with: of(example)?, without: of(&bare) })
}
