//! A tree of messages, cut into questions and answers.

use super::outcome::{Reactions, signal};
use super::{Reason, Signal};
use crate::dataset::Message;
use std::collections::HashMap;
use store::{Chat, FeedbackKind, FeedbackRow, Id, Provenance, Role, State, Time};

/// A conversation as the store has it.
#[derive(Clone, Debug)]
pub struct Conversation {
    /// What stands around the messages.
    pub chat: Chat,
    /// All branches, parents before children.
    pub messages: Vec<store::Message>,
    /// What the user thought of them.
    pub feedback: Vec<FeedbackRow>,
}

/// An answer with what it answers.
#[derive(Clone, Debug)]
pub(super) struct Segment {
    pub(super) chat: Option<Id>,
    pub(super) message: Id,
    /// Turns before the question: of each the user's words and the last answer.
    pub(super) context: Vec<Message>,
    pub(super) question: String,
    pub(super) answer: String,
    /// The text that an edit has replaced.
    pub(super) rejected: Option<String>,
    pub(super) signal: Signal,
    /// Messages of the user that follow.
    pub(super) next: Vec<String>,
    pub(super) time: Time,
    /// What the user has said of this answer alone: taken in, or taken out.
    pub(super) chosen: Option<bool>,
    /// What is known to be wrong already.
    pub(super) wrong: Option<Reason>,
}

/// The answers of a conversation, in the order of the tree. A message that only calls tools is none.
pub(super) fn segments(conversation: &Conversation) -> Vec<Segment> {
    let tree = Tree::new(conversation);
    let answers = conversation.messages.iter().filter(|m| m.role == Role::Assistant && !calls(m));
    answers.flat_map(|answer| tree.segments(answer)).collect()
}

struct Tree<'a> {
    conversation: &'a Conversation,
    places: HashMap<Id, &'a store::Message>,
    children: HashMap<Id, Vec<&'a store::Message>>,
    feedback: HashMap<Id, Vec<&'a FeedbackRow>>,
    /// Answers that the user wrote in place of others, by the name of the other.
    edits: HashMap<Id, Id>,
}

impl<'a> Tree<'a> {
    fn new(conversation: &'a Conversation) -> Tree<'a> {
        let mut tree = Tree {
            conversation,
            places: conversation.messages.iter().map(|m| (m.id, m)).collect(),
            children: HashMap::new(),
            feedback: HashMap::new(),
            edits: HashMap::new(),
        };
        for message in &conversation.messages {
            if let Some(parent) = message.parent {
                tree.children.entry(parent).or_default().push(message);
            }
            if let Some(edited) = message.meta["edit_of"].as_str().and_then(|id| id.parse().ok()) {
                tree.edits.insert(edited, message.id);
            }
        }
        for row in &conversation.feedback {
            tree.feedback.entry(row.message.unwrap_or(row.id)).or_default().push(row);
        }
        tree
    }

    /// The answer, and where the user rewrote it without a branch of its own, the rewritten one.
    fn segments(&self, answer: &'a store::Message) -> Vec<Segment> {
        let rows = self.feedback.get(&answer.id).map(Vec::as_slice).unwrap_or_default();
        let mut segment = self.segment(answer, rows);
        let edit = rows.iter().rev().find(|row| row.kind == FeedbackKind::Edited);
        let mut segments = Vec::new();
        if self.edits.contains_key(&answer.id) {
            segment.wrong = Some(Reason::Replaced);
        } else if let Some((row, text)) = edit.and_then(|row| Some((row, row.text.clone()?))) {
            let spans = store::edited(&answer.spans, &text);
            let wrong = foreign(&spans).map(Reason::Foreign).or(self.out());
            let (rejected, signal) = (Some(segment.answer.clone()), Signal::Edited);
            let (time, next) = (row.created, Vec::new());
            segments.push(Segment { answer: text, rejected, signal, wrong, time, next, ..segment.clone() });
            segment.wrong = Some(Reason::Replaced);
        }
        segments.insert(0, segment);
        segments
    }

    fn segment(&self, answer: &'a store::Message, rows: &[&FeedbackRow]) -> Segment {
        let mut path = self.path(answer);
        let asked = path.iter().rposition(|message| message.role == Role::User);
        let between = path.split_off(asked.map_or(0, |at| at + 1));
        let question = path.pop().map(store::Message::text).unwrap_or_default();
        let original = answer.meta["edit_of"].as_str().and_then(|id| id.parse::<Id>().ok());
        let original = original.and_then(|id| self.places.get(&id));
        let reactions = Reactions {
            rows,
            edited: original.is_some(),
            // A later answer to the same question; an edit of this one is told by itself.
            answered_again: self.siblings(answer).any(|m| m.id > answer.id && m.meta["edit_of"].is_null()),
            rules: answer.meta["rules"].as_array().is_some_and(|rules| !rules.is_empty()),
        };
        let next = self.children.get(&answer.id).into_iter().flatten().filter(|m| m.role == Role::User);
        Segment {
            chat: Some(self.conversation.chat.id),
            message: answer.id,
            context: context(&path),
            question,
            answer: answer.text(),
            rejected: original.map(|message| message.text()),
            signal: signal(&reactions),
            next: next.map(|message| message.text()).collect(),
            time: answer.created,
            chosen: answer.meta["learn"].as_bool(),
            wrong: self
                .out()
                .or_else(|| wrong(answer, original.is_none() && !between.is_empty(), asked.is_none())),
        }
    }

    /// Whether the user has taken the conversation out.
    fn out(&self) -> Option<Reason> {
        (self.conversation.chat.learn == Some(false)).then_some(Reason::ChatOut)
    }

    /// What stands above a message, from the beginning.
    fn path(&self, message: &'a store::Message) -> Vec<&'a store::Message> {
        let mut path = Vec::new();
        let mut above = message.parent;
        while let Some(message) = above.and_then(|id| self.places.get(&id)) {
            path.push(*message);
            above = message.parent.filter(|_| path.len() <= self.places.len());
        }
        path.reverse();
        path
    }

    fn siblings(&self, answer: &store::Message) -> impl Iterator<Item = &&'a store::Message> {
        let all = answer.parent.and_then(|parent| self.children.get(&parent));
        all.into_iter().flatten().filter(|m| m.role == Role::Assistant)
    }
}

/// What cannot be a target whatever the user thinks of it.
fn wrong(answer: &store::Message, tools: bool, unasked: bool) -> Option<Reason> {
    let cut = answer.state != State::Complete || answer.meta["finish"] == "length";
    match foreign(&answer.spans) {
        Some(provenance) => Some(Reason::Foreign(provenance)),
        None if unasked => Some(Reason::Empty),
        None if tools => Some(Reason::Tools),
        None => cut.then_some(Reason::Truncated),
    }
}

/// The first origin that is neither the user nor the model on this machine.
fn foreign(spans: &[store::Span]) -> Option<Provenance> {
    let own = |span: &&store::Span| matches!(span.provenance, Provenance::User | Provenance::Model);
    spans.iter().find(|span| !own(span)).map(|span| span.provenance)
}

fn calls(message: &store::Message) -> bool {
    message.meta["calls"].as_array().is_some_and(|calls| !calls.is_empty())
}

/// Turns as messages: the user's words, and the last answer to them. What tools said is left out.
fn context(path: &[&store::Message]) -> Vec<Message> {
    let mut messages: Vec<Message> = Vec::new();
    for message in path.iter().filter(|m| matches!(m.role, Role::User | Role::Assistant) && !calls(m)) {
        let role = message.role.as_str();
        let said = Message { role: role.to_owned(), content: message.text() };
        if said.content.trim().is_empty() {
            continue;
        }
        match messages.last_mut() {
            Some(last) if last.role == role && role == "assistant" => *last = said,
            _ => messages.push(said),
        }
    }
    messages
}
