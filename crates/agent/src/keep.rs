//! Turns in the store: each step is kept as it happens, and what was kept is the history of the next turn.

use crate::agent::{RecordError, Recorder};
use crate::event::Step;
use crate::model::{Finish, Message, Role, ToolCall};
use serde_json::{Map, Value, json};
use store::{Id, NewMessage, Place, Span, State, Store, StoreError};

/// Keeps the steps of one turn, from the user's message on.
///
/// An answer is a message that grows while it is made; a call's result is a message of its own. What stands beside the
/// text (intent, rules, sources, timings) is the metadata of the answer that it belongs to.
pub struct Keeper {
    store: Store,
    chat: Id,
    /// The message that the next one follows.
    last: Id,
    answer: Option<store::Answer>,
    /// Bytes of the answer that the store has.
    added: usize,
    meta: Map<String, Value>,
}

impl Keeper {
    /// Keeps what follows the message `after` of a conversation.
    pub fn new(store: Store, chat: Id, after: Id) -> Keeper {
        Keeper { store, chat, last: after, answer: None, added: 0, meta: Map::new() }
    }

    /// The last message that was begun.
    pub fn last(&self) -> Id {
        self.last
    }

    fn keep(&mut self, step: Step) -> Result<(), StoreError> {
        match step {
            Step::Gathered { judgement, rules, sources, left_out, offered } => {
                self.note(
                    json!({"intent": judgement, "rules": rules, "sources": sources, "left_out": left_out}),
                );
                if !offered.is_empty() {
                    self.note(json!({"offered": offered}));
                }
                self.begin()
            }
            Step::Remembered { remembered, message } => {
                self.note(json!({"remembered": remembered}));
                self.grow(&message)?;
                self.end(State::Complete)
            }
            Step::Partial { message } => self.grow(&message),
            Step::Said { message, model, finish, usage, timings } => {
                self.grow(&message)?;
                self.note(json!({"model": model, "finish": finish, "usage": usage, "timings": timings}));
                if !message.calls.is_empty() {
                    self.note(json!({"calls": message.calls}));
                }
                self.end(if finish == Finish::Cancelled { State::Stopped } else { State::Complete })
            }
            Step::Returned { message, ok, sources } => {
                let meta = json!({"call_id": message.call_id, "ok": ok, "sources": sources});
                let result = NewMessage::new(Role::Tool, message.spans).at(Place::After(self.last));
                self.last = self.store.messages().append(self.chat, result.with_meta(meta))?.id;
                Ok(())
            }
            Step::Failed { message } => {
                self.note(json!({"error": message}));
                if self.answer.is_none() {
                    self.begin()?;
                }
                self.end(State::Failed)
            }
        }
    }

    fn note(&mut self, more: Value) {
        if let Value::Object(more) = more {
            self.meta.extend(more);
        }
    }

    /// Begins the next answer; what is known of it already goes to the disk with it.
    fn begin(&mut self) -> Result<(), StoreError> {
        let new = NewMessage::new(Role::Assistant, Vec::new())
            .at(Place::After(self.last))
            .with_meta(Value::Object(self.meta.clone()));
        let answer = self.store.messages().begin(self.chat, new)?;
        (self.last, self.added, self.answer) = (answer.id(), 0, Some(answer));
        Ok(())
    }

    /// Adds what a longer version of the answer has more.
    fn grow(&mut self, message: &Message) -> Result<(), StoreError> {
        if self.answer.is_none() {
            self.begin()?;
        }
        let Some(answer) = &mut self.answer else { return Ok(()) };
        let mut known = self.added;
        for Span { text, provenance, .. } in &message.spans {
            let skip = known.min(text.len());
            known -= skip;
            if skip < text.len() {
                answer.add_span(Span::new(&text[skip..], *provenance))?;
                self.added += text.len() - skip;
            }
        }
        Ok(())
    }

    fn end(&mut self, state: State) -> Result<(), StoreError> {
        let meta = Value::Object(std::mem::take(&mut self.meta));
        match self.answer.take() {
            Some(answer) => answer.finish(state, Some(meta)).map(drop),
            None => Ok(()),
        }
    }
}

impl Recorder for Keeper {
    fn record(&mut self, step: Step) -> Result<(), RecordError> {
        self.keep(step).map_err(|error| RecordError(error.to_string()))
    }
}

/// The messages of a branch as a model is shown them: what failed without a word is left out, and so are calls and
/// results that lost their counterpart.
pub fn history(branch: &[store::Message]) -> Vec<Message> {
    let mut messages: Vec<Message> = Vec::new();
    let mut open: Vec<String> = Vec::new();
    for message in branch {
        let role = message.role;
        let spans = message.spans.clone();
        let calls: Vec<ToolCall> = serde_json::from_value(message.meta["calls"].clone()).unwrap_or_default();
        let call_id = message.meta["call_id"].as_str().map(str::to_owned);
        let answered = match (role, &call_id) {
            (Role::Tool, Some(id)) => {
                open.iter().position(|call| call == id).map(|at| open.remove(at)).is_some()
            }
            (Role::Tool, None) => false,
            _ => !message.spans.is_empty() || !calls.is_empty(),
        };
        if answered {
            open.extend(calls.iter().map(|call| call.id.clone()));
            messages.push(Message { role, spans, calls, call_id });
        }
    }
    messages.iter_mut().for_each(|message| message.calls.retain(|call| !open.contains(&call.id)));
    messages.retain(|message| !message.spans.is_empty() || !message.calls.is_empty());
    messages
}
