//! The prompt before an answer as it is deployed: what a candidate is judged with.

use crate::config::App;
use crate::{brain, intent, knowing};
use agent::Agent;
use agent::model::LocalModel;
use engine::Engine;
use engine::text::Message;
use learn::cycle::Example;
use std::path::PathBuf;
use std::sync::Arc;
use store::Store;

/// How answers are prompted on this machine.
pub(super) struct Deployed<'a> {
    app: &'a App,
    store: &'a Store,
    /// Where folders are indexed: it finds passages, as it does for conversations.
    agent: Option<Agent>,
}

impl<'a> Deployed<'a> {
    pub(super) fn open(app: &'a App, store: &'a Store, engine: &Arc<Engine>) -> anyhow::Result<Deployed<'a>> {
        if knowing::open(app)?.roots()?.is_empty() {
            return Ok(Deployed { app, store, agent: None });
        }
        let (brain, _) = brain::open(app, true)?;
        match intent::classifier(app, store) {
            Ok(classifier) => brain.judging.judge_with(classifier),
            Err(error) => tracing::debug!("messages are not judged: {error:#}"),
        }
        let agent = Agent {
            model: Arc::new(LocalModel::new(engine.clone(), "base", None)),
            judge: brain.judge,
            knowledge: brain.knowledge,
            rules: brain.rules,
            web: brain.web,
            settings: brain.settings,
        };
        Ok(Deployed { app, store, agent: Some(agent) })
    }

    /// What stands before an example's answer: the instruction of the settings and the taught rules; where folders are
    /// indexed also passages of them.
    pub(super) fn before(&self, example: &Example) -> Vec<Message> {
        let Some(agent) = &self.agent else { return self.with_rules(example.before()) };
        let chat = example.chat.parse().ok().and_then(|chat| self.store.chats().get(chat).ok());
        let project = chat.and_then(|chat| chat.project).map(PathBuf::from);
        agent.prompt(example.before(), project).unwrap_or_else(|error| {
            tracing::warn!("an example is judged without passages: {error}");
            self.with_rules(example.before())
        })
    }

    fn with_rules(&self, messages: &[Message]) -> Vec<Message> {
        let question = messages.iter().rev().find(|m| m.role == "user").map_or("", |m| &m.content);
        let files = knowledge::rules::files_named(question);
        let rules = knowledge::rules::applying(self.store, None, &files).unwrap_or_default();
        let texts: Vec<&str> = rules.iter().map(|rule| &*rule.text).collect();
        let system = self.app.config.system.as_deref();
        let text = match (texts.is_empty(), system) {
            (true, None) => return messages.to_vec(),
            (true, Some(system)) => system.to_owned(),
            (false, system) => {
                let default = agent::Settings::default().system;
                agent::context::instructions(system.unwrap_or(&default), &texts)
            }
        };
        let rest = messages.iter().filter(|message| message.role != "system").cloned();
        std::iter::once(Message { role: "system".into(), content: text }).chain(rest).collect()
    }
}
