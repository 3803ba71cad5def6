//! An answer that is saved in steps while it is generated.

use super::{NewMessage, State, check_length, get, insert};
use crate::chats::object;
use crate::{Id, Message, Provenance, Span, Store, StoreError, Time};
use rusqlite::{Connection, OptionalExtension, params};
use serde_json::Value;
use std::time::{Duration, Instant};

/// A message in the making. What was added is on the disk after half a second, and all of it after `finish`; when
/// the process is killed, what is on the disk stays and is marked as interrupted.
pub struct Answer {
    store: Store,
    id: Id,
    chat: Id,
    length: usize,
    /// Added since the last step.
    waiting: Vec<Span>,
    saved: Instant,
    finished: bool,
}

/// How much may be lost: by time, and by length in bytes.
const STEP: (Duration, usize) = (Duration::from_millis(500), 4096);

impl Answer {
    pub(super) fn begin(store: &Store, chat: Id, new: NewMessage) -> Result<Answer, StoreError> {
        let owner = store.inner.session.owner()?;
        let length = new.spans.iter().map(|span| span.text.len()).sum();
        let id = store.write(move |connection| Ok(insert(connection, chat, new, Some(&owner))?.id))?;
        let (store, saved) = (store.clone(), Instant::now());
        Ok(Answer { store, id, chat, length, waiting: Vec::new(), saved, finished: false })
    }

    /// Its name in the store.
    pub fn id(&self) -> Id {
        self.id
    }

    /// The conversation.
    pub fn chat(&self) -> Id {
        self.chat
    }

    /// Adds what the model has generated; saves it where it is time for that.
    pub fn add(&mut self, text: &str) -> Result<(), StoreError> {
        self.add_span(Span::new(text, Provenance::Model))
    }

    /// Adds a piece of any origin.
    pub fn add_span(&mut self, span: Span) -> Result<(), StoreError> {
        self.length += span.text.len();
        check_length(self.length)?;
        match self.waiting.last_mut() {
            Some(last) if last.provenance == span.provenance && last.source == span.source => {
                last.text += &span.text;
            }
            _ => self.waiting.push(span),
        }
        let bytes: usize = self.waiting.iter().map(|span| span.text.len()).sum();
        if bytes >= STEP.1 || self.saved.elapsed() >= STEP.0 { self.save(None) } else { Ok(()) }
    }

    /// Saves what was added, and the metadata where there is some: each step of an agent, for example. After an error
    /// the text is still waiting, and the next step tries again.
    pub fn save(&mut self, meta: Option<Value>) -> Result<(), StoreError> {
        let (id, spans) = (self.id, self.waiting.clone());
        self.saved = Instant::now();
        self.store.write(move |connection| step(connection, id, &spans, meta, State::Streaming))?;
        self.waiting.clear();
        Ok(())
    }

    /// Ends it. `None` leaves the metadata of the last step.
    pub fn finish(mut self, state: State, meta: Option<Value>) -> Result<Message, StoreError> {
        if state == State::Streaming {
            return Err(StoreError::Invalid("an answer does not end as `streaming`".into()));
        }
        // After an error they are still there for `drop`, which tries once more.
        let (id, spans) = (self.id, self.waiting.clone());
        let message = self.store.write(move |connection| {
            step(connection, id, &spans, meta, state)?;
            get(connection, id)
        })?;
        self.finished = true;
        Ok(message)
    }
}

impl Drop for Answer {
    /// An answer that nobody finishes has failed on the way.
    fn drop(&mut self) {
        if !self.finished {
            let (id, spans) = (self.id, std::mem::take(&mut self.waiting));
            let ended =
                self.store.write(move |connection| step(connection, id, &spans, None, State::Interrupted));
            if let Err(error) = ended {
                tracing::warn!("an answer stays unfinished: {error}");
            }
        }
    }
}

/// Appends to a message that is still being generated.
fn step(
    connection: &Connection,
    id: Id,
    spans: &[Span],
    meta: Option<Value>,
    state: State,
) -> Result<(), StoreError> {
    let sql = "SELECT seq FROM messages WHERE id = ?1 AND state = 'streaming'";
    let seq: Option<i64> = connection.prepare_cached(sql)?.query_row([id], |row| row.get(0)).optional()?;
    let seq = seq.ok_or_else(|| StoreError::not_found("unfinished message", id))?;
    let text = crate::spans::joined(spans);
    let meta = meta.map(object).transpose()?;
    let owner = if state == State::Streaming { "owner" } else { "NULL" };
    let sql = format!(
        "UPDATE messages SET text = text || ?2, meta = coalesce(?3, meta), state = ?4, updated = ?5, owner = {owner}
         WHERE seq = ?1"
    );
    connection.prepare_cached(&sql)?.execute(params![seq, text, meta, state, Time::now()])?;
    add_spans(connection, seq, spans)
}

/// The first piece makes the last one longer where it is of the same origin.
fn add_spans(connection: &Connection, seq: i64, mut spans: &[Span]) -> Result<(), StoreError> {
    let sql =
        "SELECT position, provenance, source FROM spans WHERE message = ?1 ORDER BY position DESC LIMIT 1";
    let last = connection
        .prepare_cached(sql)?
        .query_row([seq], |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, Provenance>(1)?, row.get::<_, Option<String>>(2)?))
        })
        .optional()?;
    let mut position = 0;
    if let Some((at, provenance, source)) = last {
        position = at + 1;
        if let Some((first, rest)) = spans.split_first()
            && (first.provenance, &first.source) == (provenance, &source)
        {
            let sql = "UPDATE spans SET bytes = bytes + ?3 WHERE message = ?1 AND position = ?2";
            connection.prepare_cached(sql)?.execute(params![seq, at, first.text.len()])?;
            spans = rest;
        }
    }
    crate::spans::insert(connection, seq, position, spans)
}
