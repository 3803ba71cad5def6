//! The run itself: steps, evaluations, checkpoints.

use super::checkpoint::{self, Best, Progress};
use super::folder::Folder;
use super::members::Member;
use super::outcome::{Event, Metric, Outcome};
use super::{Plan, Recipe, Sets, TrainError, order};
use engine::Model;
use engine::adapter::Adapter;
use engine::train::{Device, Example, Options, Pack, Stopped, Totals, Trainer};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Validation examples that an evaluation takes at most: the first of them.
pub const VALIDATED: usize = 64;

/// How often an evaluation comes in a run.
const EVALUATIONS: u64 = 10;

/// Time between checkpoints at least.
const BETWEEN_CHECKPOINTS: Duration = Duration::from_secs(20);

/// A run that is ready to start.
pub struct Run {
    model: Arc<Model>,
    device: Arc<dyn Device>,
    member: Member,
    trainer: Trainer,
    train: Vec<Example>,
    replay: Vec<Example>,
    valid: Vec<Pack>,
    recipe: Recipe,
    plan: Plan,
    folder: Folder,
    progress: Progress,
    /// How long a checkpoint may be overdue; zero writes one after each step.
    pub between_checkpoints: Duration,
}

impl Run {
    /// Sets a run up; with a checkpoint in `folder` it goes on from there.
    pub fn new(
        model: Arc<Model>,
        device: Arc<dyn Device>,
        sets: Sets,
        recipe: Recipe,
        folder: Folder,
    ) -> Result<Run, TrainError> {
        recipe.check(model.config())?;
        let Sets { train, valid, replay, .. } = sets;
        let plan = Plan::new(&model, &train, &valid, &replay, &recipe)?;
        let (progress, state) = checkpoint::read(folder.path())?.unzip();
        let progress: Progress = progress.unwrap_or_default();
        let member = Member::new(progress.member, plan.steps, &recipe);
        let mut trainer = trainer(&model, &device, &member, &plan)?;
        if let Some(state) = state {
            trainer.restore(&state)?;
        }
        // The same examples at every evaluation.
        let valid = order::all(&valid.examples[..valid.examples.len().min(VALIDATED)]);
        let between_checkpoints = BETWEEN_CHECKPOINTS;
        Ok(Run {
            model,
            device,
            member,
            trainer,
            train: train.examples,
            replay,
            valid,
            recipe,
            plan,
            folder,
            progress,
            between_checkpoints,
        })
    }

    /// What the run will take. Times one pack without learning from it; `pause` is asked as in [`Run::run`].
    pub fn plan(&mut self, pause: &mut dyn FnMut() -> bool) -> Plan {
        let packs = order::packs(&self.train, 0, self.recipe.step_examples().min(8), self.recipe.seed);
        if let Some(pack) = packs.first() {
            let (began, mut waited) = (Instant::now(), Duration::ZERO);
            let mut pause = || {
                let asked = Instant::now();
                let stop = pause();
                waited += asked.elapsed();
                stop
            };
            if self.trainer.losses(pack, &mut pause).is_ok() {
                // There and back, and once more where layers are computed again.
                let factor = if self.plan.recompute { 4.5 } else { 3.5 };
                let rows =
                    self.plan.tokens as f64 / self.plan.examples as f64 * self.plan.step_examples as f64;
                let left = (self.plan.steps - self.progress.step.min(self.plan.steps)) as f64;
                let each = (began.elapsed() - waited).as_secs_f64() / pack.rows() as f64;
                self.plan.seconds = Some(each * factor * rows * left);
            }
        }
        self.plan.clone()
    }

    /// Steps that are done.
    pub fn step(&self) -> u64 {
        self.progress.step
    }

    /// Runs to the end, or until `pause` says to stop: then a checkpoint is written first. `pause` is asked before
    /// every layer and may wait.
    pub fn run(
        mut self,
        pause: &mut dyn FnMut() -> bool,
        on_event: &mut dyn FnMut(Event<'_>),
    ) -> Result<Outcome, TrainError> {
        self.folder.write_history(&self.progress)?;
        let mut saved = Instant::now();
        let ended = loop {
            if self.progress.step >= self.plan.steps {
                break true;
            }
            if self.progress.step >= self.member.steps.end {
                on_event(Event::Writing);
                self.next_member()?;
            }
            match self.one_step(pause, on_event) {
                Ok(result) => result?,
                Err(Stopped) => break false,
            }
            if saved.elapsed() >= self.between_checkpoints && self.progress.step < self.plan.steps {
                on_event(Event::Writing);
                self.save()?;
                on_event(Event::Saved);
                saved = Instant::now();
            }
        };
        on_event(Event::Writing);
        self.trainer.forget();
        self.save()?;
        self.folder.write_history(&self.progress)?;
        let best_step = if ended { self.restore_best()? } else { self.progress.step };
        let history = std::mem::take(&mut self.progress.history);
        let adapter = if ended { self.average()? } else { self.trainer.into_adapter() };
        Ok(Outcome { adapter, history, best_step, finished: ended })
    }

    /// What all trainings of the run have come to.
    fn average(mut self) -> Result<Adapter, TrainError> {
        let last = self.trainer.adapter().clone();
        let mut adapters = Vec::new();
        for number in 0..self.member.number {
            self.trainer.restore(&self.folder.read(&Member::file(number))?)?;
            adapters.push(self.trainer.adapter().clone());
        }
        adapters.push(last);
        Ok(Adapter::average(&adapters))
    }

    /// Keeps what one training has come to, and begins the next one. A run that is killed in here does it again.
    fn next_member(&mut self) -> Result<(), TrainError> {
        let best = self.restore_best()?;
        self.folder.replace(&Member::file(self.member.number), &self.trainer.save())?;
        self.progress.member += 1;
        self.progress.best = None;
        self.member = Member::new(self.progress.member, self.plan.steps, &self.recipe);
        self.trainer = trainer(&self.model, &self.device, &self.member, &self.plan)?;
        self.save()?;
        // A leftover and no danger.
        let _ = std::fs::remove_file(self.folder.path().join(best_name(best)));
        Ok(())
    }

    /// Goes back to the lowest validation loss, where something was validated, and says at which step that was.
    fn restore_best(&mut self) -> Result<u64, TrainError> {
        match self.progress.best {
            Some(best) if best.step != self.progress.step => {
                self.trainer.restore(&self.folder.read(&best_name(best.step))?)?;
                Ok(best.step)
            }
            _ => Ok(self.progress.step),
        }
    }

    fn one_step(
        &mut self,
        pause: &mut dyn FnMut() -> bool,
        on_event: &mut dyn FnMut(Event<'_>),
    ) -> Result<Result<(), TrainError>, Stopped> {
        if self.progress.step == 0 && self.progress.history.is_empty() {
            let valid_loss = self.validate(pause)?;
            let metric = Metric { valid_loss, ..Metric::default() };
            self.progress.history.push(metric);
            if let Err(error) = self.folder.append(&self.progress.history[0]) {
                return Ok(Err(error));
            }
        }
        let (step, began) = (self.progress.step, Instant::now());
        let own = step - self.member.steps.start;
        let packs = order::with_replay(&self.train, &self.replay, own, &self.member.recipe);
        let (rows, targets) = packs.iter().fold((0, 0), |(r, t), p| (r + p.rows(), t + p.targets()));
        let (mut done, mut sum) = (0, Totals::default());
        for pack in &packs {
            let part = pack.totals(&self.trainer.accumulate(pack, pause)?);
            sum = Totals {
                loss: sum.loss + part.loss,
                mass: sum.mass + part.mass,
                divergence: sum.divergence + part.divergence,
                anchored: sum.anchored + part.anchored,
            };
            done += pack.rows();
            on_event(Event::Pack { step: step + 1, rows: (done, rows) });
        }
        let rate = self.recipe.rate(self.plan.learning_rate, own, self.member.len());
        let update = self.trainer.update(rate, self.recipe.clip);
        if !update.applied || !(sum.loss + sum.divergence).is_finite() {
            return Ok(Err(TrainError::NotFinite { step: step + 1, rate }));
        }
        let seconds = began.elapsed().as_secs_f64();
        let last = step + 1 == self.plan.steps;
        let due = (step + 1) % (self.plan.steps / EVALUATIONS).max(1) == 0 || last;
        // A stop in here would leave a step without its evaluation: it is done again from the last checkpoint.
        let valid_loss = if due { self.validate_whole(pause) } else { None };
        let metric = Metric {
            step: step + 1,
            loss: Some(sum.loss / sum.mass.max(f64::MIN_POSITIVE)),
            divergence: (sum.anchored > 0).then(|| sum.divergence / sum.anchored as f64),
            valid_loss,
            learning_rate: rate,
            norm: update.norm,
            tokens: rows,
            targets,
        };
        self.progress.step = step + 1;
        on_event(Event::Writing);
        if let Err(error) = self.keep(metric) {
            return Ok(Err(error));
        }
        let metric = self.progress.history.last().expect("kept above");
        let seconds_left = (self.plan.steps - step - 1) as f64 * seconds;
        on_event(Event::Step { metric, tokens_per_second: rows as f64 / seconds, seconds_left });
        Ok(Ok(()))
    }

    /// Takes a step's numbers into the history, and its adapter aside where it is the best.
    fn keep(&mut self, metric: Metric) -> Result<(), TrainError> {
        self.folder.append(&metric)?;
        if let Some(loss) = metric.valid_loss
            && loss.is_finite()
            && self.progress.best.is_none_or(|best| loss < best.loss)
        {
            self.folder.replace(&best_name(metric.step), &self.trainer.save())?;
            let before = self.progress.best.replace(Best { step: metric.step, loss });
            if let Some(before) = before {
                // The checkpoint on disk may still name it; the next one will not.
                self.save_after(metric, before.step)?;
                return Ok(());
            }
        }
        self.progress.history.push(metric);
        Ok(())
    }

    /// A checkpoint that names the new best adapter, then the old one may go.
    fn save_after(&mut self, metric: Metric, old_best: u64) -> Result<(), TrainError> {
        self.progress.history.push(metric);
        self.save()?;
        // A leftover and no danger.
        let _ = std::fs::remove_file(self.folder.path().join(best_name(old_best)));
        Ok(())
    }

    fn save(&self) -> Result<(), TrainError> {
        checkpoint::write(self.folder.path(), &self.progress, &self.trainer.save())
    }

    /// Mean loss over the validation examples, `None` where there are none.
    fn validate(&mut self, pause: &mut dyn FnMut() -> bool) -> Result<Option<f64>, Stopped> {
        let (mut sum, mut targets) = (0.0, 0);
        for pack in &self.valid {
            sum += self.trainer.losses(pack, pause)?.iter().map(|&l| f64::from(l)).sum::<f64>();
            targets += pack.targets();
        }
        Ok((targets > 0).then(|| sum / targets as f64))
    }

    /// The same to its end, giving way where `pause` waits and not where it says to stop.
    fn validate_whole(&mut self, pause: &mut dyn FnMut() -> bool) -> Option<f64> {
        let mut wait = || {
            pause();
            false
        };
        self.validate(&mut wait).unwrap_or(None)
    }
}

/// At the beginning of a training.
fn trainer(
    model: &Arc<Model>,
    device: &Arc<dyn Device>,
    member: &Member,
    plan: &Plan,
) -> Result<Trainer, TrainError> {
    let recipe = &member.recipe;
    let options = Options {
        recompute: plan.recompute,
        dropout: recipe.dropout,
        seed: recipe.seed,
        weight_decay: recipe.weight_decay,
        ..Options::default()
    };
    Ok(Trainer::new(model.clone(), device.clone(), recipe.first_adapter(model.config())?, options)?)
}

fn best_name(step: u64) -> String {
    format!("best-{step}.bin")
}
