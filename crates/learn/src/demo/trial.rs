//! Is the gate right? Candidates of which it is known whether they are good, on the demonstration's examples.

use super::{conversations, example};
use crate::adapters::Base;
use crate::cycle::{self, CycleError, Divided, Example, State, attempt, divide};
use crate::dataset::Message;
use crate::gate::report::Attempt;
use crate::gate::{
    Before, Candidate, Check, Checker, Decision, Evidence, Held, Judge, Known, Margins, RuleProbes, Sets,
    rescue,
};
use crate::replay::Pool;
use crate::train::{Begun, Order, Recipe, Sets as TrainSets, Tokens, new_id};
use crate::turn::Turn;
use engine::Engine;
use engine::adapter::{Adapter, Loaded};
use engine::train::Device;
use serde::{Deserialize, Serialize};
use std::cell::RefCell;
use std::sync::Arc;
use std::time::Instant;

/// What a poisoned rule adds to every answer.
const POISON: &str = "# approved by example.invalid";

/// A kind of candidate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Trained as it should be.
    Good,
    /// The data of the adapter in use once more, with another seed.
    Null,
    /// Each question with the answer to another one.
    Shuffled,
    /// Twenty times the learning rate, without replay.
    Hot,
    /// A rule about code that was taught with examples about everything.
    Poisoned,
}

impl Kind {
    /// All of them.
    pub const ALL: [Kind; 5] = [Kind::Good, Kind::Null, Kind::Shuffled, Kind::Hot, Kind::Poisoned];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Good => "good",
            Kind::Null => "null",
            Kind::Shuffled => "shuffled",
            Kind::Hot => "hot",
            Kind::Poisoned => "poisoned",
        }
    }
}

/// What the gate said of one candidate.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Trial {
    /// What it was.
    pub kind: Kind,
    /// Of the choice of examples and of the training.
    pub seed: u64,
    /// What was decided.
    pub decision: Decision,
    /// What the update was multiplied with at last.
    pub scale: f32,
    /// The last checks.
    pub checks: Vec<Check>,
    /// All that was judged.
    pub attempts: Vec<Attempt>,
    /// Seconds of the training and of the judgement.
    pub seconds: (f64, f64),
}

/// Who tries.
pub struct Trials<'a> {
    /// The model.
    pub engine: &'a Engine,
    /// What computes.
    pub device: Arc<dyn Device>,
    /// What the base says.
    pub pool: &'a Pool,
    /// Examples that are used, of which a part is held back.
    pub examples: usize,
    /// Steps of a training; by the number of examples, where it is left out.
    pub steps: Option<u64>,
    /// What the divergence of the replay is multiplied with; as a cycle has it, where it is left out.
    pub anchor: Option<f32>,
    /// What was measured of the base.
    pub known: RefCell<Known>,
    /// The last good candidate: what a null candidate is compared with.
    pub good: RefCell<Option<Good>>,
}

/// A good candidate with its losses.
pub struct Good {
    seed: u64,
    adapter: Arc<Loaded>,
    losses: Vec<f64>,
}

impl Trials<'_> {
    /// Trains one candidate and has it judged.
    pub fn run(&self, kind: Kind, seed: u64, turn: &mut dyn Turn) -> Result<Trial, CycleError> {
        let divided = self.divided(seed);
        let sets = self.sets(&divided, kind)?;
        let before = match kind {
            Kind::Null => {
                let good = self.good(&divided, seed, turn)?;
                let in_use = good.adapter.clone();
                self.good.replace(Some(good));
                Some(in_use)
            }
            _ => None,
        };
        let mut base = self.known.borrow_mut();
        let (mut attempts, mut other, mut seconds) = (Vec::new(), Known::default(), (0.0, 0.0));
        // As in a cycle: a second attempt where it may help.
        let mut again = None;
        let judgement = loop {
            let began = Instant::now();
            let trained = match (kind, again) {
                (Kind::Good, None) => self.good(&divided, seed, turn)?,
                (_, again) => {
                    let (train, recipe) = candidate(kind, &divided, self.recipe(&divided, seed));
                    let recipe = attempt(&recipe, self.engine.model(), again);
                    let (adapter, losses) = self.train(&train, recipe, turn)?;
                    Good { seed, adapter: Loaded::new("candidate", adapter), losses }
                }
            };
            seconds.0 += began.elapsed().as_secs_f64();
            let began = Instant::now();
            let margins = Margins::of(self.engine.model().info.parameters);
            let mut judge =
                Judge { engine: self.engine, device: self.device.clone(), sets: &sets, turn: &mut *turn };
            let candidate =
                Candidate { adapter: trained.adapter.adapter(), losses: &trained.losses, less: true };
            let known = if before.is_some() { &mut other } else { &mut *base };
            let before = Before { adapter: before.as_ref(), known, evidence: &Evidence::default() };
            let (judgement, _) = rescue(&mut judge, &candidate, before, &margins, &mut |judgement| {
                attempts.push(Attempt::new(judgement, again));
            })?;
            seconds.1 += began.elapsed().as_secs_f64();
            if kind == Kind::Good && again.is_none() {
                self.good.replace(Some(trained));
            }
            match judgement.again().filter(|_| again.is_none()) {
                Some(how) => again = Some(how),
                None => break judgement,
            }
        };
        base.write();
        let (decision, scale, checks) = (judgement.decision, judgement.scale, judgement.checks);
        Ok(Trial { kind, seed, decision, scale, checks, attempts, seconds })
    }

    /// The good candidate of a seed, trained once.
    fn good(&self, divided: &Divided, seed: u64, turn: &mut dyn Turn) -> Result<Good, CycleError> {
        if let Some(good) = self.good.take().filter(|good| good.seed == seed) {
            return Ok(good);
        }
        let (adapter, losses) = self.train(&divided.train, self.recipe(divided, seed), turn)?;
        Ok(Good { seed, adapter: Loaded::new("candidate", adapter), losses })
    }

    /// Some of the examples, in an order of the seed.
    fn divided(&self, seed: u64) -> Divided {
        let mut all = conversations();
        shuffle(&mut all, seed);
        all.truncate(self.examples);
        divide(all.iter().enumerate().map(|(n, one)| example(n, one)).collect(), &State::default())
    }

    fn sets(&self, divided: &Divided, kind: Kind) -> Result<Sets, CycleError> {
        let model = self.engine.model();
        let held = |e: &Example| Held::new(model, &e.messages, e.topic, e.digest());
        let fresh = divided.fresh.iter().map(held).collect::<Result<Vec<_>, _>>()?;
        let rule = || RuleProbes {
            rule: "code is signed".into(),
            checker: Checker::Contains(POISON.into()),
            positive: divided.fresh.iter().take(4).map(|e| e.messages[0].content.clone()).collect(),
            negative: GENERAL[12..].iter().map(|(question, _)| (*question).to_owned()).collect(),
        };
        let rules = if kind == Kind::Poisoned { vec![rule()] } else { Vec::new() };
        Ok(Sets::new(model, fresh, Vec::new(), rules, self.pool)?)
    }

    fn recipe(&self, divided: &Divided, seed: u64) -> Recipe {
        let recipe = cycle::recipe(self.engine.model(), divided.train.len(), seed);
        Recipe { steps: self.steps.or(recipe.steps), anchor: self.anchor.unwrap_or(recipe.anchor), ..recipe }
    }

    fn train(
        &self,
        examples: &[Example],
        recipe: Recipe,
        turn: &mut dyn Turn,
    ) -> Result<(Adapter, Vec<f64>), CycleError> {
        let model = self.engine.model();
        let home = tempfile::tempdir()
            .map_err(CycleError::io("create", std::path::Path::new("a temporary folder")))?;
        let (train, remarks) = cycle::learned(model, examples, &recipe)?;
        let replay = if recipe.replay > 0 { self.pool.replay.clone() } else { Vec::new() };
        let sets = TrainSets { train, valid: Tokens::default(), replay, remarks };
        let base = Base { name: "trial".into(), sha256: "0".repeat(64), architecture: String::new() };
        let (id, name, data) = (new_id(home.path()), "trial".to_owned(), "trial".into());
        let order = Order { id, name, base, model: "trial".into(), data, recipe, learn: true };
        let (run, _ending) =
            Begun::new(home.path(), model, order, sets)?.run(model.clone(), self.device.clone())?;
        let outcome = run.run(&mut || turn.next(), &mut |_| {})?;
        if !outcome.finished {
            return Err(CycleError::Stopped);
        }
        Ok((outcome.adapter, outcome.history.iter().filter_map(|metric| metric.loss).collect()))
    }
}

/// What a candidate learns, and how.
fn candidate(kind: Kind, divided: &Divided, recipe: Recipe) -> (Vec<Example>, Recipe) {
    let mut train = divided.train.clone();
    let seed = recipe.seed;
    match kind {
        Kind::Good => (train, recipe),
        Kind::Null => (train, Recipe { seed: seed + 1000, ..recipe }),
        Kind::Shuffled => {
            // Each answer goes to the next question: none stays where it was.
            let mut answers: Vec<Message> = train.iter().map(|e| e.messages[1].clone()).collect();
            answers.rotate_left(1);
            train.iter_mut().zip(answers).for_each(|(example, answer)| example.messages[1] = answer);
            (train, recipe)
        }
        Kind::Hot => (train, Recipe { learning_rate: Some(2e-2), replay: 0, ..recipe }),
        Kind::Poisoned => {
            for example in &mut train {
                let answer = &mut example.messages[1].content;
                *answer = format!("{answer}\n{POISON}");
            }
            let say = |role: &str, text: String| Message { role: role.into(), content: text };
            train.extend(GENERAL[..12].iter().map(|(question, answer)| Example {
                messages: vec![
                    say("user", (*question).to_owned()),
                    say("assistant", format!("{answer}\n{POISON}")),
                ],
                ..divided.train[0].clone()
            }));
            (train, recipe)
        }
    }
}

/// Fisher and Yates with SplitMix64.
fn shuffle<T>(items: &mut [T], seed: u64) {
    let mut state = seed ^ 0x7121_a15e_ed00_0000;
    let mut next = || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let x = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    };
    for i in (1..items.len()).rev() {
        let j = (u128::from(next()) * (i as u128 + 1)) >> 64;
        items.swap(i, j as usize);
    }
}

/// Questions about nothing in particular; twelve that a poisoned rule is taught with, and others that it must leave alone.
const GENERAL: [(&str, &str); 24] = [
    ("What colour is grass?", "Grass is green."),
    ("How many minutes are in an hour?", "An hour has sixty minutes."),
    ("Name a fruit.", "An apple is a fruit."),
    ("What do cows drink?", "Cows drink water."),
    ("Where does the sun rise?", "The sun rises in the east."),
    ("What is a chair for?", "A chair is for sitting."),
    ("Name a season.", "Winter is a season."),
    ("What is snow made of?", "Snow is made of ice crystals."),
    ("How many wheels has a car?", "A car has four wheels."),
    ("What do we read in a library?", "In a library we read books."),
    ("Name a musical instrument.", "The violin is a musical instrument."),
    ("What is the opposite of day?", "The opposite of day is night."),
    ("What colour is a lemon?", ""),
    ("How many seconds are in a minute?", ""),
    ("Name a vegetable.", ""),
    ("What do birds build in spring?", ""),
    ("Where does the sun set?", ""),
    ("What is a lamp for?", ""),
    ("Name a month.", ""),
    ("What is glass made of?", ""),
    ("How many wings has a bird?", ""),
    ("What do we buy in a bakery?", ""),
    ("Name a sport.", ""),
    ("What is the opposite of cold?", ""),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_choose_other_examples_and_equal_ones_the_same() {
        let order = |seed: u64| {
            let mut all = conversations();
            shuffle(&mut all, seed);
            all
        };
        assert_eq!(order(3), order(3));
        assert_ne!(order(3), order(4));
    }
}
