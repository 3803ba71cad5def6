//! The prompt that an old question would have today, for those who judge what a model says to it.

use crate::agent::{Agent, Ask, RecordError, Recorder, WebUse};
use crate::context::{Context, TooLong};
use crate::event::{Step, TurnEvent};
use crate::model::{Cancel, Message, Role, local};
use crate::seam::{Intent, Judgement};
use crate::turn::Turn;
use std::collections::HashSet;
use std::path::PathBuf;
use store::Provenance;

impl Agent {
    /// What the model would be given today for the last of `messages`: instructions, the rules that hold for it, passages
    /// of the indexed folders, what was said before, and the question. System messages among `messages` are not taken
    /// over, the web is not asked, and no tools are offered.
    pub fn prompt(
        &self,
        messages: &[engine::text::Message],
        project: Option<PathBuf>,
    ) -> Result<Vec<engine::text::Message>, TooLong> {
        let Some((question, before)) = messages.split_last() else { return Ok(Vec::new()) };
        let said = before.iter().filter_map(|message| match message.role.as_str() {
            "user" => Some(Message::new(Role::User, Provenance::User, &*message.content)),
            "assistant" => Some(Message::new(Role::Assistant, Provenance::Model, &*message.content)),
            _ => None,
        });
        let (text, history) = (question.content.clone(), said.collect());
        let ask = Ask { text, history, project, web: WebUse::Off, ..Ask::default() };
        let mut turn = Turn {
            agent: self,
            ask: &ask,
            cancel: &Cancel::default(),
            recorder: &mut Nowhere,
            listener: &mut |_: TurnEvent| {},
            addresses: HashSet::new(),
            opening: Vec::new(),
        };
        let judgement = Judgement { intent: Intent::Chat, ..turn.judge() };
        let context = Context::build(turn.gather(&judgement), &*self.model)?;
        Ok(context.messages().iter().map(local::written).collect())
    }
}

/// Nothing of this is a conversation.
struct Nowhere;

impl Recorder for Nowhere {
    fn record(&mut self, _: Step) -> Result<(), RecordError> {
        Ok(())
    }
}
