//! How to train on so many examples.

use crate::gate::Again;
use crate::train::Recipe;
use engine::Model;

/// Steps at least: with fewer a handful of examples is not learned, with more it is learned by heart.
const FEWEST: usize = 40;

/// The recipe for a model and a number of examples. For a small model, whose runs differ most, half as many steps again are
/// shared by two trainings, at half as much rate again.
pub fn recipe(model: &Model, examples: usize, seed: u64) -> Recipe {
    let alone = alone(model, examples, seed);
    if !is_small(model) {
        return alone;
    }
    let steps = alone.steps.map(|steps| steps + steps / 2);
    Recipe { steps, members: 2, learning_rate: Some(1.5e-3), ..alone }
}

/// The same of one training: all linear layers, rank 16, and as many steps as the examples need.
pub fn alone(model: &Model, examples: usize, seed: u64) -> Recipe {
    let (batch, accumulation, max_seq, most) =
        if is_small(model) { (4, 1, 512, 200) } else { (1, 8, 2048, 300) };
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

fn is_small(model: &Model) -> bool {
    model.info.parameters < 1_000_000_000
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
            let (epochs, members) = (1.5 * recipe.epochs, recipe.members + 1);
            // Of none of the seeds that were tried.
            let seed = recipe.seed.wrapping_add(recipe.members as u64);
            Recipe { steps, epochs, members, seed, ..recipe.clone() }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    /// A model of no size, which is a small one.
    fn small() -> std::sync::Arc<Model> {
        let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../engine/tests/fixtures/models");
        std::sync::Arc::new(Model::open(&fixtures.join("llama.gguf")).unwrap())
    }

    /// `bench/learning` repeats these numbers for torch and PEFT, with a test of its own.
    #[test]
    fn steps_are_by_the_number_of_examples() {
        let model = small();
        let of = |examples: usize| recipe(&model, examples, 0);
        for (examples, steps) in [(3, 60), (28, 63), (60, 112), (152, 228), (250, 283), (400, 300)] {
            assert_eq!(of(examples).steps, Some(steps), "{examples} examples");
        }
        assert_eq!((alone(&model, 28, 0).steps, alone(&model, 28, 0).members), (Some(42), 1));
        assert_eq!((of(28).members, of(28).peak_rate(model.info.parameters)), (2, 1.5e-3));
    }

    #[test]
    fn a_second_attempt_is_of_other_seeds_or_gentle() {
        let model = small();
        let first = recipe(&model, 152, 7);
        let longer = attempt(&first, &model, Some(Again::Longer));
        assert_eq!((longer.steps, longer.members, longer.seed), (Some(342), 3, 9), "7 and 8 were tried");
        let gently = attempt(&first, &model, Some(Again::Gently));
        assert_eq!((gently.learning_rate, gently.replay, gently.steps), (Some(7.5e-4), 4, Some(228)));
        assert_eq!(attempt(&first, &model, None), first);
    }
}
