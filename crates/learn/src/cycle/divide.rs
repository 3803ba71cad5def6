//! Which examples are learned, and which are judged with: by topic and by time, once and for all.

use super::{Example, State};
use crate::gate::{FEWEST, probes};
use std::collections::HashSet;

/// New examples to judge with: a fifth of them, as many at least as a decision takes, never more than a half of them nor than
/// these.
const MOST: usize = 40;

/// Examples by what they are for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Divided {
    /// To learn from, the oldest first.
    pub train: Vec<Example>,
    /// To judge with: the newest that the adapter in use has not learned.
    pub fresh: Vec<Example>,
    /// Those of earlier promotions, by cycle.
    pub older: Vec<Vec<Example>>,
    /// How many of the examples to learn from the adapter in use has not learned.
    pub unlearned: usize,
}

impl Divided {
    /// Whether nothing that is trained now can be promoted: too few new examples to judge with, and among the taught
    /// `rules` none that can be checked in their place.
    pub fn too_few(&self, rules: &[String]) -> bool {
        self.fresh.len() < FEWEST && rules.iter().all(|rule| probes(rule).is_none())
    }
}

/// Divides the examples. What was held back once is held back for ever, with everything of its topic.
pub fn divide(mut examples: Vec<Example>, state: &State) -> Divided {
    examples.sort_by_key(|example| example.time);
    let digests: Vec<String> = examples.iter().map(Example::digest).collect();
    let topics_of = |held: &dyn Fn(&String) -> bool| -> HashSet<u64> {
        examples.iter().zip(&digests).filter(|(_, digest)| held(digest)).map(|(e, _)| e.topic).collect()
    };
    let older: Vec<HashSet<u64>> =
        state.older.iter().map(|week| topics_of(&|digest| week.contains(digest))).collect();
    let mut fresh = topics_of(&|digest| state.fresh.contains(digest));
    let old = |topic: u64| older.iter().position(|week| week.contains(&topic));

    // New is what the adapter in use has not learned.
    let new: Vec<usize> = (0..examples.len())
        .filter(|&n| {
            examples[n].accepted && !state.trained.contains(&digests[n]) && old(examples[n].topic).is_none()
        })
        .collect();
    let wanted = (new.len() / 5).max(FEWEST.min(new.len() / 2)).min(MOST);
    let learned: HashSet<u64> =
        topics_of(&|digest| state.trained.contains(digest)).difference(&fresh).copied().collect();
    let held = |fresh: &HashSet<u64>| new.iter().filter(|&&n| fresh.contains(&examples[n].topic)).count();
    for &n in new.iter().rev() {
        if held(&fresh) >= wanted {
            break;
        }
        // A topic that was learned cannot be judged with.
        if !learned.contains(&examples[n].topic) {
            fresh.insert(examples[n].topic);
        }
    }
    let mut divided = Divided { older: vec![Vec::new(); older.len()], ..Divided::default() };
    for (n, example) in examples.iter().enumerate() {
        let example = example.clone();
        match old(example.topic) {
            Some(week) => divided.older[week].push(example),
            None if fresh.contains(&example.topic) && example.accepted => divided.fresh.push(example),
            None if fresh.contains(&example.topic) => {}
            None => {
                divided.unlearned += usize::from(!state.trained.contains(&digests[n]));
                divided.train.push(example);
            }
        }
    }
    divided
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::Message;

    fn example(n: usize, topic: u64) -> Example {
        let say = |role: &str, text: String| Message { role: role.into(), content: text };
        Example {
            messages: vec![say("user", format!("question {n}")), say("assistant", format!("answer {n}"))],
            weight: 1.0,
            topic,
            time: store::Time::from_seconds(n as f64).unwrap(),
            chat: String::new(),
            accepted: true,
        }
    }

    fn names(examples: &[Example]) -> HashSet<String> {
        examples.iter().map(Example::digest).collect()
    }

    #[test]
    fn the_newest_are_held_back_and_no_topic_is_on_both_sides() {
        let examples: Vec<Example> = (0..40).map(|n| example(n, n as u64 / 2)).collect();
        let divided = divide(examples, &State::default());
        assert_eq!((divided.train.len(), divided.fresh.len()), (32, 8));
        assert!(
            divided.fresh.iter().all(|f| divided.train.iter().all(|t| t.topic != f.topic && t.time < f.time))
        );
    }

    #[test]
    fn what_was_judged_with_is_never_learned() {
        let mut state = State::default();
        let mut all: Vec<Example> = (0..30).map(|n| example(n, n as u64)).collect();
        let first = divide(all.clone(), &state);
        state.promoted(&first);
        all.extend((30..60).map(|n| example(n, n as u64)));
        let second = divide(all.clone(), &state);
        assert_eq!(second.older, std::slice::from_ref(&first.fresh));
        assert!(names(&second.train).is_disjoint(&names(&first.fresh)));
        assert!(names(&second.fresh).is_disjoint(&names(&first.train)), "new ones alone are fresh");
        assert_eq!(second.fresh.len(), 8);
        assert_eq!(second.unlearned, 22);
        // Held: the same again, and what is new.
        state.fresh = second.fresh.iter().map(Example::digest).collect();
        let again = divide(all.clone(), &state);
        assert_eq!(again, second);
        // The same data once more: nothing new to judge with.
        state.promoted(&second);
        let third = divide(all, &state);
        assert_eq!((third.fresh.len(), third.older.len(), third.unlearned), (0, 2, 0));
    }

    #[test]
    fn fewer_new_ones_than_a_decision_takes_are_too_few_whatever_is_older() {
        let mut state = State::default();
        let mut all: Vec<Example> = (0..40).map(|n| example(n, n as u64)).collect();
        let first = divide(all.clone(), &state);
        assert!(!first.too_few(&[]));
        state.promoted(&first);
        all.extend((40..54).map(|n| example(n, n as u64)));
        let second = divide(all.clone(), &state);
        assert_eq!((second.fresh.len(), second.older[0].len()), (7, 8));
        assert!(second.too_few(&[]) && second.too_few(&["Be kind.".into()]));
        assert!(!second.too_few(&["From now on, answer in German.".into()]), "a rule can be checked");
        all.extend((54..56).map(|n| example(n, n as u64)));
        assert!(!divide(all, &state).too_few(&[]), "those that were held count the next time");
    }

    #[test]
    fn of_few_examples_as_many_are_held_back_as_a_decision_takes() {
        for (count, held) in
            [(0, 0), (3, 1), (12, 6), (16, 8), (23, 8), (24, 8), (60, 12), (100, 20), (500, 40)]
        {
            let divided = divide((0..count).map(|n| example(n, n as u64)).collect(), &State::default());
            assert_eq!(divided.fresh.len(), held, "{count}");
            assert_eq!(divided.train.len(), count - held);
        }
    }
}
