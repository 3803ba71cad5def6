//! A cycle from its beginning to its end.

use super::promote::{self, Promotion};
use super::recipe::gentler;
use super::{Divided, Example, State};
use crate::adapters::{AdaptersError, Base, Library, Manifest};
use crate::dataset::Message;
use crate::gate::report::{because, shortened};
use crate::gate::{Candidate, Decision, Held, Judge, Judgement, Margins, Report, RuleProbes, Sets, rescue};
use crate::generate::GenerateError;
use crate::replay::{Pool, ReplayError, Size};
use crate::train::{self, Begun, Ending, Folder, Order, Recipe, Tokens, TrainError};
use crate::turn::Turn;
use engine::adapter::{Adapter, Loaded};
use engine::text::TextError;
use engine::train::Device;
use engine::{Engine, Model};
use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;
use store::Store;

/// How to write down what is deployed: the conversation before an answer, with the rules and the memory of its prompt.
pub type Deployed<'a> = &'a dyn Fn(&[Message]) -> Vec<Message>;

/// What belongs to a cycle.
pub struct Cycle<'a> {
    /// The data folder.
    pub home: &'a Path,
    /// The model that answers, and is trained.
    pub engine: &'a Engine,
    /// What computes.
    pub device: Arc<dyn Device>,
    /// Name and hash of the model.
    pub base: Base,
    /// Its file.
    pub model: PathBuf,
    /// Where adapters note the conversations that they have learned, if anywhere.
    pub store: Option<&'a Store>,
    /// How the prompt of a deployed answer is made; as it is, where it is left out.
    pub deployed: Option<Deployed<'a>>,
    /// Rules that can be checked.
    pub rules: Vec<RuleProbes>,
    /// Settings.
    pub options: Options,
}

/// Settings of a cycle.
#[derive(Clone, Debug)]
pub struct Options {
    /// What the adapter will be called.
    pub name: String,
    /// Of the training.
    pub seed: u64,
    /// How much replay.
    pub size: Size,
    /// Instead of the recipe that follows from the number of examples.
    pub recipe: Option<Recipe>,
    /// What the gate allows and asks for; by the size of the model, where it is left out.
    pub margins: Option<Margins>,
    /// Whether the candidate is compared with the model alone, and takes the place of what is in use only then: after a
    /// conversation was forgotten.
    pub anew: bool,
}

impl Default for Options {
    fn default() -> Self {
        let (recipe, margins) = (None, None);
        Options { name: "learned".into(), seed: 0, size: Size::FULL, recipe, margins, anew: false }
    }
}

/// What happens while a cycle lasts.
pub enum Event<'a> {
    /// The base has answered so many of so many general prompts.
    Replay(usize, usize),
    /// Something to know.
    Remark(&'a str),
    /// A run begins, or goes on after so many steps.
    Begun(&'a train::RunInfo, &'a train::Plan, u64),
    /// The run goes on.
    Train(&'a train::Event<'a>),
    /// The candidate is being judged.
    Judging,
    /// It was judged at one scale.
    Judged(&'a Judgement),
    /// It did not pass; the second attempt begins.
    Retry,
}

/// What came of a cycle.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// What was decided.
    pub decision: Decision,
    /// The adapter that was promoted.
    pub adapter: Option<Manifest>,
    /// The report.
    pub report: Report,
    /// Its file.
    pub path: PathBuf,
}

/// Why there is no outcome.
#[allow(missing_docs, reason = "the messages say what the fields are")]
#[derive(Debug, thiserror::Error)]
pub enum CycleError {
    #[error("stopped; all steps so far are kept, and the same command goes on")]
    Stopped,
    #[error("there is nothing to learn from: edit answers, or give thumbs up")]
    Nothing,
    #[error("{path} cannot be used ({why}); remove it, and examples that were judged with may be learned")]
    State { path: PathBuf, why: String },
    #[error("cannot {what} {path}: {source}")]
    Io { what: &'static str, path: PathBuf, source: std::io::Error },
    #[error(transparent)]
    Train(#[from] TrainError),
    #[error(transparent)]
    Adapters(#[from] AdaptersError),
    #[error(transparent)]
    Store(#[from] store::StoreError),
    #[error("the model could not be asked: {0}")]
    Generate(GenerateError),
    #[error("the replay could not be made: {0}")]
    Replay(ReplayError),
    #[error("an example cannot be written down for this model: {0}")]
    Text(#[from] TextError),
}

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
        let gentle = gentler(&first, self.engine.model());
        // A process that was killed in the second attempt goes on there.
        let second = self.unfinished(&gentle).is_some();
        let (mut report, mut tried) = (None, Vec::new());
        for (recipe, retried) in [(first, false), (gentle, true)] {
            if second && !retried {
                continue;
            }
            if retried && !second {
                on_event(Event::Retry);
            }
            let (ending, adapter, losses, seconds) = self.train(divided, &pool, recipe, turn, on_event)?;
            on_event(Event::Judging);
            let (judgement, part) =
                self.judge(&sets, (&adapter, &losses), &state, turn, &mut |judgement| {
                    tried.push((judgement.scale, judgement.decision));
                    on_event(Event::Judged(judgement));
                })?;
            let info = ending.info().clone();
            let now = self.report(divided, &judgement, &tried, (retried, losses), &info, (seconds, began));
            if judgement.decision == Decision::Promote {
                let promotion = Promotion { ending, report: now, part: &part, divided };
                return promote::promote(self, promotion, &mut state);
            }
            let again = judgement.is_too_much() && !retried;
            report = Some((ending, now, judgement));
            if !again {
                break;
            }
            if let Some((ending, ..)) = report.take() {
                ending.finish()?;
            }
        }
        let (ending, report, judgement) = report.expect("a candidate was judged");
        promote::keep_none(self, ending, report, judgement, divided, &mut state)
    }

    /// What the candidate is judged on.
    pub fn sets(&self, divided: &Divided, pool: &Pool) -> Result<Sets, CycleError> {
        let model = self.engine.model();
        let held = |examples: &[Example]| -> Result<Vec<Held>, CycleError> {
            examples.iter().map(|example| self.held(model, example)).collect()
        };
        let older = divided.older.iter().map(|week| held(week)).collect::<Result<_, _>>()?;
        Ok(Sets::new(held(&divided.fresh)?, older, self.rules.clone(), pool))
    }

    /// An example to judge with, under the prompt as it is deployed.
    fn held(&self, model: &Model, example: &Example) -> Result<Held, CycleError> {
        let mut messages = example.messages.clone();
        if let Some(deployed) = self.deployed
            && let Some(answer) = messages.pop()
        {
            messages = deployed(&messages);
            messages.push(answer);
        }
        Ok(Held::new(model, &messages, example.topic, example.digest())?)
    }

    fn recipe(&self, examples: usize) -> Recipe {
        let by_size = || super::recipe(self.engine.model(), examples, self.options.seed);
        self.options.recipe.clone().unwrap_or_else(by_size)
    }

    /// Trains from zero on everything, or goes on with it.
    fn train(
        &self,
        divided: &Divided,
        pool: &Pool,
        recipe: Recipe,
        turn: &mut dyn Turn,
        on_event: &mut dyn FnMut(Event<'_>),
    ) -> Result<(Ending, Adapter, Vec<f64>, f64), CycleError> {
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
        Ok((ending, outcome.adapter, losses, began.elapsed().as_secs_f64()))
    }

    /// An interrupted run of this model with these settings.
    fn unfinished(&self, recipe: &Recipe) -> Option<(Folder, train::RunInfo)> {
        let own = |info: &train::RunInfo| {
            info.learn && info.base.sha256 == self.base.sha256 && info.recipe == *recipe
        };
        Folder::unfinished(self.home).into_iter().find(|(_, info)| own(info))
    }

    fn judge(
        &self,
        sets: &Sets,
        (adapter, losses): (&Adapter, &[f64]),
        state: &State,
        turn: &mut dyn Turn,
        tried: &mut dyn FnMut(&Judgement),
    ) -> Result<(Judgement, Arc<Loaded>), CycleError> {
        let model = self.engine.model();
        let margins = self.options.margins.unwrap_or_else(|| Margins::of(model.info.parameters));
        let before = self.before()?;
        let mut judge = Judge { engine: self.engine, device: self.device.clone(), sets, turn };
        let candidate = Candidate { adapter, losses };
        Ok(rescue(&mut judge, &candidate, before.as_ref(), &state.evidence, &margins, tried)?)
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

    fn report(
        &self,
        divided: &Divided,
        judgement: &Judgement,
        tried: &[(f32, Decision)],
        (retried, losses): (bool, Vec<f64>),
        info: &train::RunInfo,
        (seconds, began): (f64, Instant),
    ) -> Report {
        let against = Library::open(self.home).and_then(|library| library.active(&self.base.sha256));
        let against = match against {
            Ok(Some(manifest)) if !self.options.anew => format!("the adapter {}", manifest.label()),
            _ => "the model alone".to_owned(),
        };
        let mut chats: Vec<String> = divided.train.iter().map(|e| e.chat.clone()).collect();
        chats.sort_unstable();
        chats.dedup();
        chats.retain(|chat| !chat.is_empty());
        let mut heaviest: Vec<&Example> = divided.train.iter().rev().collect();
        heaviest.sort_by(|a, b| b.weight.total_cmp(&a.weight));
        let question = |example: &&Example| {
            let asked = example.messages.iter().rev().find(|m| m.role == "user");
            asked.map_or_else(String::new, |m| shortened(&m.content))
        };
        let mut changes = judgement.changes.clone();
        changes.sort_by(|a, b| b.gain.total_cmp(&a.gain));
        Report {
            version: 1,
            decision: judgement.decision,
            because: because(judgement),
            model: self.base.name.clone(),
            against,
            scale: judgement.scale,
            retried,
            learned: divided.train.len(),
            held: divided.fresh.len() + divided.older.iter().map(Vec::len).sum::<usize>(),
            chats,
            from: heaviest.iter().take(8).map(question).collect(),
            data: info.data_sha256.clone(),
            seed: info.recipe.seed,
            checks: judgement.checks.clone(),
            tried: tried.to_vec(),
            evidence: judgement.evidence.clone(),
            changes,
            losses,
            seconds: (seconds, began.elapsed().as_secs_f64()),
        }
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

impl CycleError {
    pub(crate) fn io(what: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self + use<> {
        let path = path.to_path_buf();
        move |source| CycleError::Io { what, path, source }
    }
}

impl From<GenerateError> for CycleError {
    fn from(error: GenerateError) -> Self {
        match error {
            GenerateError::Stopped => CycleError::Stopped,
            error => CycleError::Generate(error),
        }
    }
}

impl From<ReplayError> for CycleError {
    fn from(error: ReplayError) -> Self {
        match error {
            ReplayError::Generate(GenerateError::Stopped) => CycleError::Stopped,
            error => CycleError::Replay(error),
        }
    }
}
