//! Answers that nobody should learn from, by their text alone.

use super::Reason;
use super::code::{Fences, fences};
use std::collections::{HashMap, VecDeque};

/// Tokens of an answer: fewer say nothing, more are no answer.
const TOKENS: (usize, usize) = (3, 2048);

/// What is wrong with an answer.
pub(super) fn filter(question: &str, answer: &str) -> Option<Reason> {
    let tokens = tokens(answer);
    if question.trim().is_empty() || answer.trim().is_empty() {
        return Some(Reason::Empty);
    }
    let Fences { prose, closed, .. } = fences(answer);
    match () {
        () if tokens < TOKENS.0 => Some(Reason::Short),
        () if tokens > TOKENS.1 => Some(Reason::Long),
        () if leaks(answer) => Some(Reason::TemplateLeak),
        () if !closed => Some(Reason::Truncated),
        () if repeats(&prose) => Some(Reason::Repetition),
        () if refuses(&prose) => Some(Reason::Refusal),
        () if is_dump(answer) => Some(Reason::ErrorDump),
        () => None,
    }
}

/// About as many as a tokenizer would find: words in pieces of six letters, and signs.
pub(super) fn tokens(text: &str) -> usize {
    let (mut count, mut run) = (0, 0);
    for c in text.chars() {
        if c.is_alphanumeric() {
            count += usize::from(run % 6 == 0);
            run += 1;
        } else {
            count += usize::from(!c.is_whitespace());
            run = 0;
        }
    }
    count
}

/// Control tokens of chat templates, written out.
fn leaks(text: &str) -> bool {
    const MARKS: [&str; 13] = [
        "<|im_start|>",
        "<|im_end|>",
        "<|endoftext|>",
        "<|eot_id|>",
        "<|start_header_id|>",
        "<|assistant|>",
        "<|user|>",
        "<|system|>",
        "[INST]",
        "[/INST]",
        "<<SYS>>",
        "<start_of_turn>",
        "### Instruction:",
    ];
    MARKS.iter().any(|mark| text.contains(mark))
}

/// More than 30 % of the lines were there before, or three words come four times within a hundred.
fn repeats(prose: &str) -> bool {
    let lines: Vec<&str> = prose.lines().map(str::trim).filter(|line| line.len() > 3).collect();
    let mut seen: HashMap<&str, usize> = HashMap::new();
    lines.iter().for_each(|line| *seen.entry(line).or_default() += 1);
    let doubles = lines.len() - seen.len();
    if lines.len() >= 4 && doubles * 10 > lines.len() * 3 {
        return true;
    }
    let words: Vec<String> = prose.split_whitespace().map(str::to_lowercase).collect();
    let mut places: HashMap<&[String], VecDeque<usize>> = HashMap::new();
    words.windows(3).enumerate().any(|(at, trigram)| {
        let list = places.entry(trigram).or_default();
        list.push_back(at);
        list.len() > 3 && at - list.pop_front().unwrap_or(at) < 100
    })
}

/// Beginnings of a refusal.
fn refuses(prose: &str) -> bool {
    const STARTS: [&str; 14] = [
        "i'm sorry, but",
        "i am sorry, but",
        "i'm sorry, i can",
        "sorry, but i can",
        "sorry, i can",
        "i cannot",
        "i can't",
        "i can not",
        "i'm unable to",
        "i am unable to",
        "i'm not able to",
        "as an ai",
        "i apologize, but",
        "unfortunately, i can",
    ];
    let start: String =
        prose.trim_start().chars().take(60).collect::<String>().to_lowercase().replace('’', "'");
    STARTS.iter().any(|refusal| start.starts_with(refusal))
}

/// Most of it is the trace of an error.
fn is_dump(answer: &str) -> bool {
    let lines: Vec<&str> = answer.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let frame = |line: &&&str| {
        let numbered =
            line.split_once(':').is_some_and(|(n, _)| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()));
        line.starts_with("File \"")
            || line.starts_with("at ") && line.contains([':', '('])
            || line.starts_with("Traceback (")
            || line.starts_with("thread '")
            || line.starts_with("stack backtrace")
            || numbered && line.contains("::")
            || line.contains("Error: ")
            || line.contains("Exception: ")
    };
    lines.len() >= 3 && lines.iter().filter(frame).count() * 2 >= lines.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(answer: &str) -> Option<Reason> {
        filter("a question", answer)
    }

    #[test]
    fn good_answers_pass() {
        for answer in [
            "Use a `HashMap`:\n\n```rust\nlet a = 1;\nlet b = 1;\nlet a = 1;\n```\n\nThat is all.",
            "fix(parser): accept empty input",
            "I can do that. First run the tests, then look at the log.",
            "1. Open the file\n2. Read the file\n3. Close the file",
        ] {
            assert_eq!(of(answer), None, "{answer}");
        }
    }

    #[test]
    fn each_bad_answer_has_its_reason() {
        for (answer, reason) in [
            (" \n", Reason::Empty),
            ("ok", Reason::Short),
            (&*"word ".repeat(2049), Reason::Long),
            ("Sure.<|im_end|>\nmore text here", Reason::TemplateLeak),
            ("Here:\n```python\nprint(1)\n", Reason::Truncated),
            ("one line here\nsame old line\nsame old line\nsame old line\n", Reason::Repetition),
            (
                "it is good to be and it is good to go and it is good to see and it is good",
                Reason::Repetition,
            ),
            ("I'm sorry, but I can't help with that.", Reason::Refusal),
            ("As an AI language model, I have no opinion.", Reason::Refusal),
            (
                "Traceback (most recent call last):\n  File \"a.py\", line 1\n    x\nValueError: bad",
                Reason::ErrorDump,
            ),
        ] {
            assert_eq!(of(answer), Some(reason), "{answer}");
        }
        assert_eq!(filter(" ", "an answer to nothing"), Some(Reason::Empty));
    }
}
