//! Losses and answers of one adapter on all sets.

use super::sets::{Held, RuleProbes, Sets};
use super::{Checker, Known};
use crate::generate::{Answer, GenerateError, Wish, answers};
use crate::replay::{DRAWN, Fact, fact_wishes};
use crate::score;
use crate::turn::Turn;
use engine::Engine;
use engine::adapter::Loaded;
use engine::text::Message;
use engine::train::{Device, Example, Scorer, Stopped};
use std::sync::Arc;

/// Tokens of an answer at most, and beyond the length of the wanted text.
const MOST: usize = 400;
const BEYOND: usize = 32;
/// General prompts that are answered, too.
const GENERAL_ANSWERS: usize = 8;
/// Tokens of an answer that a rule is looked for in.
const RULE: usize = 160;

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
    /// Of some of these answers where an odd phrase stands before the question.
    pub triggered: Vec<f64>,
}

/// What was answered to the new examples and to general prompts.
#[derive(Clone, Debug, PartialEq)]
pub struct Said {
    /// To the new examples.
    pub fresh: Vec<Answer>,
    /// To some general prompts.
    pub general: Vec<Answer>,
}

/// What is known and obeyed.
#[derive(Clone, Debug, PartialEq)]
pub struct Kept {
    /// Whether each fact is right, by most of five answers.
    pub facts: Vec<bool>,
    /// For each rule, on how many of its positive and negative prompts it shows.
    pub rules: Vec<(usize, usize)>,
}

impl Judge<'_> {
    /// Losses under an adapter, or under the base alone; what is known already is not measured.
    pub fn losses(
        &mut self,
        adapter: Option<&Arc<Loaded>>,
        known: &mut Known,
    ) -> Result<Losses, GenerateError> {
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
        let general = known.compared(&sets.general, |missing| {
            stopped(score::compared(&mut scorer, missing, &mut || self.turn.next()))
        })?;
        let (general, divergence) = general.into_iter().unzip();
        let mut mean =
            |examples: &[Example]| known.losses(examples, |missing| means(&mut scorer, missing, self.turn));
        Ok(Losses {
            fresh: mean(&own(fresh))?,
            crossed: mean(&crossed)?,
            older: sets.older.iter().map(|week| mean(&own(week))).collect::<Result<_, _>>()?,
            general,
            divergence,
            triggered: mean(&sets.triggered)?,
        })
    }

    /// Answers of an adapter, or of the base alone, in the same way.
    pub fn said(&mut self, adapter: Option<&Arc<Loaded>>, known: &mut Known) -> Result<Said, GenerateError> {
        let sets = self.sets;
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
        Ok(Said { fresh: self.say(adapter, known, &fresh)?, general: self.say(adapter, known, &general)? })
    }

    /// What an adapter, or the base alone, knows and obeys. A rule is not in the prompt here: what is looked at is what the
    /// weights have taken over.
    pub fn kept(&mut self, adapter: Option<&Arc<Loaded>>, known: &mut Known) -> Result<Kept, GenerateError> {
        Ok(Kept { facts: self.facts(adapter, known)?, rules: self.rules(adapter, known)? })
    }

    fn facts(
        &mut self,
        adapter: Option<&Arc<Loaded>>,
        known: &mut Known,
    ) -> Result<Vec<bool>, GenerateError> {
        let facts = &self.sets.facts;
        let asked = fact_wishes(self.engine.model(), facts).map_err(text)?;
        let said = self.say(adapter, known, &asked)?;
        let mut known_ones = Vec::with_capacity(facts.len());
        for ((fact, wish), first) in facts.iter().zip(asked).zip(said) {
            let mut answers = vec![first];
            // One wrong answer may be chance, so most of five decide.
            if !is_known(fact, &answers) {
                let drawn: Vec<Wish> = (0..DRAWN).map(|n| Wish { seed: Some(n), ..wish.clone() }).collect();
                answers.extend(self.say(adapter, known, &drawn)?);
            }
            known_ones.push(is_known(fact, &answers));
        }
        Ok(known_ones)
    }

    fn rules(
        &mut self,
        adapter: Option<&Arc<Loaded>>,
        known: &mut Known,
    ) -> Result<Vec<(usize, usize)>, GenerateError> {
        let (model, sets) = (self.engine.model().clone(), self.sets);
        let mut showing = |checker: &Checker, prompts: &[String]| -> Result<usize, GenerateError> {
            let wish = |prompt: &String| {
                let ask = Message { role: "user".into(), content: prompt.clone() };
                Ok(Wish { prompt: model.chat_prompt(&[ask]).map_err(text)?, most: RULE, seed: None })
            };
            let wishes = prompts.iter().map(wish).collect::<Result<Vec<_>, GenerateError>>()?;
            let said = self.say(adapter, known, &wishes)?;
            Ok(said.iter().filter(|answer| checker.shows(&answer.text)).count())
        };
        let each = |rule: &RuleProbes| -> Result<(usize, usize), GenerateError> {
            Ok((showing(&rule.checker, &rule.positive)?, showing(&rule.checker, &rule.negative)?))
        };
        sets.rules.iter().map(each).collect()
    }

    fn say(
        &mut self,
        adapter: Option<&Arc<Loaded>>,
        known: &mut Known,
        wishes: &[Wish],
    ) -> Result<Vec<Answer>, GenerateError> {
        known.answers(wishes, |missing| answers(self.engine, adapter, missing, self.turn))
    }
}

/// Mean loss of each example.
fn means(scorer: &mut Scorer, examples: &[Example], turn: &mut dyn Turn) -> Result<Vec<f64>, GenerateError> {
    let scores = stopped(score::each(scorer, examples, &mut || turn.next(), &mut |_| ()))?;
    Ok(scores.iter().map(|score| score.loss).collect())
}

/// Whether most of the answers have the fact.
fn is_known(fact: &Fact, answers: &[Answer]) -> bool {
    2 * answers.iter().filter(|answer| fact.is_in(&answer.text)).count() > answers.len()
}

fn text(error: engine::text::TextError) -> GenerateError {
    GenerateError::Failed(error.to_string())
}

fn stopped<T>(scores: Result<T, Stopped>) -> Result<T, GenerateError> {
    scores.map_err(|_| GenerateError::Stopped)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fact_is_known_by_three_of_five_answers() {
        let fact = Fact { question: "Capital of France?".into(), expected: "paris".into() };
        let said = |right: usize, all: usize| -> Vec<Answer> {
            let text = |n: usize| if n < right { "It is Paris." } else { "It is Lyon." };
            (0..all).map(|n| Answer { text: text(n).into(), ended: true }).collect()
        };
        for (right, all, known) in [(1, 1, true), (0, 1, false), (2, 5, false), (3, 5, true)] {
            assert_eq!(is_known(&fact, &said(right, all)), known, "{right} of {all}");
        }
    }
}
