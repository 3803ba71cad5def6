//! One conversation after the other becomes examples; then they are looked at beside each other.

use super::filters::{filter, tokens};
use super::segment::{Segment, segments};
use super::{
    Conversation, Example, Export, Options, Reason, Signal, Verdict, alike, code, complaint, losses, weigh,
};
use crate::dataset::Message;
use crate::secrets;
use store::{FeedbackKind, FeedbackRow, Role};

/// All steps, over conversations that were read already. `completions` are feedback without a message.
pub fn examine(
    conversations: impl IntoIterator<Item = Conversation>,
    completions: &[FeedbackRow],
    options: &Options,
) -> Export {
    let mut segments: Vec<Segment> = conversations.into_iter().flat_map(|c| self::segments(&c)).collect();
    segments.extend(completions.iter().filter_map(completion));
    segments.retain(|segment| options.since.is_none_or(|since| segment.time >= since));
    segments.sort_by_key(|segment| (segment.time, segment.message));
    let chosen: Vec<bool> = segments.iter().map(|segment| segment.chosen == Some(true)).collect();
    let mut examples: Vec<Example> = segments.into_iter().map(|segment| example(segment, options)).collect();
    alike::sort_out(&mut examples);
    losses::drop_known(&mut examples, options);
    weigh::weigh(&mut examples, &chosen, options);
    weigh::cap(&mut examples, options);
    Export { examples }
}

/// The steps that look at one answer alone.
fn example(mut segment: Segment, options: &Options) -> Example {
    let verdict = judge(&mut segment, options).map_or(Verdict::Kept, Verdict::Dropped);
    let said = |role: Role, content: String| Message { role: role.as_str().into(), content };
    let mut messages = segment.context;
    messages.extend([said(Role::User, segment.question), said(Role::Assistant, segment.answer)]);
    shorten(&mut messages, options.longest);
    Example {
        chat: segment.chat.map(|id| id.to_string()).unwrap_or_default(),
        message: segment.message.to_string(),
        messages,
        weight: 0.0,
        signal: segment.signal,
        topic: 0,
        time: segment.time,
        rejected_answer: segment.rejected,
        verdict,
    }
}

/// The first reason against an answer. What the user has taken in passes what is a matter of taste.
fn judge(segment: &mut Segment, options: &Options) -> Option<Reason> {
    if segment.wrong == Some(Reason::ChatOut) || segment.wrong == Some(Reason::Replaced) {
        return segment.wrong;
    }
    if segment.chosen == Some(false) {
        return Some(Reason::Out);
    }
    if let Some(kind) = secret(segment) {
        return Some(Reason::Secret(kind));
    }
    if segment.wrong.is_some() {
        return segment.wrong;
    }
    if segment.chosen == Some(true) {
        return filter(&segment.question, &segment.answer).filter(|reason| *reason == Reason::Empty);
    }
    filter(&segment.question, &segment.answer)
        .or_else(|| disliked(segment))
        .or_else(|| options.parses.as_ref().and_then(|parses| code::check(&segment.answer, parses)))
}

/// The kind of a secret in the pair. In the turns before it, a secret takes everything up to it out of the context.
fn secret(segment: &mut Segment) -> Option<&'static str> {
    let kind = |text: &str| secrets::find(text).first().map(|hit| hit.kind);
    let texts = [Some(&segment.question), Some(&segment.answer), segment.rejected.as_ref()];
    let found = texts.into_iter().flatten().find_map(|text| kind(text));
    if let Some(last) = segment.context.iter().rposition(|message| kind(&message.content).is_some()) {
        segment.context.drain(..=last);
        while segment.context.first().is_some_and(|message| message.role != "user") {
            segment.context.remove(0);
        }
    }
    found
}

fn disliked(segment: &Segment) -> Option<Reason> {
    let next_is_bad = || segment.next.iter().any(|next| complaint::is_bad_next(&segment.question, next));
    match segment.signal {
        Signal::Down => Some(Reason::Disliked),
        Signal::Correction => Some(Reason::Complaint),
        Signal::Regenerated => Some(Reason::Replaced),
        Signal::Kept | Signal::Silence => next_is_bad().then_some(Reason::Complaint),
        _ => None,
    }
}

/// Leaves the oldest turns out until the rest fits.
fn shorten(messages: &mut Vec<Message>, longest: usize) {
    let mut all: usize = messages.iter().map(|message| tokens(&message.content) + 4).sum();
    while all > longest && messages.len() > 2 {
        all -= tokens(&messages.remove(0).content) + 4;
        while messages.len() > 2 && messages[0].role != "user" {
            all -= tokens(&messages.remove(0).content) + 4;
        }
    }
}

/// A completion that was taken in an editor, as a question and its answer.
fn completion(row: &FeedbackRow) -> Option<Segment> {
    let text = row.text.clone().filter(|_| row.kind == FeedbackKind::Accepted && row.message.is_none())?;
    let around = |name: &str| row.meta[name].as_str().unwrap_or_default();
    Some(Segment {
        chat: None,
        message: row.id,
        context: Vec::new(),
        question: super::fill_in(
            row.meta["language"].as_str().unwrap_or_default(),
            around("prompt"),
            around("suffix"),
        ),
        answer: text,
        rejected: None,
        signal: Signal::Accepted,
        next: Vec::new(),
        time: row.created,
        chosen: None,
        wrong: None,
    })
}
