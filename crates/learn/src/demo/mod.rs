//! A small set of conversations with edits, for the demonstration and for the test of the gate: a house style for Python
//! functions. The answer is a block of code and nothing else, its parameters and its result have types, a sentence says
//! what it does, and what it returns is called `result`.

pub mod trial;

use crate::cycle::Example;
use crate::dataset::Message;
use serde::Deserialize;
use store::Time;

const CONVERSATIONS: &str = include_str!("house_style.jsonl");

/// One conversation: what was asked, what was answered, and what the user has made of it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Conversation {
    /// What was asked.
    pub question: String,
    /// What was answered.
    pub draft: String,
    /// What the user has made of it.
    pub edited: String,
}

/// All of them, in their order.
pub fn conversations() -> Vec<Conversation> {
    let lines = CONVERSATIONS.lines();
    lines.map(|line| serde_json::from_str(line).expect("the file is written for this type")).collect()
}

/// The share of the house style that an answer keeps to, of its five marks.
pub fn style(answer: &str) -> f64 {
    let answer = answer.trim();
    let signature = answer.lines().find(|line| line.trim_start().starts_with("def ")).unwrap_or_default();
    let marks = [
        answer.starts_with("```python\n") && answer.ends_with("\n```"),
        signature.contains(": "),
        signature.contains(") -> "),
        answer.lines().any(|line| line.trim().starts_with("\"\"\"") && line.trim().ends_with(".\"\"\"")),
        answer.contains("result = ") && answer.contains("return result"),
    ];
    marks.iter().filter(|mark| **mark).count() as f64 / marks.len() as f64
}

/// A conversation as an example, the `n`th in time.
pub fn example(n: usize, conversation: &Conversation) -> Example {
    let say = |role: &str, text: &str| Message { role: role.into(), content: text.into() };
    Example {
        messages: vec![say("user", &conversation.question), say("assistant", &conversation.edited)],
        weight: 2.0,
        topic: n as u64,
        time: Time(n as i64),
        chat: String::new(),
        accepted: true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_keep_to_the_style_and_drafts_do_not() {
        let all = conversations();
        assert!(all.len() >= 60);
        for Conversation { question, draft, edited } in all {
            assert_eq!(style(&edited), 1.0, "{question}");
            assert!(style(&draft) < 0.5, "{question}");
        }
    }
}
