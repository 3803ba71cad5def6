//! Everything that bears on a message: what it asks for, rules, passages, and what a web search brings.

use crate::agent::{Ask, WebUse};
use crate::context::Parts;
use crate::event::TurnEvent;
use crate::model::{Message, ToolCall};
use crate::seam::{Intent, Judgement, judge};
use crate::source::Found;
use crate::turn::Turn;
use knowledge::passage::Hit;
use std::collections::HashSet;
use store::{Provenance, Span};

/// Longest query of a web search, in characters.
const QUERY: usize = 400;
/// Cosine from which on a passage is taken to be about the message: EXPERIMENTS.md, "Questions that do not say what they are
/// about".
const NEAR: f32 = 0.4;

impl<'a> Turn<'a> {
    pub(crate) fn judge(&mut self) -> Judgement {
        let (agent, ask) = (self.agent, self.ask);
        let mut judgement = judge(&*agent.judge, &*agent.knowledge, &ask.text, ask.project.as_deref());
        let corrected = ask.intent.is_some();
        if let Some(intent) = ask.intent {
            let needs_code = judgement.needs_code || intent == Intent::Code;
            judgement = Judgement { intent, confidence: 1.0, needs_code };
        }
        self.listener.hear(TurnEvent::Intent { judgement, corrected });
        judgement
    }

    /// Everything that bears on the message. What cannot be had is told, and the turn goes on without it.
    pub(crate) fn gather(&mut self, judgement: &Judgement) -> Parts<'a> {
        let (agent, ask) = (self.agent, self.ask);
        let project = ask.project.as_deref();
        let rules = agent.rules.applying(&ask.text, project).unwrap_or_else(|error| {
            self.notice(format!("The taught rules could not be read: {error}"));
            Vec::new()
        });
        let passages = self.passages(judgement);
        let (mut web, mut notes) = (Vec::new(), Vec::new());
        if judgement.intent == Intent::Search {
            match self.search() {
                Ok(found) => web = found,
                Err(why) => {
                    // Said by hone itself, because a model may forget to.
                    let note = format!("The web search failed: {why}.");
                    self.opening = vec![Span::new(format!("{note}\n\n"), Provenance::Tool)];
                    notes.push(note + " Answer from what you know, and say that you did not look it up.");
                }
            }
        }
        Parts {
            system: &agent.settings.system,
            rules,
            passages,
            web,
            notes,
            history: &ask.history,
            question: &ask.text,
            opening: ask.begun.last().map(Message::text).unwrap_or_default(),
            tools: &[],
            answer: agent.settings.max_tokens,
        }
    }

    /// Passages of the indexed folders, where the message needs some. In a conversation about a project, questions about it
    /// need not say so: there they are looked for anyway, and taken where one of them is near.
    fn passages(&mut self, judgement: &Judgement) -> Vec<Found> {
        let (agent, ask) = (self.agent, self.ask);
        let maybe = ask.project.is_some() && judgement.intent != Intent::Search;
        if !judgement.needs_code && !maybe {
            return Vec::new();
        }
        let near = |hit: &Hit| hit.why.similarity.is_some_and(|similarity| similarity >= NEAR);
        match agent.knowledge.search(&ask.text, ask.project.as_deref(), agent.settings.passages) {
            Ok(hits) if judgement.needs_code || hits.iter().any(near) => {
                hits.into_iter().map(Found::from).collect()
            }
            Ok(_) => Vec::new(),
            Err(error) => {
                self.notice(format!("The indexed code could not be searched: {error}"));
                Vec::new()
            }
        }
    }

    fn search(&mut self) -> Result<Vec<Found>, String> {
        let words: Vec<&str> = self.ask.text.split_whitespace().collect();
        let query: String = words.join(" ").chars().take(QUERY).collect();
        let arguments = serde_json::json!({ "query": query });
        let call = ToolCall { id: "search".to_owned(), name: "web_search".to_owned(), arguments };
        if self.ask.web == WebUse::Off {
            return Err("the web is switched off for this conversation".to_owned());
        }
        self.listener.hear(TurnEvent::Searching { query: query.clone(), asks: self.ask.web == WebUse::Ask });
        if self.ask.web == WebUse::Ask && !self.listener.allows(&call) {
            return Err("you did not allow it".to_owned());
        }
        let answer =
            self.agent.web.search(&query, self.agent.settings.results).map_err(|error| error.to_string())?;
        answer.notices.into_iter().for_each(|text| self.notice(text));
        let found: Vec<Found> = answer.results.into_iter().map(Found::from).collect();
        self.addresses.extend(found.iter().map(|found| found.source.place.clone()));
        Ok(found)
    }

    fn notice(&mut self, text: String) {
        self.listener.hear(TurnEvent::Notice { text });
    }
}

/// Web addresses in what the user wrote.
pub(crate) fn addresses(ask: &Ask) -> HashSet<String> {
    let before = ask.history.iter().flat_map(|message| &message.spans);
    let before = before.filter(|span| span.provenance == Provenance::User).map(|span| span.text.as_str());
    let words = before.chain([ask.text.as_str()]).flat_map(str::split_whitespace);
    let plain =
        words.map(|word| word.trim_matches(['(', ')', '<', '>', '"', '\'', '`', ',', '.', ';', '!', '?']));
    plain
        .filter(|word| word.starts_with("https://") || word.starts_with("http://"))
        .map(str::to_owned)
        .collect()
}
