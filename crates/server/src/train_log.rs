//! Where a training run is, and what it has said so far.

use crate::event_log::EventLog;
use learn::gate::Decision;
use learn::train::{Event, Metric, Plan};
use serde::Serialize;
use std::sync::{Mutex, MutexGuard, PoisonError};
use utoipa::ToSchema;

/// The log of one run.
#[derive(Default)]
pub(crate) struct Log {
    standing: Mutex<Standing>,
    pub(crate) events: EventLog,
}

/// How far a run is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Phase {
    /// The examples are being read.
    #[default]
    Preparing,
    /// It learns, in the gaps between answers.
    Running,
    /// It was asked to stop and writes a checkpoint.
    Stopping,
    /// It was stopped and can be resumed.
    Stopped,
    /// The adapter is there, or it was decided that there is none.
    Done,
    /// It failed; what was saved is kept.
    Failed,
}

impl Phase {
    fn is_ended(self) -> bool {
        matches!(self, Phase::Stopped | Phase::Done | Phase::Failed)
    }
}

/// How a run ended.
pub(crate) enum Ended {
    /// With this adapter, by id.
    Done(String),
    /// A cycle of learning, with a decision.
    Decided {
        /// What was decided.
        decision: Decision,
        /// Id of the adapter that was promoted.
        adapter: Option<String>,
        /// Why, in one sentence.
        because: String,
    },
    /// Before its end.
    Stopped,
    /// With this reason.
    Failed(String),
}

/// Where a run is.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
pub(crate) struct Standing {
    /// How far it is.
    pub(crate) state: Phase,
    /// What it will take, once it is known.
    pub(crate) plan: Option<TrainPlan>,
    /// Updates that are done.
    pub(crate) step: u64,
    /// Share of the next step that is done.
    pub(crate) step_share: f64,
    /// What a cycle of learning does beside training.
    pub(crate) doing: Option<LearnDoing>,
    /// What was measured last.
    pub(crate) last: Option<TrainStep>,
    /// Id of the adapter, when it is done.
    pub(crate) adapter: Option<String>,
    /// Why it failed.
    pub(crate) error: Option<String>,
}

/// What a run will take.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct TrainPlan {
    /// Examples to learn from.
    examples: usize,
    /// Examples to validate with.
    valid_examples: usize,
    /// Tokens of one epoch.
    tokens: usize,
    /// Of those, learned.
    targets: usize,
    /// Examples of a step.
    step_examples: usize,
    /// Updates of the adapter.
    steps: u64,
    /// Updates that were done before, where it goes on.
    done: u64,
    /// Peak learning rate.
    learning_rate: f32,
    /// Values that are trained.
    parameters: usize,
    /// Bytes at the peak, about.
    memory_bytes: u64,
    /// Seconds, about, where nobody chats meanwhile.
    seconds: Option<f64>,
}

/// What a cycle of learning does beside training.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct LearnDoing {
    /// `replay`: the model answers general prompts, so that it stays what it is. `judging`: the candidate is measured.
    what: &'static str,
    /// So many are done.
    done: usize,
    /// Of so many; 0 where that is not known.
    all: usize,
}

/// What was measured at one step.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct TrainStep {
    /// Updates that are done with this one.
    step: u64,
    /// Mean loss of the step's targets, in nats.
    loss: Option<f64>,
    /// Mean loss over the validation examples, where it was measured.
    valid_loss: Option<f64>,
    /// Learning rate.
    learning_rate: f32,
    /// Norm of the gradient before clipping.
    norm: f64,
    /// Tokens of the step in a second, waiting for answers included.
    tokens_per_second: f64,
    /// Seconds that the rest will take, about.
    seconds_left: f64,
}

/// News of a run; the name of the event says which.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub(crate) enum TrainEvent {
    /// `plan`: what it will take.
    Plan(TrainPlan),
    /// `step`: what was measured.
    Step(TrainStep),
    /// `saved`: a checkpoint is on disk.
    Saved {
        /// Updates in it.
        step: u64,
    },
    /// `done`: the adapter is in the library.
    Done {
        /// Its id.
        adapter: String,
    },
    /// `decided`: a cycle of learning has ended.
    Decided {
        /// `promote`, `hold` or `reject`.
        #[schema(value_type = String)]
        decision: Decision,
        /// Id of the adapter that was promoted.
        adapter: Option<String>,
        /// Why, in one sentence.
        because: String,
    },
    /// `doing`: what a cycle of learning does beside training.
    Doing(LearnDoing),
    /// `remark` or `failed`: something to know about the examples, or why it ended.
    Text {
        /// For people.
        message: String,
    },
    /// `stopped`: it can be resumed.
    Stopped {},
}

impl Log {
    /// Where the run is.
    pub(crate) fn standing(&self) -> Standing {
        self.lock().clone()
    }

    /// Whether it is over.
    pub(crate) fn is_ended(&self) -> bool {
        self.lock().state.is_ended()
    }

    pub(crate) fn remark(&self, text: &str) {
        self.put("remark", TrainEvent::Text { message: text.to_owned() }, |_| {});
    }

    /// What a cycle of learning does beside training.
    pub(crate) fn doing(&self, what: &'static str, done: usize, all: usize) {
        let doing = LearnDoing { what, done, all };
        self.put("doing", TrainEvent::Doing(doing.clone()), |standing| standing.doing = Some(doing));
    }

    pub(crate) fn stopping(&self) {
        let state = &mut self.lock().state;
        if matches!(state, Phase::Preparing | Phase::Running) {
            *state = Phase::Stopping;
        }
    }

    /// The run begins to learn, after `done` steps.
    pub(crate) fn plan(&self, plan: Plan, done: u64) {
        let plan = TrainPlan {
            examples: plan.examples,
            valid_examples: plan.valid_examples,
            tokens: plan.tokens,
            targets: plan.targets,
            step_examples: plan.step_examples,
            steps: plan.steps,
            done,
            learning_rate: plan.learning_rate,
            parameters: plan.parameters,
            memory_bytes: plan.memory_bytes,
            seconds: plan.seconds,
        };
        self.put("plan", TrainEvent::Plan(plan.clone()), |standing| {
            (standing.plan, standing.step, standing.doing) = (Some(plan), done, None);
            if standing.state == Phase::Preparing {
                standing.state = Phase::Running;
            }
        });
    }

    pub(crate) fn event(&self, event: &Event<'_>) {
        match event {
            Event::Pack { rows: (done, all), .. } => {
                self.lock().step_share = *done as f64 / (*all).max(1) as f64;
            }
            Event::Step { metric, tokens_per_second, seconds_left } => {
                let step = TrainStep::new(metric, *tokens_per_second, *seconds_left);
                self.put("step", TrainEvent::Step(step.clone()), |standing| {
                    (standing.step, standing.step_share, standing.last) = (step.step, 0.0, Some(step));
                });
            }
            Event::Writing => {}
            Event::Saved => {
                let step = self.lock().step;
                self.put("saved", TrainEvent::Saved { step }, |_| {});
            }
        }
    }

    pub(crate) fn end(&self, ended: Ended) {
        match ended {
            Ended::Stopped => {
                self.put("stopped", TrainEvent::Stopped {}, |standing| standing.state = Phase::Stopped);
            }
            Ended::Done(adapter) => {
                self.put("done", TrainEvent::Done { adapter: adapter.clone() }, |standing| {
                    (standing.state, standing.adapter) = (Phase::Done, Some(adapter));
                });
            }
            Ended::Decided { decision, adapter, because } => {
                let event = TrainEvent::Decided { decision, adapter: adapter.clone(), because };
                self.put("decided", event, |standing| {
                    (standing.state, standing.adapter) = (Phase::Done, adapter);
                });
            }
            Ended::Failed(message) => {
                tracing::warn!("training failed: {message}");
                self.put("failed", TrainEvent::Text { message: message.clone() }, |standing| {
                    (standing.state, standing.error) = (Phase::Failed, Some(message));
                });
            }
        }
    }

    fn put(&self, name: &str, event: TrainEvent, change: impl FnOnce(&mut Standing)) {
        let mut standing = self.lock();
        change(&mut standing);
        // Under the lock, so that events stand in the order of what they tell.
        self.events.put(name, &event);
        if standing.state.is_ended() {
            self.events.end();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Standing> {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl TrainStep {
    fn new(metric: &Metric, tokens_per_second: f64, seconds_left: f64) -> TrainStep {
        let Metric { step, loss, valid_loss, learning_rate, norm, .. } = *metric;
        TrainStep { step, loss, valid_loss, learning_rate, norm, tokens_per_second, seconds_left }
    }
}
