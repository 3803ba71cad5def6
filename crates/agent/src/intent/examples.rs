//! The labelled messages that are compiled in.

use super::Intent;
use serde::Deserialize;

/// A message and what it asks for.
#[derive(Clone, Debug, Deserialize)]
pub struct Example {
    /// The message.
    pub text: String,
    /// What it asks for.
    pub intent: Intent,
    /// Whether the user's own code bears on it.
    pub local: bool,
}

/// What the classifier is trained on.
pub fn examples() -> Vec<Example> {
    read(include_str!("examples.jsonl"))
}

/// What it is measured on, and never trained or chosen by.
pub fn held_out() -> Vec<Example> {
    read(include_str!("heldout.jsonl"))
}

fn read(lines: &str) -> Vec<Example> {
    lines.lines().map(|line| serde_json::from_str(line).expect("compiled in and checked by a test")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn there_are_enough_of_each_and_no_message_is_in_both() {
        let (train, test) = (examples(), held_out());
        assert!(train.len() >= 600 && test.len() >= 200, "{} and {}", train.len(), test.len());
        for intent in Intent::ALL {
            let count = |of: &[Example]| of.iter().filter(|e| e.intent == intent).count();
            assert!(count(&train) * 4 > train.len() && count(&test) * 4 > test.len(), "{intent:?} is rare");
        }
        let texts: HashSet<String> = train.iter().chain(&test).map(|e| e.text.to_lowercase()).collect();
        assert_eq!(texts.len(), train.len() + test.len());
    }
}
