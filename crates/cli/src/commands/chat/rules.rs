//! What hone was taught, in a conversation at the terminal: the rules that go into the prompt, and those that come out of
//! it.

use crate::config::App;
use crate::output::harmless;
use agent::seam::{self, Rules as _};
use agent::taught::{Taught, answer, taught};
use anyhow::{Context, bail};
use engine::Engine;
use engine::text::Special;
use knowledge::rules::{Applying, applying, files_named};
use std::path::PathBuf;
use store::{Rule, Store};

/// Percent of the context that rules may take.
const SHARE: usize = 15;

/// The rules of the store and of the project that the terminal is in.
pub(super) struct Rules {
    store: Store,
    project: Option<PathBuf>,
    /// Drafts that the last message has led to.
    offered: Vec<String>,
}

/// The rules for one question.
#[derive(Default)]
pub(super) struct Chosen {
    /// What stands in the prompt; empty where there are none.
    pub(super) text: String,
    /// Their ids, or the files that they are from.
    pub(super) ids: Vec<String>,
    /// Which they are, and for how many there was no room; for people.
    pub(super) note: Option<String>,
}

impl Rules {
    pub(super) fn open(app: &App) -> anyhow::Result<Rules> {
        Ok(Rules { store: app.store()?, project: crate::commands::rules::project()?, offered: Vec::new() })
    }

    /// The rules that hold for a question, as far as they fit; the most important come first.
    pub(super) fn choose(&self, question: &str, engine: &Engine) -> anyhow::Result<Chosen> {
        let mut free = engine.context() * SHARE / 100;
        let (mut chosen, mut left_out) = (Chosen::default(), 0);
        for Applying { id, text, .. } in
            applying(&self.store, self.project.as_deref(), &files_named(question))?
        {
            let line = format!("- {text}\n");
            let tokens =
                engine.model().tokenizer.encode(&line, Special::Text).map_or(usize::MAX, |ids| ids.len());
            if tokens > free {
                left_out += 1;
                continue;
            }
            free -= tokens;
            chosen.text += &line;
            chosen.ids.push(id.parse::<store::Id>().map_or(id, |id| id.short()));
        }
        if !chosen.text.is_empty() {
            chosen.text.insert_str(0, "The user taught you these rules. Follow them:\n");
        }
        chosen.note = match (chosen.ids.is_empty(), left_out) {
            (true, 0) => None,
            (true, _) => Some(format!("(no room for {left_out} rules)")),
            (false, 0) => Some(format!("(rules in the prompt: {})", chosen.ids.join(", "))),
            (false, _) => {
                Some(format!("(rules in the prompt: {}; no room for {left_out} more)", chosen.ids.join(", ")))
            }
        };
        Ok(chosen)
    }

    /// Takes down what a message teaches. A rule in so many words is answered with the text that this gives, and
    /// needs no model.
    pub(super) fn take(&mut self, message: &str) -> anyhow::Result<Option<String>> {
        match taught(message) {
            Taught::Rule(rule) => {
                let remembered = self.store.remember(&rule)?;
                if !remembered.holds {
                    self.offered = vec![remembered.rule.id.clone()];
                }
                return Ok(Some(answer(&remembered)));
            }
            Taught::Preferences(wishes) => {
                let offered = wishes.iter().map(|wish| self.store.offer(wish, self.project.as_deref()));
                let offered: Vec<seam::Rule> =
                    offered.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect();
                for rule in &offered {
                    let id = rule.id.parse::<store::Id>().map_or_else(|_| rule.id.clone(), |id| id.short());
                    eprintln!(
                        "(a draft of a rule, {id}: {}; `hone rules accept {id}` makes it hold)",
                        harmless(&rule.text)
                    );
                }
                if !offered.is_empty() {
                    self.offered = offered.into_iter().map(|rule| rule.id).collect();
                }
            }
            Taught::Nothing => {}
        }
        Ok(None)
    }

    /// Makes drafts hold: this one, or those that were offered last.
    pub(super) fn accept(&mut self, id: Option<&str>) -> anyhow::Result<Vec<Rule>> {
        let ids = id.map_or_else(|| std::mem::take(&mut self.offered), |id| vec![id.to_owned()]);
        if ids.is_empty() {
            bail!("no rule was offered in this conversation; `hone rules list` lists the drafts");
        }
        let accept = |id: &String| {
            let rule = self.store.rules().find(id)?;
            self.store.rules().accept(rule.id, None)
        };
        ids.iter().map(accept).collect::<Result<_, _>>().context("the rule is not accepted")
    }
}
