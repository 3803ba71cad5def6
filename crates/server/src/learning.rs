//! Learning from conversations beside the answers: what `hone learn` does, in the gaps between them.

use crate::adapters::Adapters;
use crate::brain::Brain;
use crate::train_log::Ended;
use crate::training::Session;
use agent::Agent;
use agent::model::LocalModel;
use engine::text::Message;
use engine::{Engine, Gaps, Model};
use learn::cycle::{Cycle, CycleError, Divided, Event, Example, Options, State, divide};
use learn::gate::Decision;
use learn::turn::Turn;
use learn::{export, train};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A cycle that was checked.
pub(crate) struct Learning {
    brain: Brain,
    divided: Divided,
    state: State,
}

/// Why there is nothing to start.
pub(crate) enum NotPrepared {
    /// Nothing is new since the last time, or nothing is there at all.
    Nothing,
    /// Something could not be read.
    Failed(String),
}

impl Learning {
    /// Reads what can be learned. `now` takes it also where nothing is new.
    pub(crate) fn prepare(
        brain: Brain,
        adapters: &Adapters,
        engine: &Engine,
        now: bool,
    ) -> Result<Learning, NotPrepared> {
        let (divided, state) = divided(&brain, adapters, engine.model())?;
        if divided.train.is_empty() || (divided.unlearned == 0 && !now) {
            return Err(NotPrepared::Nothing);
        }
        Ok(Learning { brain, divided, state })
    }

    /// Whether nothing of it could be promoted.
    pub(crate) fn too_few(&self) -> bool {
        self.divided.too_few(&taught(&self.brain))
    }

    /// The whole cycle, on its own thread.
    pub(crate) fn run(
        self,
        session: &Session,
        adapters: &Adapters,
        engine: &Arc<Engine>,
    ) -> Result<Ended, CycleError> {
        let Learning { brain, divided, state } = self;
        let rules = taught(&brain);
        let model = LocalModel::new(Arc::clone(engine), "base", None);
        let agent = brain.agent(Arc::new(model), brain.settings.clone());
        let deployed = |example: &Example| as_deployed(&brain, &agent, example);
        let home = &adapters.home;
        let cycle = Cycle {
            home: &home.folder,
            engine,
            device: engine::train::cpu(home.threads).map_err(train::TrainError::from)?,
            base: adapters.base(engine.model())?,
            model: std::path::absolute(&home.model).unwrap_or_else(|_| home.model.clone()),
            store: Some(&brain.store),
            deployed: Some(&deployed),
            rules,
            held_out: Vec::new(),
            options: Options::default(),
        };
        let mut turn = InGaps { gaps: engine.gaps(), stop: &session.stop };
        match cycle.run(&divided, state, &mut turn, &mut |event| tell(session, &event)) {
            Err(CycleError::Stopped) => Ok(Ended::Stopped),
            Err(error) => Err(error),
            Ok(outcome) => Ok(Ended::Decided {
                decision: outcome.decision,
                adapter: outcome.adapter.map(|manifest| manifest.id),
                because: outcome.report.because,
            }),
        }
    }
}

/// The rules that hold everywhere. Without them nothing is probed; the gate still judges all the rest.
fn taught(brain: &Brain) -> Vec<String> {
    brain.rules.applying("", None).unwrap_or_default().into_iter().map(|rule| rule.text).collect()
}

/// The examples of all conversations, divided into those to learn and those to judge with.
pub(crate) fn divided(
    brain: &Brain,
    adapters: &Adapters,
    model: &Arc<Model>,
) -> Result<(Divided, State), NotPrepared> {
    let failed = |error: &dyn std::fmt::Display| NotPrepared::Failed(error.to_string());
    let base = adapters.base(model).map_err(|error| failed(&error))?;
    let state = State::read(&adapters.home.folder, &base.sha256).map_err(|error| failed(&error))?;
    let export =
        export::collect(&brain.store, &crate::api::export::options()).map_err(|error| failed(&error))?;
    let divided = divide(export.kept().map(Example::from).collect(), &state);
    Ok((divided, state))
}

/// Turns in the gaps between answers.
struct InGaps<'a> {
    gaps: Gaps,
    stop: &'a AtomicBool,
}

impl Turn for InGaps<'_> {
    fn next(&mut self) -> bool {
        let stop = self.stop;
        self.gaps.next(&|| stop.load(Ordering::Relaxed));
        self.is_stopped()
    }

    fn leave(&mut self) {
        self.gaps.leave();
    }

    fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

fn tell(session: &Session, event: &Event<'_>) {
    match event {
        Event::Replay(done, all) => session.log.doing("replay", *done, *all),
        Event::Remark(remark) => session.log.remark(remark),
        Event::Begun(_, plan, done) => session.log.plan((*plan).clone(), *done),
        Event::Train(event) => session.log.event(event),
        Event::Judging => session.log.doing("judging", 0, 0),
        Event::Judged(judgement) => {
            let decision = match judgement.decision {
                Decision::Promote => "better, and worse in nothing",
                Decision::Hold => "it cannot be told yet",
                Decision::Reject => "not good enough",
            };
            let share = 100.0 * judgement.scale;
            session.log.remark(&format!("with {share:.0} % of the change: {decision}"));
        }
        Event::Retry(again) => session.log.remark(&format!("once more, {again}")),
    }
}

/// The prompt before an answer as its conversation would have it today.
fn as_deployed(brain: &Brain, agent: &Agent, example: &Example) -> Vec<Message> {
    let chat = example.chat.parse().ok().and_then(|chat| brain.store.chats().get(chat).ok());
    let project = chat.and_then(|chat| chat.project).map(PathBuf::from);
    agent.prompt(example.before(), project).unwrap_or_else(|error| {
        tracing::warn!("an example is judged without rules and passages: {error}");
        example.before().to_vec()
    })
}
