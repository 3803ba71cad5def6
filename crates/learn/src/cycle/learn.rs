//! The training of a cycle: from zero on all examples, held to the base by replay.

use super::settings::{Cycle, Event};
use super::{CycleError, Divided, Example};
use crate::gate::Held;
use crate::replay::Pool;
use crate::train::{self, Begun, Ending, Folder, Order, Recipe, Tokens};
use crate::turn::Turn;
use engine::Model;
use engine::adapter::Adapter;
use std::cell::RefCell;
use std::time::Instant;

/// What came of a training.
pub(super) struct Trained {
    pub(super) ending: Ending,
    pub(super) adapter: Adapter,
    /// Step by step.
    pub(super) losses: Vec<f64>,
    pub(super) seconds: f64,
}

impl Cycle<'_> {
    /// Trains from zero on everything, or goes on with it.
    pub(super) fn train(
        &self,
        divided: &Divided,
        pool: &Pool,
        recipe: Recipe,
        turn: &mut dyn Turn,
        on_event: &mut dyn FnMut(Event<'_>),
    ) -> Result<Trained, CycleError> {
        let model = self.engine.model();
        let (train, remarks) = learned(model, &divided.train, &recipe)?;
        remarks.iter().for_each(|remark| on_event(Event::Remark(remark)));
        let mut replay = Tokens::default();
        pool.replay.iter().for_each(|example| replay.take(example.clone(), &recipe));
        let sets = train::Sets { train, valid: Tokens::default(), replay: replay.examples, remarks };
        let data_sha256 = sets.sha256();
        let begun = match self.unfinished(&recipe).filter(|(_, info)| info.data_sha256 == data_sha256) {
            Some((folder, info)) => Begun::again(folder, info, model, &self.base, sets)?,
            None => {
                let order = Order {
                    id: train::new_id(self.home),
                    name: self.options.name.clone(),
                    base: self.base.clone(),
                    model: self.model.clone(),
                    data: "conversations".into(),
                    recipe,
                    learn: true,
                };
                Begun::new(self.home, model, order, sets)?
            }
        };
        let info = begun.info.clone();
        let (mut run, ending) = begun.run(model.clone(), self.device.clone())?;
        let began = Instant::now();
        // Called in turns, never at once.
        let turn = RefCell::new(turn);
        let mut pause = || turn.borrow_mut().next();
        let done = run.step();
        on_event(Event::Begun(&info, &run.plan(&mut pause), done));
        let outcome = run.run(&mut pause, &mut |event| {
            if let train::Event::Writing = event {
                turn.borrow_mut().leave();
            }
            on_event(Event::Train(&event));
        })?;
        if !outcome.finished {
            return Err(CycleError::Stopped);
        }
        let losses = outcome.history.iter().filter_map(|metric| metric.loss).collect();
        Ok(Trained { ending, adapter: outcome.adapter, losses, seconds: began.elapsed().as_secs_f64() })
    }

    /// An interrupted run of this model with these settings.
    pub(super) fn unfinished(&self, recipe: &Recipe) -> Option<(Folder, train::RunInfo)> {
        let own = |info: &train::RunInfo| {
            info.learn && info.base.sha256 == self.base.sha256 && info.recipe == *recipe
        };
        Folder::unfinished(self.home).into_iter().find(|(_, info)| own(info))
    }
}

/// Examples as tokens: the last answer alone is learned, as much as it weighs.
pub(crate) fn learned(
    model: &Model,
    examples: &[Example],
    recipe: &Recipe,
) -> Result<(Tokens, Vec<String>), CycleError> {
    let mut tokens = Tokens::default();
    for example in examples {
        tokens.counts.conversations += 1;
        match Held::new(model, &example.messages, 0, String::new()) {
            Ok(held) => {
                let weighed = engine::train::Example { weight: example.weight, ..held.example };
                tokens.take(weighed, recipe);
            }
            Err(_) => tokens.counts.unusable += 1,
        }
    }
    let remarks = tokens.counts.remarks("examples");
    Ok((tokens, remarks))
}
