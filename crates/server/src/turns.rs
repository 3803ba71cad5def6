//! Turns of conversations, each on a thread of its own: they go on when the client goes, and can be heard again.

use crate::event_log::{EventLog, Logged};
use agent::keep::Keeper;
use agent::{Agent, Ask, Cancel, Listener, ToolCall, TurnEvent};
use serde::Serialize;
use std::collections::{HashMap, HashSet, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use store::Id;
use utoipa::ToSchema;

/// Conversations that are being answered at the same time at most.
const MOST: usize = 64;
/// Ended turns that can still be heard.
const KEPT: usize = 64;
/// How long a call waits for the user's consent.
const PATIENCE: Duration = Duration::from_secs(600);

/// The turns of a server.
#[derive(Default)]
pub(crate) struct Turns(Mutex<State>);

#[derive(Default)]
struct State {
    /// Conversations that are being answered.
    busy: HashSet<Id>,
    /// Whether this round of serving ends: a turn that began now would be unknown to the next one.
    closed: bool,
    /// The oldest first.
    turns: VecDeque<Arc<Turn>>,
}

/// One message and its answer.
pub(crate) struct Turn {
    /// Its name on this server.
    pub(crate) id: Id,
    /// The conversation.
    pub(crate) chat: Id,
    /// The message that is answered.
    pub(crate) question: Id,
    log: EventLog,
    cancel: Cancel,
    /// What the user said of calls that ask, by the call's id.
    consents: Mutex<HashMap<String, bool>>,
    answered: Condvar,
}

/// Why a conversation is not answered now.
pub(crate) enum NotStarted {
    /// It is being answered.
    Busy,
    /// Too many are.
    Full,
    /// The server ends, or starts again.
    Closed,
    /// What the system said.
    Thread(std::io::Error),
}

/// The right to answer a conversation; given back when it is dropped.
pub(crate) struct Place {
    turns: Arc<Turns>,
    chat: Id,
}

/// The first and the last event of a turn, which the agent does not know of.
#[derive(Debug, Serialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum Around {
    /// The turn has begun.
    Begun {
        /// The turn.
        turn: String,
        /// The conversation.
        chat: String,
        /// The message that is answered.
        question: String,
    },
    /// Everything is kept.
    Kept {
        /// The last message of the branch.
        message: String,
    },
}

impl Turns {
    /// Reserves a conversation for one turn, before its question is written down.
    pub(crate) fn reserve(self: &Arc<Self>, chat: Id) -> Result<Place, NotStarted> {
        let mut state = self.lock();
        if state.closed {
            return Err(NotStarted::Closed);
        }
        if state.busy.contains(&chat) {
            return Err(NotStarted::Busy);
        }
        if state.busy.len() >= MOST {
            return Err(NotStarted::Full);
        }
        state.busy.insert(chat);
        drop(state);
        Ok(Place { turns: Arc::clone(self), chat })
    }

    /// Starts to answer.
    pub(crate) fn start(
        place: Place,
        agent: Agent,
        ask: Ask,
        question: Id,
        keeper: Keeper,
    ) -> Result<Arc<Turn>, NotStarted> {
        let turn = Arc::new(Turn {
            id: Id::new(),
            chat: place.chat,
            question,
            log: EventLog::default(),
            cancel: Cancel::default(),
            consents: Mutex::default(),
            answered: Condvar::new(),
        });
        let turns = Arc::clone(&place.turns);
        let told = Arc::clone(&turn);
        let work = move || {
            told.run(&agent, &ask, keeper);
            drop(place); // before the end is heard, so that the next message is let in
            told.log.end();
        };
        std::thread::Builder::new().name("turn".into()).spawn(work).map_err(NotStarted::Thread)?;
        turns.remember(Arc::clone(&turn));
        Ok(turn)
    }

    /// A turn by its id.
    pub(crate) fn get(&self, id: Id) -> Option<Arc<Turn>> {
        self.lock().turns.iter().find(|turn| turn.id == id).cloned()
    }

    /// The turn that answers a conversation at this moment.
    pub(crate) fn of_chat(&self, chat: Id) -> Option<Arc<Turn>> {
        self.lock().turns.iter().find(|turn| turn.chat == chat && !turn.log.is_ended()).cloned()
    }

    /// Asks all turns to end, and lets none begin; what was said is kept.
    pub(crate) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        state.turns.iter().for_each(|turn| turn.stop());
    }

    fn remember(&self, turn: Arc<Turn>) {
        let mut state = self.lock();
        if state.closed {
            turn.stop();
        }
        state.turns.push_back(turn);
        while state.turns.len() > KEPT {
            let Some(oldest) = state.turns.iter().position(|turn| turn.log.is_ended()) else { break };
            state.turns.remove(oldest);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.turns.lock().busy.remove(&self.chat);
    }
}

impl Turn {
    /// Ends the turn soon; what was said is kept.
    pub(crate) fn stop(&self) {
        self.cancel.set();
        self.answered.notify_all();
    }

    /// Whether a call may run. The first word counts.
    pub(crate) fn consent(&self, call: &str, allow: bool) {
        self.consents().entry(call.to_owned()).or_insert(allow);
        self.answered.notify_all();
    }

    fn run(&self, agent: &Agent, ask: &Ask, mut keeper: Keeper) {
        let [turn, chat, question] = [self.id, self.chat, self.question].map(|id| id.to_string());
        self.log.put("begun", &Around::Begun { turn, chat, question });
        let answer =
            catch_unwind(AssertUnwindSafe(|| agent.answer(ask, &self.cancel, &mut keeper, &mut &*self)));
        if answer.is_err() {
            let message = "the turn failed inside hone; the server's log says more".to_owned();
            (&mut &*self).hear(TurnEvent::Failed { message });
        }
        self.log.put("kept", &Around::Kept { message: keeper.last().to_string() });
    }

    fn consents(&self) -> MutexGuard<'_, HashMap<String, bool>> {
        self.consents.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Logged for Turn {
    fn log(&self) -> &EventLog {
        &self.log
    }
}

impl Listener for &Turn {
    fn hear(&mut self, event: TurnEvent) {
        let data = serde_json::to_value(&event).expect("events are plain data");
        let name = data["type"].as_str().unwrap_or("event").to_owned();
        self.log.put(&name, &data);
    }

    fn allows(&mut self, call: &ToolCall) -> bool {
        let until = Instant::now() + PATIENCE;
        let mut consents = self.consents();
        loop {
            if self.cancel.is_set() {
                return false;
            }
            if let Some(&allow) = consents.get(&call.id) {
                return allow;
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            let waited = self.answered.wait_timeout(consents, left);
            consents = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}
