//! Examples beside each other: older answers to the same question, changed habits, near-duplicates, and topics.

use super::duplicates::{Groups, Shingles, clusters, words};
use super::outdated::outdate;
use super::{Example, Reason, Signal, Verdict};
use std::collections::HashMap;

/// Examples of one cluster.
const MOST_ALIKE: usize = 3;

/// Drops what has a better answer or too many like it, and gives every example its topic.
pub(super) fn sort_out(examples: &mut [Example]) {
    supersede(examples);
    outdate(examples);
    let texts: Vec<Shingles> =
        examples.iter().map(|e| Shingles::of(&format!("{} {}", question(e), answer(e)))).collect();
    let cluster = clusters(&texts);
    thin(examples, &cluster);
    topics(examples, &cluster);
}

/// Of several answers to one question the newest that the user has accepted is the valid one; where he has accepted none,
/// the newest: whoever changes his mind is not taught both. Of one conversation the one that he has worked at most is.
fn supersede(examples: &mut [Example]) {
    let mut best: HashMap<String, usize> = HashMap::new();
    for at in kept(examples) {
        let key = asked(&examples[at]);
        let Some(&other) = best.get(&key) else {
            best.insert(key, at);
            continue;
        };
        if answer(&examples[at]) == answer(&examples[other]) {
            continue;
        }
        let together = examples[at].chat == examples[other].chat;
        let rank = |at: usize| {
            let signal = examples[at].signal;
            let strength = if together { strength(signal) } else { u8::from(is_accepted(signal)) };
            (strength, examples[at].time, at)
        };
        let (winner, loser) = if rank(at) > rank(other) { (at, other) } else { (other, at) };
        examples[loser].verdict = Verdict::Dropped(Reason::Superseded);
        best.insert(key, winner);
    }
}

/// Leaves at most three of a cluster: the strongest, then the newest.
fn thin(examples: &mut [Example], cluster: &[usize]) {
    let mut order = kept(examples);
    order.sort_by_key(|&at| std::cmp::Reverse((strength(examples[at].signal), examples[at].time, at)));
    let mut counts: HashMap<usize, usize> = HashMap::new();
    for at in order {
        let count = counts.entry(cluster[at]).or_default();
        *count += 1;
        if *count > MOST_ALIKE {
            examples[at].verdict = Verdict::Dropped(Reason::Duplicate);
        }
    }
}

/// One topic is what is alike, what answers the same question, and turns of a conversation that build on each other.
fn topics(examples: &mut [Example], cluster: &[usize]) {
    let mut groups = Groups::new(examples.len());
    let mut questions: HashMap<String, usize> = HashMap::new();
    let mut chats: HashMap<String, (usize, bool)> = HashMap::new();
    for (at, example) in examples.iter().enumerate() {
        groups.join(cluster[at], at);
        groups
            .join(*questions.entry(words(question(example)).collect::<Vec<_>>().join(" ")).or_insert(at), at);
        let builds = example.messages.len() > 2;
        if example.chat.is_empty() {
            continue;
        }
        let (first, any) = *chats.entry(example.chat.clone()).or_insert((at, builds));
        if builds || any {
            groups.join(first, at);
            chats.insert(example.chat.clone(), (first, true));
        }
    }
    // A topic is named by its first answer, so that it keeps its name when more is said.
    for at in 0..examples.len() {
        let first = groups.first(at);
        let name = examples[first].message.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3) // FNV-1a
        });
        examples[at].topic = name >> 11; // fits into the numbers of JSON
    }
}

pub(super) fn kept(examples: &[Example]) -> Vec<usize> {
    (0..examples.len()).filter(|&at| examples[at].verdict == Verdict::Kept).collect()
}

/// Whether the user has made it his own.
pub(super) fn is_accepted(signal: Signal) -> bool {
    strength(signal) > 1
}

/// How much of the user's own work is in a signal.
fn strength(signal: Signal) -> u8 {
    match signal {
        Signal::Edited => 4,
        Signal::Rule | Signal::Up => 3,
        Signal::Kept | Signal::Accepted => 2,
        _ => 1,
    }
}

pub(super) fn question(example: &Example) -> &str {
    let question = example.messages.iter().rev().find(|message| message.role == "user");
    question.map_or("", |message| &message.content)
}

pub(super) fn answer(example: &Example) -> &str {
    example.messages.last().map_or("", |message| &message.content)
}

/// The question with everything before it, as words.
fn asked(example: &Example) -> String {
    let before = &example.messages[..example.messages.len().saturating_sub(1)];
    before
        .iter()
        .flat_map(|message| words(&message.content).chain([String::new()]))
        .collect::<Vec<_>>()
        .join(" ")
}
