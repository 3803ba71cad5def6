//! What has happened so far, for those who listen. A listener that comes late, or comes back, hears everything from the
//! beginning or from where it was.

use crate::sse;
use axum::body::Bytes;
use axum::http::HeaderMap;
use axum::response::Response;
use futures_util::stream::unfold;
use serde::Serialize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;
use tokio::time::timeout;

/// Events, as they are sent.
pub(crate) struct EventLog {
    state: Mutex<State>,
    /// Changes with every event and with the end.
    news: watch::Sender<()>,
}

#[derive(Default)]
struct State {
    events: Vec<Bytes>,
    ended: bool,
}

impl Default for EventLog {
    fn default() -> EventLog {
        EventLog { state: Mutex::default(), news: watch::Sender::new(()) }
    }
}

impl EventLog {
    /// Adds an event.
    pub(crate) fn put(&self, name: &str, data: &impl Serialize) {
        let mut state = self.lock();
        let id = state.events.len();
        state.events.push(sse::numbered(id, name, data).into());
        drop(state);
        self.news.send_replace(());
    }

    /// No more events will come.
    pub(crate) fn end(&self) {
        self.lock().ended = true;
        self.news.send_replace(());
    }

    /// Whether no more events will come.
    pub(crate) fn is_ended(&self) -> bool {
        self.lock().ended
    }

    /// The events from number `from` on, and whether they are all that will come.
    fn since(&self, from: usize) -> (Vec<Bytes>, bool) {
        let state = self.lock();
        (state.events.iter().skip(from).cloned().collect(), state.ended)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whatever has a log.
pub(crate) trait Logged: Send + Sync + 'static {
    /// Its log.
    fn log(&self) -> &EventLog;
}

/// Sends the events of a log, to a client with `Last-Event-ID` those that it has not heard.
pub(crate) fn respond(of: Arc<impl Logged>, headers: &HeaderMap) -> Response {
    let heard = headers.get("last-event-id").and_then(|id| id.to_str().ok()?.parse::<usize>().ok());
    let next = heard.map_or(0, |id| id.saturating_add(1));
    let news = of.log().news.subscribe();
    let events = unfold((of, news, next, false), async |(of, mut news, next, over)| {
        if over {
            return None;
        }
        loop {
            news.mark_unchanged();
            let (events, ended) = of.log().since(next);
            if !events.is_empty() || ended {
                let next = next + events.len();
                return Some((events.concat().into(), (of, news, next, ended)));
            }
            if timeout(sse::KEEP_ALIVE, news.changed()).await.is_err() {
                return Some((sse::WAITING, (of, news, next, false)));
            }
        }
    });
    sse::respond(events)
}
