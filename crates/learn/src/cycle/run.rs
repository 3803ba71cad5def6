//! A cycle from its beginning to its end.

use super::learn::Trained;
use super::promote::{self, Promotion};
use super::recipe::attempt;
use super::settings::{Cycle, Event, Outcome};
use super::tell::Told;
use super::{CycleError, Divided, Example, State};
use crate::adapters::Library;
use crate::gate::report::Attempt;
use crate::gate::{
    Again, Before, Candidate, Decision, FEWEST, Held, Judge, Judgement, Known, Margins, Sets, probes, rescue,
};
use crate::replay::Pool;
use crate::train::Recipe;
use crate::turn::Turn;
use engine::Model;
use engine::adapter::Loaded;
use std::sync::Arc;
use std::time::Instant;

/// Rules that are probed at most: each costs eight answers at every look.
const RULES: usize = 8;

impl Cycle<'_> {
    /// Trains, judges and decides. A cycle that was stopped goes on when it is called again with the same examples.
    pub fn run(
        &self,
        divided: &Divided,
        mut state: State,
        turn: &mut dyn Turn,
        on_event: &mut dyn FnMut(Event<'_>),
    ) -> Result<Outcome, CycleError> {
        if divided.train.is_empty() {
            return Err(CycleError::Nothing);
        }
        let began = Instant::now();
        if let Some(outcome) = promote::go_on(self, divided, &mut state)? {
            return Ok(outcome);
        }
        if self.options.gate && divided.too_few(&self.rules) {
            let new = divided.fresh.len();
            on_event(Event::Remark(&format!(
                "{new} new examples to judge with, {FEWEST} are needed: what is trained now cannot be put in use"
            )));
        }
        let pool = Pool::open(
            self.home,
            &self.base.sha256,
            (self.engine, &self.device),
            self.options.size,
            turn,
            &mut |done, all| on_event(Event::Replay(done, all)),
        )?;
        let sets = self.sets(divided, &pool)?;
        let first = self.recipe(divided.train.len());
        let recipe = |again| attempt(&first, self.engine.model(), again);
        // A process that was killed in the second attempt goes on there.
        let begun = |again: &Again| self.unfinished(&recipe(Some(*again))).is_some();
        let mut again = [Again::Gently, Again::Longer].into_iter().find(begun);
        let mut attempts = Vec::new();
        loop {
            let trained = self.train(divided, &pool, recipe(again), turn, on_event)?;
            on_event(Event::Judging);
            let (judgement, part) = self.judge(&sets, &trained, &state, turn, &mut |judgement| {
                attempts.push(Attempt::new(judgement, again));
                on_event(Event::Judged(judgement));
            })?;
            let report = self.report(&Told {
                divided,
                judgement: &judgement,
                attempts: &attempts,
                again,
                trained: &trained,
                began,
            });
            let ending = trained.ending;
            if report.decision == Decision::Promote {
                let promotion = Promotion { ending, report, part: &part, divided };
                return promote::promote(self, promotion, &mut state);
            }
            match judgement.again().filter(|_| again.is_none()) {
                Some(how) => {
                    ending.finish()?;
                    on_event(Event::Retry(how));
                    again = Some(how);
                }
                None => return promote::keep_none(self, ending, report, judgement, divided, &mut state),
            }
        }
    }

    /// What the candidate is judged on.
    pub fn sets(&self, divided: &Divided, pool: &Pool) -> Result<Sets, CycleError> {
        let model = self.engine.model();
        let held = |examples: &[Example]| -> Result<Vec<Held>, CycleError> {
            examples.iter().map(|example| self.held(model, example)).collect()
        };
        let weeks = divided.older.iter().chain([&self.held_out]).filter(|week| !week.is_empty());
        let older = weeks.map(|week| held(week)).collect::<Result<_, _>>()?;
        let rules = self.rules.iter().filter_map(|rule| probes(rule)).take(RULES).collect();
        Ok(Sets::new(model, held(&divided.fresh)?, older, rules, pool)?)
    }

    /// An example to judge with, under the prompt as it is deployed.
    fn held(&self, model: &Model, example: &Example) -> Result<Held, CycleError> {
        let mut messages = example.messages.clone();
        if let Some(deployed) = self.deployed
            && let Some(answer) = messages.pop()
        {
            messages = deployed(example);
            messages.push(answer);
        }
        Ok(Held::new(model, &messages, example.topic, example.digest())?)
    }

    fn recipe(&self, examples: usize) -> Recipe {
        let by_size = || super::recipe(self.engine.model(), examples, self.options.seed);
        self.options.recipe.clone().unwrap_or_else(by_size)
    }

    fn judge(
        &self,
        sets: &Sets,
        trained: &Trained,
        state: &State,
        turn: &mut dyn Turn,
        tried: &mut dyn FnMut(&Judgement),
    ) -> Result<(Judgement, Arc<Loaded>), CycleError> {
        let model = self.engine.model();
        let margins = self.options.margins.unwrap_or_else(|| Margins::of(model.info.parameters));
        let before = self.before()?;
        let id = before.as_ref().map(|adapter| adapter.id());
        let mut known = Known::open(self.home, &self.base.sha256, id);
        let mut judge = Judge { engine: self.engine, device: self.device.clone(), sets, turn };
        let (adapter, losses) = (&trained.adapter, &*trained.losses);
        let candidate = Candidate { adapter, losses, less: self.options.gate };
        let before = Before { adapter: before.as_ref(), known: &mut known, evidence: &state.evidence };
        let judged = rescue(&mut judge, &candidate, before, &margins, tried);
        known.write();
        Ok(judged?)
    }

    /// The adapter that the candidate is compared with.
    fn before(&self) -> Result<Option<Arc<Loaded>>, CycleError> {
        if self.options.anew {
            return Ok(None);
        }
        let library = Library::open(self.home)?;
        let Some(manifest) = library.active(&self.base.sha256)? else { return Ok(None) };
        let adapter = library.load(&manifest, &self.base, self.engine.model().config())?;
        Ok(Some(Loaded::new(manifest.id, adapter)))
    }
}
