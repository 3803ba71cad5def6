//! How to train on so many examples.

use crate::gate::Again;
use crate::train::Recipe;
use engine::Model;

/// Steps at least: with fewer a handful of examples is not learned, with more it is learned by heart.
const FEWEST: usize = 40;

/// The recipe for a model and a number of examples: all linear layers, rank 16, and as many steps as the examples need.
pub fn recipe(model: &Model, examples: usize, seed: u64) -> Recipe {
    let small = model.info.parameters < 1_000_000_000;
    let (batch, accumulation, max_seq, most) = if small { (4, 1, 512, 200) } else { (1, 8, 2048, 300) };
    let epochs = match examples {
        0..=50 => 6,
        51..=100 => 5,
        101..=200 => 4,
        _ => 3,
    };
    let steps = (epochs * examples.div_ceil(batch * accumulation)).clamp(FEWEST, most);
    Recipe {
        steps: Some(steps as u64),
        batch,
        accumulation,
        max_seq: max_seq.min(model.config().context_length),
        replay: 2,
        seed,
        ..Recipe::default()
    }
}

/// The recipe of an attempt: the first one's as it is, and the second one's changed.
pub(crate) fn attempt(recipe: &Recipe, model: &Model, again: Option<Again>) -> Recipe {
    match again {
        None => recipe.clone(),
        Some(Again::Gently) => {
            let rate = recipe.peak_rate(model.info.parameters) / 2.0;
            Recipe { learning_rate: Some(rate), replay: (2 * recipe.replay).min(64), ..recipe.clone() }
        }
        Some(Again::Longer) => {
            let steps = recipe.steps.map(|steps| steps + steps / 2);
            Recipe { steps, epochs: 1.5 * recipe.epochs, seed: recipe.seed.wrapping_add(1), ..recipe.clone() }
        }
    }
}
