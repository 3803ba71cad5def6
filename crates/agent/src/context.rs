//! Fits rules, passages, web results and history into a model's window.
//!
//! The system message, the question and the tools come first, whole. What is left is shared as in [`SHARES`]; what a
//! part does not need goes to the parts after it. The least important goes first: the last rules, the lowest
//! passages and results, the oldest history. What was left out is counted and told.

mod fit;

use crate::data;
use crate::event::LeftOut;
use crate::model::{Message, Model, Role, ToolSpec};
use crate::seam::Rule;
use crate::source::{Found, Source, Sources};
use fit::{Fit, cut};
use store::{Provenance, Span};

/// Percent of the room for each part, in the order in which they are filled.
pub const SHARES: [(Part, usize); 4] =
    [(Part::Rules, 15), (Part::Passages, 35), (Part::Web, 20), (Part::History, 30)];
/// Percent of the window that is kept for the answer where its length is not given.
pub const ANSWER: usize = 25;
/// Percent of the window that one result of a tool may take.
pub const RESULT: usize = 20;
/// Tokens that a template writes around a message.
const AROUND: usize = 8;

/// A part of the prompt that is fitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Taught rules.
    Rules,
    /// Passages of files.
    Passages,
    /// Web results.
    Web,
    /// What was said before.
    History,
}

/// All that could be in the prompt.
#[derive(Debug, Default)]
pub struct Parts<'a> {
    /// Instructions of hone and of the user.
    pub system: &'a str,
    /// The most important first.
    pub rules: Vec<Rule>,
    /// The best first.
    pub passages: Vec<Found>,
    /// The best first.
    pub web: Vec<Found>,
    /// The oldest first. System messages in it are not taken over.
    pub history: &'a [Message],
    /// What the model should know about the search itself.
    pub notes: Vec<String>,
    /// What the user says now.
    pub question: &'a str,
    /// What the answer begins with.
    pub opening: String,
    /// Tools that are offered.
    pub tools: &'a [ToolSpec],
    /// Tokens of the answer, where they are limited.
    pub answer: Option<usize>,
}

/// The prompt does not fit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the message and what must go with it have {needed} tokens, and there is room for {room}; shorten the message, or start hone with a larger context"
)]
pub struct TooLong {
    /// Tokens that must be there.
    pub needed: usize,
    /// Tokens that there is room for.
    pub room: usize,
}

/// The prompt of a turn, growing with its steps.
#[derive(Debug)]
pub struct Context<'m> {
    model: &'m dyn Model,
    /// Tokens for all messages.
    room: usize,
    answer: usize,
    /// With their tokens.
    messages: Vec<(Message, usize)>,
    /// Messages from here on belong to this turn.
    turn: usize,
    sources: Sources,
    rules: Vec<Rule>,
    left_out: LeftOut,
}

impl<'m> Context<'m> {
    /// Fits the parts into the model's window.
    pub fn build(parts: Parts<'_>, model: &'m dyn Model) -> Result<Context<'m>, TooLong> {
        let answer = parts.answer.unwrap_or(model.window() * ANSWER / 100).min(model.window() / 2);
        let tools: usize = parts.tools.iter().map(|tool| model.count(&tool.json().to_string())).sum();
        let room = model.window().saturating_sub(answer + tools);
        let whole = [parts.system, data::NOTICE, parts.question].map(|text| model.count(text) + AROUND);
        let notes: usize = parts.notes.iter().map(|note| model.count(note) + AROUND).sum();
        let needed = whole.iter().sum::<usize>() + notes + model.count(&parts.opening);
        if needed > room {
            return Err(TooLong { needed, room });
        }

        let mut fit = Fit { model, free: room - needed, room: room - needed, left_out: LeftOut::default() };
        let rules = fit.rules(parts.rules);
        let mut passages = fit.found(Part::Passages, parts.passages);
        let mut web = fit.found(Part::Web, parts.web);
        let history = fit.history(parts.history);
        let left_out = fit.left_out;

        let mut sources = Sources::default();
        sources.number(&mut passages);
        sources.number(&mut web);
        let mut messages = vec![system(parts.system, rules.iter().map(|rule| rule.text.as_str()))];
        messages.extend(history.into_iter().cloned());
        messages.push(question(passages.iter().chain(&web), parts.notes, parts.question));
        let turn = messages.len() - 1;
        let messages = messages.into_iter().map(|message| counted(message, model)).collect();
        let mut context = Context { model, room, answer, messages, turn, sources, rules, left_out };
        context.shrink()?;
        Ok(context)
    }

    /// Tokens that are kept for the answer.
    pub fn answer(&self) -> usize {
        self.answer
    }

    /// The messages as they are now.
    pub fn messages(&self) -> Vec<Message> {
        self.messages.iter().map(|(message, _)| message.clone()).collect()
    }

    /// The rules in the prompt.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// The sources in the prompt, by number.
    pub fn sources(&self) -> &[Source] {
        self.sources.all()
    }

    /// Numbers of the sources that a text cites.
    pub fn cited(&self, text: &str) -> Vec<usize> {
        self.sources.cited(text)
    }

    /// What did not fit so far.
    pub fn left_out(&self) -> LeftOut {
        self.left_out
    }

    /// An answer of the model that calls tools.
    pub fn said(&mut self, message: Message) {
        self.messages.push(counted(message, self.model));
    }

    /// The text of what a tool found, with numbers, and the sources that are new.
    pub fn number(&mut self, mut found: Vec<Found>) -> (Vec<Span>, Vec<Source>) {
        let new = self.sources.number(&mut found);
        (found.iter().map(|found| Span::new(data::block(found), found.source.origin)).collect(), new)
    }

    /// The result of a tool. A long one is cut, and older ones make room for it.
    pub fn returned(&mut self, mut message: Message) -> Result<(), TooLong> {
        let most = self.model.window() * RESULT / 100;
        let mut used = 0;
        let mut spans = Vec::new();
        for span in std::mem::take(&mut message.spans) {
            let free = most.saturating_sub(used);
            let text = cut(&span.text, free, self.model);
            used += self.model.count(&text);
            if text.len() < span.text.len() {
                self.left_out.cut += 1;
                let end = if span.text.starts_with("<source") { "…\n</source>\n" } else { "…" };
                spans.push(Span::new(text + end, span.provenance));
                break;
            }
            spans.push(span);
        }
        message.spans = spans;
        self.messages.push(counted(message, self.model));
        self.shrink()
    }

    /// Makes the messages fit: older results of this turn go first, then the oldest history.
    fn shrink(&mut self) -> Result<(), TooLong> {
        while self.tokens() > self.room {
            let last = self.messages.len() - 1;
            let full =
                |(message, tokens): &(Message, usize)| message.role == Role::Tool && *tokens > 3 * AROUND;
            if let Some(at) = (self.turn..last).find(|&at| full(&self.messages[at])) {
                let message = &mut self.messages[at].0;
                message.spans = vec![Span::new("(left out: no more room)", Provenance::Tool)];
                self.messages[at] = counted(message.clone(), self.model);
                self.left_out.results += 1;
            } else if self.turn > 1 {
                // From a question up to the next one, so that no result stands without its call.
                let next = (2..self.turn).find(|&at| self.messages[at].0.role == Role::User);
                let end = next.unwrap_or(self.turn);
                self.left_out.history += end - 1;
                self.messages.drain(1..end);
                self.turn -= end - 1;
            } else {
                return Err(TooLong { needed: self.tokens(), room: self.room });
            }
        }
        Ok(())
    }

    fn tokens(&self) -> usize {
        self.messages.iter().map(|(_, tokens)| tokens).sum()
    }
}

impl std::fmt::Debug for dyn Model + '_ {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Model({})", self.name())
    }
}

/// What a message costs.
fn tokens(message: &Message, model: &dyn Model) -> usize {
    let calls = message.calls.iter().map(|call| model.count(&call.arguments.to_string()) + AROUND);
    model.count(&message.text()) + AROUND + calls.sum::<usize>()
}

fn counted(message: Message, model: &dyn Model) -> (Message, usize) {
    let tokens = tokens(&message, model);
    (message, tokens)
}

/// The system message of a prompt, as text: instructions, and rules by their texts.
pub fn instructions(instructions: &str, rules: &[&str]) -> String {
    system(instructions, rules.iter().copied()).text()
}

/// What stands before the rules.
const RULES: &str = "\n\nThe user taught you these rules. Follow them:\n";

fn system<'r>(instructions: &str, rules: impl Iterator<Item = &'r str>) -> Message {
    let mut message =
        Message::new(Role::System, Provenance::Tool, format!("{instructions}\n\n{}", data::NOTICE));
    let mut rules = rules.map(|rule| Span::new(format!("- {rule}\n"), Provenance::Rule)).peekable();
    if rules.peek().is_some() {
        message.spans.push(Span::new(RULES, Provenance::Tool));
        message.spans.extend(rules);
    }
    message
}

fn question<'f>(found: impl Iterator<Item = &'f Found>, notes: Vec<String>, question: &str) -> Message {
    let mut spans: Vec<Span> =
        found.map(|found| Span::new(data::block(found), found.source.origin)).collect();
    spans.extend(
        notes.into_iter().map(|note| Span::new(format!("({})\n", data::inside(&note)), Provenance::Tool)),
    );
    if !spans.is_empty() {
        spans.push(Span::new("\n", Provenance::Tool));
    }
    spans.push(Span::new(question, Provenance::User));
    Message { role: Role::User, spans, calls: Vec::new(), call_id: None }
}
