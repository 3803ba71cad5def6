//! One answer, streamed, that Ctrl-C can stop.

use crate::interrupt;
use anyhow::bail;
use engine::text::Message;
use engine::{Engine, Event, FinishReason, Request, Timings, Usage};
use std::io;
use std::sync::mpsc;

use super::Setting;

/// A complete answer.
pub(super) struct Answer {
    pub(super) text: String,
    pub(super) reason: FinishReason,
    pub(super) usage: Usage,
    pub(super) timings: Timings,
}

enum Heard {
    Event(Event),
    CtrlC,
}

/// Continues `messages`, handing each piece of text to `show` as it comes.
pub(super) fn answer(
    engine: &Engine,
    messages: &[Message],
    setting: &Setting,
    mut show: impl FnMut(&str) -> io::Result<()>,
) -> anyhow::Result<Answer> {
    let request = Request {
        prompt: engine.model().chat_prompt(&setting.with_system(messages))?,
        max_tokens: setting.max_tokens,
        sampling: setting.sampling.clone(),
        adapter: setting.adapter.clone(),
        ..Request::default()
    };
    let (events, heard) = mpsc::channel();
    let ctrl_c = events.clone();
    // Neither send can matter to the sender once this function has returned.
    let _guard = interrupt::listen(move || drop(ctrl_c.send(Heard::CtrlC)));
    let ticket = engine.submit(request, move |event| drop(events.send(Heard::Event(event))))?;

    let mut whole = String::new();
    for heard in heard {
        match heard {
            Heard::CtrlC => ticket.cancel(),
            Heard::Event(Event::Prefill { .. }) => {}
            Heard::Event(Event::Token { text, .. }) => {
                show(&text)?;
                whole += &text;
            }
            Heard::Event(Event::Done { text, reason, usage, timings }) => {
                show(&text)?;
                whole += &text;
                return Ok(Answer { text: whole, reason, usage, timings });
            }
            Heard::Event(Event::Failed(why)) => bail!("the answer failed: {why}"),
        }
    }
    bail!("the engine has stopped")
}
