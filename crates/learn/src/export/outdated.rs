//! Answers of a form that the user has left: the newest answers to questions like theirs are of another one.
//!
//! Whoever changes his mind is not taught both. A changed habit shows where the newest accepted answers resemble each other
//! more than the older answer resembles them. No model is asked: two texts are as far apart as their pairs of neighbouring
//! words and signs are (1 − Dice's coefficient).

use super::alike::{answer, is_accepted, kept, question};
use super::duplicates::words;
use super::{Example, Reason, Verdict};
use std::hash::{DefaultHasher, Hash, Hasher};

/// Questions are alike from this share of common words on (Jaccard), and so many of them: "What is a" asks for anything.
const ALIKE: f64 = 0.5;
const COMMON: usize = 5;
/// Newest answers that an older one is compared with; with fewer nothing can be told.
const NEWEST: usize = 7;
/// How much further it is from them than they are from each other. EXPERIMENTS.md, "When has the user changed his mind?".
const FURTHER: f64 = 0.16;
/// Newest examples that are looked at, for each is compared with each.
const LOOKED_AT: usize = 2000;

/// Drops what is outdated.
pub(super) fn outdate(examples: &mut [Example]) {
    let mut order = kept(examples);
    order.sort_by_key(|&at| (examples[at].time, at));
    let order = &order[order.len().saturating_sub(LOOKED_AT)..];
    let looks: Vec<Look> = order.iter().map(|&at| Look::of(&examples[at])).collect();
    for (n, &at) in order.iter().enumerate() {
        let newer = looks[n + 1..].iter().rev();
        let near: Vec<&Look> =
            newer.filter(|look| look.accepted && look.asks_like(&looks[n])).take(NEWEST).collect();
        if near.len() == NEWEST && looks[n].is_left_by(&near) {
            examples[at].verdict = Verdict::Dropped(Reason::Outdated);
        }
    }
}

/// What is compared of an example.
struct Look {
    accepted: bool,
    /// Hashes of the question's words, sorted, each once.
    asked: Vec<u64>,
    /// Hashes of the answer's pairs of neighbours, sorted.
    form: Vec<u64>,
}

impl Look {
    fn of(example: &Example) -> Look {
        let mut asked: Vec<u64> = words(question(example)).map(|word| hash(&word)).collect();
        asked.sort_unstable();
        asked.dedup();
        let pieces = pieces(answer(example));
        let mut form: Vec<u64> = pieces.windows(2).map(|pair| hash(&pair)).collect();
        form.sort_unstable();
        Look { accepted: is_accepted(example.signal), asked, form }
    }

    fn asks_like(&self, other: &Look) -> bool {
        let shared = shared(&self.asked, &other.asked);
        let all = self.asked.len() + other.asked.len() - shared;
        shared >= COMMON && shared as f64 >= ALIKE * all as f64
    }

    fn distance(&self, other: &Look) -> f64 {
        let all = self.form.len() + other.form.len();
        if all == 0 { 0.0 } else { 1.0 - 2.0 * shared(&self.form, &other.form) as f64 / all as f64 }
    }

    fn is_left_by(&self, newest: &[&Look]) -> bool {
        let own = newest.iter().map(|look| self.distance(look)).collect();
        let pairs = newest.iter().enumerate().flat_map(|(n, a)| newest[..n].iter().map(|b| a.distance(b)));
        median(own) >= median(pairs.collect()) + FURTHER
    }
}

/// Words, and every other sign by itself, between two marks for beginning and end.
fn pieces(text: &str) -> Vec<&str> {
    let mut pieces = vec!["^"];
    let inside = |c: char| c.is_alphanumeric() || c == '_';
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let end = match inside(first) {
            true => rest.find(|c: char| !inside(c)).unwrap_or(rest.len()),
            false => first.len_utf8(),
        };
        let (piece, after) = rest.split_at(end);
        pieces.push(piece);
        // The end of a line is a sign; other blanks are none.
        rest = after.trim_start_matches(|c: char| c.is_whitespace() && c != '\n');
    }
    pieces.push("$");
    pieces
}

/// Equal values of two sorted lists.
fn shared(a: &[u64], b: &[u64]) -> usize {
    let (mut i, mut j, mut count) = (0, 0, 0);
    while i < a.len() && j < b.len() {
        match a[i].cmp(&b[j]) {
            std::cmp::Ordering::Less => i += 1,
            std::cmp::Ordering::Greater => j += 1,
            std::cmp::Ordering::Equal => (i, j, count) = (i + 1, j + 1, count + 1),
        }
    }
    count
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

fn hash(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::super::Signal;
    use super::*;
    use crate::dataset::Message;

    fn example(n: usize, question: &str, answer: &str) -> Example {
        let say = |role: &str, text: &str| Message { role: role.into(), content: text.into() };
        Example {
            chat: n.to_string(),
            message: n.to_string(),
            messages: vec![say("user", question), say("assistant", answer)],
            weight: 1.0,
            signal: Signal::Edited,
            topic: 0,
            time: store::Time::from_seconds(n as f64).unwrap(),
            rejected_answer: None,
            verdict: Verdict::Kept,
        }
    }

    const THINGS: [&str; 8] = ["parser", "lexer", "server", "editor", "index", "cache", "linker", "queue"];

    /// Eight answers in each of the given forms, one form after another; which are outdated then?
    fn outdated(forms: &[fn(&str) -> String], question: fn(usize, &str) -> String) -> Vec<usize> {
        let made = forms
            .iter()
            .enumerate()
            .flat_map(|(era, form)| THINGS.iter().map(move |thing| (question(era, thing), form(thing))));
        let mut examples: Vec<Example> =
            made.enumerate().map(|(n, (asked, said))| example(n, &asked, &said)).collect();
        outdate(&mut examples);
        let dropped = |at: &usize| examples[*at].verdict == Verdict::Dropped(Reason::Outdated);
        (0..examples.len()).filter(dropped).collect()
    }

    fn long(thing: &str) -> String {
        format!("fix({thing}): the {thing} no longer loses its last entry; tested by hand")
    }

    fn short(thing: &str) -> String {
        format!("{thing} # keep the last entry [done]")
    }

    fn same(_: usize, thing: &str) -> String {
        format!("Write a commit message: I fixed the {thing} on Monday.")
    }

    #[test]
    fn a_changed_habit_outdates_what_was_before_and_nothing_else() {
        assert_eq!(outdated(&[long, short], same), (0..8).collect::<Vec<_>>());
        // Back again: what holds is what came last.
        assert_eq!(outdated(&[long, short, long], same), (8..16).collect::<Vec<_>>());
    }

    #[test]
    fn a_habit_that_stays_and_another_kind_of_question_outdate_nothing() {
        assert_eq!(outdated(&[long, long], same), Vec::<usize>::new());
        let other = |era: usize, thing: &str| match era {
            0 => same(0, thing),
            _ => format!("Which shell command restarts our {thing}?"),
        };
        assert_eq!(outdated(&[long, short], other), Vec::<usize>::new());
    }

    #[test]
    fn questions_that_share_small_words_only_are_of_no_kind() {
        assert_eq!(outdated(&[long, short], |_, thing| format!("What is a {thing}?")), Vec::<usize>::new());
    }

    #[test]
    fn pieces_are_words_signs_and_ends_of_lines() {
        assert_eq!(pieces(" ab_1( c)\n x"), ["^", "ab_1", "(", "c", ")", "\n", "x", "$"]);
        assert_eq!(pieces(""), ["^", "$"]);
    }
}
