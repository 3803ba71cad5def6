//! Which topics validate: the newest, as a whole.

use super::{Example, Export};
use std::collections::BTreeMap;
use store::Time;

/// What is held back, as a share of the examples.
const SHARE: f64 = 0.1;

/// What was kept, to train on and to validate with. A topic is never on both sides, and nothing to train on is newer
/// than the newest of every topic that validates. One topic alone is all trained on.
pub(super) fn split(export: &Export) -> (Vec<&Example>, Vec<&Example>) {
    let kept: Vec<&Example> = export.kept().collect();
    let mut topics: BTreeMap<u64, (Time, usize)> = BTreeMap::new();
    for example in &kept {
        let topic = topics.entry(example.topic).or_insert((example.time, 0));
        *topic = (topic.0.max(example.time), topic.1 + 1);
    }
    let mut order: Vec<(Time, u64, usize)> =
        topics.iter().map(|(topic, (time, rows))| (*time, *topic, *rows)).collect();
    order.sort_unstable();
    let wanted = (kept.len() as f64 * SHARE).round().max(1.0) as usize;
    let (mut held, mut rows) = (Vec::new(), 0);
    // The oldest topic is always there to train on, and one large topic does not take half of everything.
    for (_, topic, count) in order.into_iter().skip(1).rev() {
        if rows >= wanted {
            break;
        }
        if rows + count <= (2 * wanted).max(1) {
            rows += count;
            held.push(topic);
        }
    }
    kept.into_iter().partition(|example| !held.contains(&example.topic))
}
