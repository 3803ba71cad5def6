//! Does the user's next message say that the answer was bad?

use regex::RegexSet;
use std::collections::HashSet;
use std::sync::LazyLock;

/// Only the beginning of a message is about the answer before it.
const LOOKED_AT: usize = 240;

static COMPLAINTS: LazyLock<RegexSet> = LazyLock::new(|| {
    RegexSet::new([
        r"^(?:no|nope|nah|wrong|incorrect|nein|falsch)\b\s*(?:[,.!:;-]|$)",
        r"^(?:no|sorry|but|hm+|well|actually),? (?:that|this|it)(?:'s| is| was) (?:not|wrong|incorrect)",
        r"^(?:that|this|it|your (?:answer|code|solution))(?:'s| is| was)?(?: still| just| completely| also)? (?:not (?:what|right|correct|it\b|true|good)|wrong|incorrect|broken|nonsense|useless|false)",
        r"\b(?:does ?n[o']t|didn't|did not|doesn't|won't|still not|not) (?:even )?(?:work|compile|run|build|parse|pass|help)(?:ing)?\b",
        r"^(?:i|we) (?:said|asked|meant|told you|wanted|did ?n[o']t ask|didn't want)\b",
        r"^you(?:'ve| have)? (?:forgot|missed|ignored|misunderstood|left out|did ?n[o']t|didn't|got (?:it|that) wrong)",
        r"^(?:please )?(?:try again|again|redo|do it again|fix (?:it|that|this|your))\b",
        r"^(?:not what i|that's not|thats not|das ist (?:falsch|nicht)|stimmt nicht)",
        r"^(?:still|same) (?:the same |an? )?(?:error|problem|wrong|broken|issue|fails?|failing)",
        r"^(?:should (?:be|have been)|use|it should|always|never|don't|do not)\b.{0,80}\b(?:instead|not)\b",
    ])
    .expect("constants, and a test compiles them")
});

/// Whether the next message complains about the answer or asks the same again.
pub(super) fn is_bad_next(question: &str, next: &str) -> bool {
    complains(next) || asks_again(question, next)
}

fn complains(next: &str) -> bool {
    let start: String = next.trim_start().chars().take(LOOKED_AT).collect();
    COMPLAINTS.is_match(&start.to_lowercase().replace('’', "'"))
}

/// The same words, or nearly so in a long message. One word makes a short question another one.
fn asks_again(question: &str, next: &str) -> bool {
    let (a, b) = (words(question), words(next));
    let shared = a.intersection(&b).count();
    let all = a.len() + b.len() - shared;
    all > 0 && (shared == all || all >= 20 && shared * 10 >= all * 9)
}

fn words(text: &str) -> HashSet<String> {
    text.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty()).map(str::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn complaints_are_told_from_new_questions() {
        for next in [
            "No, use snake case",
            "that's wrong",
            "That is not what I asked for.",
            "It doesn’t compile",
            "you forgot the type hints",
            "try again",
            "I said Python, not Ruby",
            "use tabs instead of spaces",
            "still the same error",
            "Write a function that adds!",
        ] {
            assert!(is_bad_next("write a function that adds", next), "{next}");
        }
        for next in [
            "No problem, thanks! Now write the tests",
            "great, and for floats?",
            "How do I use it?",
            "Write a function that subtracts",
            "now make it async",
            "is that right for negative numbers too?",
            "thanks",
        ] {
            assert!(!is_bad_next("write a function that adds", next), "{next}");
        }
    }
}
