//! What became of every answer, for people and for programs.

use super::alike::question;
use super::{Example, Export, Verdict};
use serde::Serialize;
use std::collections::BTreeMap;

/// Characters of a question in a report.
const QUESTION: usize = 120;

/// An example in a report. It quotes no answer, and no question of a pair with a secret in it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Line {
    /// Id of the conversation; empty for a completion.
    pub chat: String,
    /// Id of the answer.
    pub message: String,
    /// The beginning of the question.
    pub question: String,
    /// What the user made of the answer.
    pub signal: &'static str,
    /// How much it counts.
    pub weight: f32,
    /// Its topic.
    pub topic: u64,
    /// When it was made.
    pub time: store::Time,
    /// Whether it is learned from.
    pub kept: bool,
    /// A word for why not; for what is kept, its signal.
    pub reason: &'static str,
    /// The same in a sentence.
    pub why: String,
}

/// Numbers of a report.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Counts {
    /// Answers that were looked at.
    pub looked_at: usize,
    /// Examples to learn from.
    pub kept: usize,
    /// Of those, by what the user made of them.
    pub signals: BTreeMap<&'static str, usize>,
    /// The others, by reason.
    pub dropped: BTreeMap<&'static str, usize>,
}

impl Export {
    /// A line for each example, in order.
    pub fn lines(&self) -> Vec<Line> {
        self.examples.iter().map(line).collect()
    }

    /// How many were kept and dropped, and why.
    pub fn counts(&self) -> Counts {
        let mut counts = Counts { looked_at: self.examples.len(), ..Counts::default() };
        for example in &self.examples {
            match &example.verdict {
                Verdict::Kept => {
                    counts.kept += 1;
                    *counts.signals.entry(example.signal.as_str()).or_default() += 1;
                }
                Verdict::Dropped(reason) => *counts.dropped.entry(reason.code()).or_default() += 1,
            }
        }
        counts
    }
}

fn line(example: &Example) -> Line {
    let (kept, reason, why) = match &example.verdict {
        Verdict::Kept => (true, example.signal.as_str(), kept_because(example)),
        Verdict::Dropped(reason) => (false, reason.code(), reason.to_string()),
    };
    let secret = reason == "secret" || !crate::secrets::find(question(example)).is_empty();
    Line {
        chat: example.chat.clone(),
        message: example.message.clone(),
        question: if secret { String::new() } else { question(example).chars().take(QUESTION).collect() },
        signal: example.signal.as_str(),
        weight: example.weight,
        topic: example.topic,
        time: example.time,
        kept,
        reason,
        why,
    }
}

fn kept_because(example: &Example) -> String {
    use super::Signal::{Accepted, Edited, Kept, Rule, Silence, Up};
    let why = match example.signal {
        Edited => "you have rewritten it",
        Rule => "you liked it, and it follows a rule that you have taught",
        Up => "you liked it",
        Kept => "you have used it",
        Accepted => "you have taken the completion",
        Silence if example.weight < 1.0 => "nothing speaks against it",
        _ => "you have taken it in",
    };
    why.to_owned()
}
