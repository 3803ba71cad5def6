//! Keeps a conversation while it happens.

use super::answer::Answer;
use anyhow::Context;
use engine::FinishReason;
use serde_json::json;
use store::{ChatChange, Id, NewChat, NewMessage, Place, Provenance, Span, State, Store};

/// A conversation in the store. It begins with the first question.
pub(super) struct Record {
    store: Store,
    chat: Option<Id>,
    /// The last message that the conversation goes on from.
    last: Option<Id>,
    answer: Option<store::Answer>,
}

impl Record {
    pub(super) fn new(store: Store) -> Record {
        Record { store, chat: None, last: None, answer: None }
    }

    /// Saves the question, and begins the answer. When this returns, the question is on the disk.
    pub(super) fn question(&mut self, text: &str, model: &str, adapter: Option<&str>) -> anyhow::Result<()> {
        let failed = || "the message is not saved, so it is not answered (--no-save answers without saving)";
        let chat = match self.chat {
            Some(chat) => chat,
            None => {
                let project = crate::commands::rules::project()?;
                let project = project.map(|folder| folder.to_string_lossy().into_owned());
                let new = NewChat { project, ..NewChat::default() };
                self.store.chats().create(new).with_context(failed)?.id
            }
        };
        self.chat = Some(chat);
        // After a failed answer its question has a sibling.
        let place = self.last.map_or(Place::Start, Place::After);
        self.store.messages().append(chat, NewMessage::user(text).at(place)).with_context(failed)?;
        let (model, adapter) = (model.to_owned(), adapter.map(String::from));
        let change = ChatChange {
            model: Some(Some(model.clone())),
            adapter: Some(adapter.clone()),
            ..ChatChange::default()
        };
        self.store.chats().change(chat, change).with_context(failed)?;
        let begun = NewMessage { spans: Vec::new(), ..NewMessage::assistant("") };
        let begun = begun.with_meta(json!({ "model": model, "adapter": adapter }));
        self.answer = Some(self.store.messages().begin(chat, begun).with_context(failed)?);
        Ok(())
    }

    /// Saves a piece of the answer.
    pub(super) fn piece(&mut self, text: &str) {
        // It is tried again with the next piece, and told at the end.
        if let Some(answer) = &mut self.answer
            && let Err(error) = answer.add(text)
        {
            tracing::debug!("not saved yet: {error}");
        }
    }

    /// Saves an answer that hone itself gives, whole.
    pub(super) fn said(&mut self, text: &str) -> anyhow::Result<()> {
        let Some(mut saved) = self.answer.take() else { return Ok(()) };
        saved.add_span(Span::new(text, Provenance::Tool))?;
        self.last = Some(saved.finish(State::Complete, None).context("the answer is not saved")?.id);
        Ok(())
    }

    /// Saves the end of the answer.
    pub(super) fn finished(
        &mut self,
        result: &anyhow::Result<Answer>,
        model: &str,
        rules: &[String],
    ) -> anyhow::Result<()> {
        let Some(saved) = self.answer.take() else { return Ok(()) };
        let (state, meta) = match result {
            Ok(answer) => {
                let state = match answer.reason {
                    FinishReason::Cancelled => State::Stopped,
                    _ => State::Complete,
                };
                let ms = |d: std::time::Duration| d.as_secs_f64() * 1e3;
                let timings = json!({
                    "prefill_ms": ms(answer.timings.prefill), "decode_ms": ms(answer.timings.decode),
                    "prompt_tokens": answer.usage.prompt_tokens, "completion_tokens": answer.usage.completion_tokens,
                });
                (state, json!({ "model": model, "timings": timings, "rules": rules }))
            }
            Err(error) => (State::Failed, json!({ "model": model, "error": format!("{error:#}") })),
        };
        let message = saved.finish(state, Some(meta)).context("the end of the answer is not saved")?;
        if result.is_ok() {
            self.last = Some(message.id);
        }
        Ok(())
    }

    /// The next question begins another conversation.
    pub(super) fn reset(&mut self) {
        (self.chat, self.last) = (None, None);
    }
}
