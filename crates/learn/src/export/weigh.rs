//! How much an example counts, and how many there may be.

use super::{Example, Options, Reason, Signal, Verdict};
use std::collections::HashMap;

/// With so many answers that the user has judged, silence says nothing any more.
const ENOUGH_LABELS: usize = 50;

/// What an answer counts by what the user made of it.
fn weight(signal: Signal, labels: usize) -> f32 {
    match signal {
        Signal::Edited => 2.0,
        Signal::Rule => 1.5,
        Signal::Up => 1.0,
        Signal::Kept | Signal::Accepted => 0.5,
        Signal::Silence if labels < ENOUGH_LABELS => 0.25,
        _ => 0.0,
    }
}

/// Weighs what was kept so far; what weighs nothing, or less than was asked for, is dropped.
pub(super) fn weigh(examples: &mut [Example], chosen: &[bool], options: &Options) {
    let kept = |example: &&Example| example.verdict == Verdict::Kept;
    let labels = examples.iter().filter(kept).filter(|example| example.signal != Signal::Silence).count();
    for (example, chosen) in examples.iter_mut().zip(chosen) {
        if example.verdict != Verdict::Kept {
            continue;
        }
        // What the user has taken in counts like a thumb up.
        let least = if *chosen { 1.0 } else { 0.0 };
        example.weight = weight(example.signal, labels).max(least);
        if example.weight <= 0.0 || example.weight < options.min_weight {
            example.verdict = Verdict::Dropped(Reason::Light);
        }
    }
}

/// Leaves the heaviest and then the newest, as many as there may be of one conversation and in all.
pub(super) fn cap(examples: &mut [Example], options: &Options) {
    let mut order: Vec<usize> =
        (0..examples.len()).filter(|&at| examples[at].verdict == Verdict::Kept).collect();
    order.sort_by(|&a, &b| {
        let (a, b) = (&examples[a], &examples[b]);
        b.weight.total_cmp(&a.weight).then(b.time.cmp(&a.time)).then(b.message.cmp(&a.message))
    });
    let (most, most_of_chat) = options.most;
    let (mut all, mut of_chat) = (0, HashMap::<String, usize>::new());
    for at in order {
        let count = of_chat.entry(examples[at].chat.clone()).or_default();
        if all >= most || *count >= most_of_chat {
            examples[at].verdict = Verdict::Dropped(Reason::Surplus);
        } else {
            (all, *count) = (all + 1, *count + 1);
        }
    }
}
