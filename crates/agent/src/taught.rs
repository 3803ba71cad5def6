//! What a message teaches: a rule in so many words, or a lasting preference that may become one.

use crate::agent::{Answer, RecordError, TurnError};
use crate::data::visible;
use crate::event::{Step, TurnEvent};
use crate::model::{Finish, Message, Role};
use crate::seam::{Remembered, Rule};
use crate::turn::Turn;
use store::Provenance;
use store::{LONGEST_RULE, Likeness};

/// Longest sentence that is taken for a preference, in characters.
const LONGEST: usize = 200;
/// Most preferences of one message that are offered.
const MOST: usize = 3;

/// What a message teaches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Taught {
    /// Nothing.
    Nothing,
    /// `remember: ...`: this rule, and the message asks for nothing else.
    Rule(String),
    /// Sentences that state how it shall always be done.
    Preferences(Vec<String>),
}

/// Reads a message of the user. Simple, so that everybody can tell beforehand what happens: the word `remember` with a
/// colon, or a sentence that begins as lasting wishes do.
pub fn taught(message: &str) -> Taught {
    if let Some(rule) =
        after_word(message.trim(), "remember").and_then(|rest| rest.trim_start().strip_prefix(':'))
    {
        let rule = rule.trim();
        if !rule.is_empty() && rule.chars().count() <= LONGEST_RULE {
            return Taught::Rule(rule.to_owned());
        }
    }
    let mut wishes: Vec<String> = sentences(message).filter_map(lasting).collect();
    wishes.dedup();
    wishes.truncate(MOST);
    if wishes.is_empty() { Taught::Nothing } else { Taught::Preferences(wishes) }
}

/// Beginnings of a sentence that make it a lasting wish.
const BEGINNINGS: [&str; 16] = [
    "always",
    "never",
    "from now on",
    "from here on",
    "in future",
    "in the future",
    "going forward",
    "for future reference",
    "whenever you",
    "every time you",
    "don't ever",
    "do not ever",
    "i always want",
    "i never want",
    "i always use",
    "i never use",
];
/// What may stand before them.
const FILLING: [&str; 4] = ["please", "and", "also", "but"];
/// Sentences that begin in the same way and wish nothing.
const IDIOMS: [&str; 3] = ["never mind", "always been", "always has"];

/// The sentence, if it states a lasting wish.
fn lasting(sentence: &str) -> Option<String> {
    let sentence = sentence.trim().trim_start_matches(['-', '*', '>']).trim();
    let lower = sentence.to_lowercase().replace('\u{2019}', "'");
    let mut rest = lower.as_str();
    while let Some(next) = FILLING.iter().find_map(|word| after_word(rest, word)) {
        rest = next.trim_start_matches([',', ' ']);
    }
    let wish =
        BEGINNINGS.iter().any(|beginning| after_word(rest, beginning).is_some_and(|rest| rest.len() > 2));
    let idiom = IDIOMS.iter().any(|idiom| after_word(rest, idiom).is_some());
    let question = sentence.ends_with('?') || sentence.ends_with(':');
    (wish && !idiom && !question && sentence.chars().count() <= LONGEST).then(|| sentence.to_owned())
}

/// What follows `word` at the beginning of a text, in any case; `None` where a longer word stands there.
fn after_word<'t>(text: &'t str, word: &str) -> Option<&'t str> {
    let (head, rest) = text.split_at_checked(word.len())?;
    let ends = rest.chars().next().is_none_or(|next| !next.is_alphanumeric() && next != '\'' && next != '-');
    (head.eq_ignore_ascii_case(word) && ends).then_some(rest)
}

/// The sentences of a message, with their ends; code between fences is none.
fn sentences(message: &str) -> impl Iterator<Item = &str> {
    let mut fenced = false;
    let lines = message.lines().filter(move |line| {
        let fence = line.trim_start().starts_with("```");
        fenced ^= fence;
        !fenced && !fence && !line.starts_with("    ") && !line.starts_with('\t')
    });
    lines.flat_map(|line| {
        let mut rest = line;
        std::iter::from_fn(move || {
            let end = rest.match_indices(['.', '!', '?']).map(|(at, _)| at + 1);
            let end = end.into_iter().find(|&at| rest[at..].starts_with(' ')).unwrap_or(rest.len());
            let (sentence, after) = rest.split_at(end);
            rest = after;
            (!sentence.is_empty()).then_some(sentence)
        })
    })
}

impl Turn<'_> {
    /// Takes a rule down, and says what became of it. No model is needed.
    pub(crate) fn remember(&mut self, rule: &str) -> Result<Answer, TurnError> {
        let remembered =
            self.agent.rules.remember(&visible(rule)).map_err(|error| RecordError(error.to_string()))?;
        let text = answer(&remembered);
        let message = Message::new(Role::Assistant, Provenance::Tool, &text);
        let step = Step::Remembered { remembered: remembered.clone(), message: message.clone() };
        self.recorder.record(step)?;
        self.listener.hear(TurnEvent::Remembered { remembered });
        self.listener.hear(TurnEvent::Text { text, origin: Provenance::Tool });
        self.listener.hear(TurnEvent::Done { finish: Finish::Stop, cited: Vec::new(), steps: 0 });
        Ok(Answer { message, finish: Finish::Stop })
    }

    /// Writes preferences down as drafts; those that are known are left out.
    pub(crate) fn offer(&mut self, wishes: &[String]) -> Vec<Rule> {
        let mut offered = Vec::new();
        for wish in wishes {
            match self.agent.rules.offer(&visible(wish), self.ask.project.as_deref()) {
                Ok(draft) => offered.extend(draft),
                Err(error) => tracing::warn!(%error, "a preference could not be offered as a rule"),
            }
        }
        offered
    }
}

/// What is said of a rule that was taught.
pub fn answer(Remembered { rule, new, holds, alike }: &Remembered) -> String {
    let id = |rule: &Rule| rule.id.parse::<store::Id>().map_or_else(|_| rule.id.clone(), |id| id.short());
    let mut text = match (new, holds) {
        (false, _) => format!("I know this already, as rule {}: {}", id(rule), rule.text),
        (true, true) => format!("Remembered, as rule {}: {}", id(rule), rule.text),
        (true, false) => format!("Kept as a draft, {}: {}", id(rule), rule.text),
    };
    for other in alike.iter().filter(|_| *new) {
        let word = match other.likeness {
            Likeness::Duplicate => "It is the same as",
            Likeness::Near => "It is much like",
            Likeness::Contradiction => "It contradicts",
        };
        text += &format!("\n{word} rule {}: {}", id(&other.rule), other.rule.text);
    }
    if let Some(other) =
        alike.iter().find(|other| other.likeness == Likeness::Contradiction).filter(|_| !holds)
    {
        let (new, old) = (id(rule), id(&other.rule));
        text += &format!(
            "\nIt does not hold yet. `hone rules accept {new} --replace {old}` lets it win, and \
             `hone rules accept {new}` lets both hold."
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remember_with_a_colon_is_a_rule() {
        let rule = |text: &str| Taught::Rule(text.into());
        assert_eq!(taught("remember: Always use TypeScript"), rule("Always use TypeScript"));
        assert_eq!(taught("  Remember :  use\ntwo lines \n"), rule("use\ntwo lines"));
        for other in [
            "remember",
            "remember:",
            "remember: \n",
            "remembering: x",
            "do you remember: x",
            "I remember: yes",
        ] {
            assert_eq!(taught(other), Taught::Nothing, "{other}");
        }
        assert_eq!(taught(&format!("remember: {}", "x".repeat(LONGEST_RULE + 1))), Taught::Nothing);
    }

    #[test]
    fn a_lasting_wish_is_a_sentence_that_begins_like_one() {
        let wishes = |text: &str| match taught(text) {
            Taught::Preferences(wishes) => wishes,
            _ => Vec::new(),
        };
        for wish in [
            "Always use tabs.",
            "always use tabs",
            "Never write comments in German!",
            "From now on, answer in one sentence.",
            "Please never use unwrap.",
            "And always, always test it.",
            "Don\u{2019}t ever push to main.",
            "I always want type hints.",
            "- Always use tabs",
        ] {
            assert_eq!(wishes(wish), [wish.trim_start_matches("- ")], "{wish}");
        }
        assert_eq!(
            wishes("Write a parser. Always use tabs. What is 3.5? From now on use pnpm."),
            ["Always use tabs.", "From now on use pnpm."]
        );
        for other in [
            "Why does it always crash?",
            "Always?",
            "Never mind.",
            "never",
            "Always been so.",
            "Is it never used?",
            "The never type is written !.",
            "neverending story",
            "always-on mode is broken",
            "Always do this:",
            "```\nnever use this\n```",
            "    always_indented code",
            "What does this do?\n```py\n# always use tabs\n```",
        ] {
            assert_eq!(wishes(other), [] as [&str; 0], "{other}");
        }
        assert_eq!(wishes(&"Always use tabs. Never use spaces. ".repeat(9)).len(), 3);
        assert!(wishes(&format!("always {}", "x".repeat(300))).is_empty());
    }
}
