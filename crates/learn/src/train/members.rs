//! Several trainings in one run: which steps are whose.

use super::Recipe;
use std::ops::Range;

/// One of the trainings of a run.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Member {
    /// Counted from 0.
    pub(super) number: u64,
    /// Its part of the run's steps.
    pub(super) steps: Range<u64>,
    /// The run's, with its own seed.
    pub(super) recipe: Recipe,
}

impl Member {
    /// One of them, of so many steps in all. Parts differ by a step at most, and none is empty.
    pub(super) fn new(number: u64, steps: u64, recipe: &Recipe) -> Member {
        let members = (recipe.members as u64).min(steps).max(1);
        let first = |number: u64| number * steps / members;
        let seed = recipe.seed.wrapping_add(number);
        Member { number, steps: first(number)..first(number + 1), recipe: Recipe { seed, ..recipe.clone() } }
    }

    /// Steps that it takes.
    pub(super) fn len(&self) -> u64 {
        self.steps.end - self.steps.start
    }

    /// The file of what came of it, while others still train.
    pub(super) fn file(number: u64) -> String {
        format!("member-{number}.bin")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(steps: u64, members: usize) -> Vec<(u64, Range<u64>)> {
        let recipe = Recipe { members, seed: 7, ..Recipe::default() };
        let mut found = vec![Member::new(0, steps, &recipe)];
        while found[found.len() - 1].steps.end < steps {
            found.push(Member::new(found.len() as u64, steps, &recipe));
        }
        found.into_iter().map(|member| (member.recipe.seed, member.steps)).collect()
    }

    #[test]
    fn the_steps_are_shared_without_a_rest() {
        assert_eq!(parts(5, 1), [(7, 0..5)]);
        assert_eq!(parts(42, 2), [(7, 0..21), (8, 21..42)]);
        assert_eq!(parts(8, 3), [(7, 0..2), (8, 2..5), (9, 5..8)]);
        assert_eq!(parts(2, 4), [(7, 0..1), (8, 1..2)], "no more members than steps");
    }
}
