//! Losses and answers of one adapter on all sets.

use super::sets::{Held, Sets};
use crate::generate::{Answer, GenerateError, Wish, answers};
use crate::replay::fact_wishes;
use crate::score;
use crate::turn::Turn;
use engine::Engine;
use engine::adapter::Loaded;
use engine::text::Message;
use engine::train::{Device, Example, Scorer};
use std::sync::Arc;

/// Tokens of an answer at most, and beyond the length of the wanted text.
const MOST: usize = 400;
const BEYOND: usize = 32;
/// General prompts that are answered, too.
const GENERAL_ANSWERS: usize = 8;

/// Who measures, and on what.
pub struct Judge<'a> {
    /// The model that answers.
    pub engine: &'a Engine,
    /// What computes losses.
    pub device: Arc<dyn Device>,
    /// The sets.
    pub sets: &'a Sets,
    /// Whom it gives way to.
    pub turn: &'a mut dyn Turn,
}

/// Mean losses of examples, in nats a token.
#[derive(Clone, Debug, PartialEq)]
pub struct Losses {
    /// Of the new examples.
    pub fresh: Vec<f64>,
    /// Of the same answers to the question of another.
    pub crossed: Vec<f64>,
    /// Of older ones, by cycle.
    pub older: Vec<Vec<f64>>,
    /// Of the base's own answers to general prompts.
    pub general: Vec<f64>,
    /// Divergence from the base on the same.
    pub divergence: Vec<f64>,
}

/// What was answered.
#[derive(Clone, Debug, PartialEq)]
pub struct Said {
    /// To the new examples.
    pub fresh: Vec<Answer>,
    /// To some general prompts.
    pub general: Vec<Answer>,
    /// Whether each fact is right.
    pub facts: Vec<bool>,
    /// For each rule, on how many of its positive and negative prompts it shows.
    pub rules: Vec<(usize, usize)>,
}

impl Judge<'_> {
    /// Losses under an adapter, or under the base alone.
    pub fn losses(&mut self, adapter: Option<&Arc<Loaded>>) -> Result<Losses, GenerateError> {
        let mut scorer = Scorer::new(self.engine.model().clone(), self.device.clone(), adapter.cloned())
            .map_err(|error| GenerateError::Failed(error.to_string()))?;
        let sets = self.sets;
        let own = |held: &[Held]| -> Vec<Example> { held.iter().map(|held| held.example.clone()).collect() };
        // Each answer to the question of the next example, of another topic where there is one.
        let fresh = &sets.fresh;
        let other = |at: usize| {
            let rest = (1..fresh.len()).map(|by| &fresh[(at + by) % fresh.len()]);
            rest.clone().find(|held| held.topic != fresh[at].topic).or(rest.clone().next())
        };
        let crossed: Vec<Example> = (0..fresh.len())
            .map(|at| other(at).map_or_else(|| fresh[at].example.clone(), |other| fresh[at].crossed(other)))
            .collect();
        let plain: Vec<Example> =
            sets.general.iter().map(|e| Example { teacher: None, ..e.clone() }).collect();
        let mut mean = |examples: &[Example]| means(&mut scorer, examples, self.turn);
        Ok(Losses {
            fresh: mean(&own(fresh))?,
            crossed: mean(&crossed)?,
            older: sets.older.iter().map(|week| mean(&own(week))).collect::<Result<_, _>>()?,
            general: mean(&plain)?,
            divergence: mean(&sets.general)?,
        })
    }

    /// Answers of an adapter, or of the base alone.
    pub fn said(&mut self, adapter: Option<&Arc<Loaded>>) -> Result<Said, GenerateError> {
        let (model, sets) = (self.engine.model().clone(), self.sets);
        let mut say = |wishes: &[Wish]| answers(self.engine, adapter, wishes, self.turn);
        let fresh: Vec<Wish> = (sets.fresh.iter())
            .map(|held| {
                let targets = held.example.targets();
                let most = (targets + targets / 2 + BEYOND).min(MOST);
                Wish { prompt: held.prompt.clone(), most, seed: None }
            })
            .collect();
        let general: Vec<Wish> = (sets.general.iter().take(GENERAL_ANSWERS))
            .filter_map(|example| {
                let start = example.supervised.iter().position(|s| *s)?;
                Some(Wish { prompt: example.tokens[..start].to_vec(), most: 64, seed: None })
            })
            .collect();
        let text = |error: engine::text::TextError| GenerateError::Failed(error.to_string());
        let facts = say(&fact_wishes(&model, &sets.facts).map_err(text)?)?;
        let mut rules = Vec::new();
        for rule in &sets.rules {
            let mut showing = |prompts: &[String]| -> Result<usize, GenerateError> {
                let wish = |prompt: &String| {
                    let ask = Message { role: "user".into(), content: prompt.clone() };
                    Ok(Wish { prompt: model.chat_prompt(&[ask]).map_err(text)?, most: 160, seed: None })
                };
                let said = say(&prompts.iter().map(wish).collect::<Result<Vec<_>, GenerateError>>()?)?;
                Ok(said.iter().filter(|answer| rule.checker.shows(&answer.text)).count())
            };
            rules.push((showing(&rule.positive)?, showing(&rule.negative)?));
        }
        Ok(Said {
            fresh: say(&fresh)?,
            general: say(&general)?,
            facts: sets.facts.iter().zip(facts).map(|(fact, answer)| fact.is_in(&answer.text)).collect(),
            rules,
        })
    }
}

/// Mean loss of each example.
fn means(scorer: &mut Scorer, examples: &[Example], turn: &mut dyn Turn) -> Result<Vec<f64>, GenerateError> {
    let scores = score::each(scorer, examples, &mut || turn.next(), &mut |_| ());
    Ok(scores.map_err(|_| GenerateError::Stopped)?.iter().map(|score| score.loss).collect())
}
