//! What a run will take, said before it begins.

use super::{Recipe, Tokens, TrainError, order};
use engine::Model;
use engine::train::{Example, available_memory, memory_needed};
use serde::Serialize;

/// What a run will take.
#[derive(Clone, Debug, Serialize)]
pub struct Plan {
    /// Examples to learn from, and to validate with.
    pub examples: usize,
    /// Examples to validate with.
    pub valid_examples: usize,
    /// Tokens of one epoch.
    pub tokens: usize,
    /// Of those, targets.
    pub targets: usize,
    /// Examples of a step; fewer where the set is smaller.
    pub step_examples: usize,
    /// Updates of the adapter.
    pub steps: u64,
    /// Peak learning rate.
    pub learning_rate: f32,
    /// Values that are trained.
    pub parameters: usize,
    /// Whether layers are computed again on the way back.
    pub recompute: bool,
    /// Bytes at the peak, about.
    pub memory_bytes: u64,
    /// Seconds, about; unknown until a pack has been timed.
    pub seconds: Option<f64>,
}

impl Plan {
    /// Works it out. Fails where memory is too small, with what would make it fit.
    pub fn new(
        model: &Model,
        train: &Tokens,
        valid: &Tokens,
        replay: &[Example],
        recipe: &Recipe,
    ) -> Result<Plan, TrainError> {
        if train.examples.is_empty() {
            let (conversations, no_target) = (train.counts.conversations, train.counts.no_target);
            return Err(TrainError::Empty { conversations, no_target, max_seq: recipe.max_seq });
        }
        let adapter = recipe.first_adapter(model.config())?;
        let per_epoch = order::steps_per_epoch(train.examples.len(), recipe.step_examples());
        let steps = recipe.steps.unwrap_or_else(|| (recipe.epochs * per_epoch as f64).ceil() as u64).max(1);
        let longest = train
            .examples
            .iter()
            .chain(&valid.examples)
            .chain(replay)
            .map(|e| e.tokens.len())
            .max()
            .unwrap_or(0);
        let rows = longest.max(512);
        let need = |recompute: bool| memory_needed(model, &adapter, rows, recompute);
        let (recompute, memory_bytes) = fit(need, available_memory().unwrap_or(u64::MAX), rows, recipe)?;
        Ok(Plan {
            examples: train.examples.len(),
            valid_examples: valid.examples.len(),
            tokens: train.counts.tokens,
            targets: train.counts.targets,
            step_examples: recipe.step_examples().min(train.examples.len()),
            steps,
            learning_rate: recipe.peak_rate(model.info.parameters),
            parameters: adapter.parameters(),
            recompute,
            memory_bytes,
            seconds: None,
        })
    }
}

/// Whether to compute layers again, and the memory that is then needed, where so much is `available`. `rows` is the
/// length of the longest pack.
fn fit(
    need: impl Fn(bool) -> u64,
    available: u64,
    rows: usize,
    recipe: &Recipe,
) -> Result<(bool, u64), TrainError> {
    let choices: &[bool] = match recipe.recompute {
        Some(true) => &[true],
        Some(false) => &[false],
        None => &[false, true],
    };
    if let Some(&recompute) = choices.iter().find(|&&recompute| need(recompute) <= available) {
        return Ok((recompute, need(recompute)));
    }
    let mut advice = Vec::new();
    if recipe.recompute == Some(false) {
        advice.push("--checkpointing on".to_owned());
    }
    if recipe.max_seq > 256 && rows > 512 {
        advice.push(format!("--max-seq {}", (recipe.max_seq / 2).max(256)));
    }
    if recipe.layers.unwrap_or(usize::MAX) > 4 {
        advice.push("--layers with fewer layers".to_owned());
    }
    advice.push("a smaller model".to_owned());
    let needed = choices.iter().map(|&recompute| need(recompute)).min().unwrap_or(0);
    let advice = format!("try {}", advice.join(", or "));
    Err(TrainError::Memory { needed: needed >> 20, available: available >> 20, advice })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 800 MB with layers kept, 300 MB with layers computed again.
    fn fitted(available: u64, recipe: &Recipe) -> Result<(bool, u64), TrainError> {
        fit(|recompute| if recompute { 300 << 20 } else { 800 << 20 }, available << 20, 2048, recipe)
    }

    #[test]
    fn layers_are_computed_again_where_memory_asks_for_it() {
        let recipe = Recipe::default();
        assert_eq!(fitted(1000, &recipe).unwrap(), (false, 800 << 20));
        assert_eq!(fitted(500, &recipe).unwrap(), (true, 300 << 20));
        let always = Recipe { recompute: Some(true), ..Recipe::default() };
        assert_eq!(fitted(1000, &always).unwrap(), (true, 300 << 20));
    }

    #[test]
    fn what_does_not_fit_is_refused_with_what_would() {
        let said = |available, recipe: &Recipe| fitted(available, recipe).unwrap_err().to_string();
        let nothing = said(100, &Recipe::default());
        for part in ["about 300 MB", "100 MB are free", "--max-seq 1024", "--layers", "smaller model"] {
            assert!(nothing.contains(part), "{nothing}");
        }
        assert!(!nothing.contains("--checkpointing"), "that would not be enough: {nothing}");
        let kept = Recipe { recompute: Some(false), ..Recipe::default() };
        assert!(said(500, &kept).contains("--checkpointing on"));
        // What is small already is not proposed to be made smaller.
        let small = Recipe { layers: Some(2), max_seq: 256, ..Recipe::default() };
        let small = said(100, &small);
        assert!(!small.contains("--max-seq") && !small.contains("--layers"), "{small}");
    }
}
