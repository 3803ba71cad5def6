//! Functions as questions: write it from its comment, fill in some of its lines.

use super::comment::{outdent, split};
use super::{File, Function};
use crate::export::fill_in;
use sha2::{Digest, Sha256};

/// Lines of a function that is worth it; longer ones do not fit into an answer.
const LINES: std::ops::RangeInclusive<usize> = 3..=80;
/// A shorter comment says too little, a longer one is a manual.
const WORDS: std::ops::RangeInclusive<usize> = 3..=200;

/// The function from its comment and its head.
pub(super) fn from_comment(file: &File, function: &Function) -> Option<(String, String)> {
    let (said, code) = split(&file.language, &function.text)?;
    if !LINES.contains(&code.lines().count()) || !WORDS.contains(&said.split_whitespace().count()) {
        return None;
    }
    let File { path, language, .. } = file;
    let Function { name, signature, .. } = function;
    let question =
        format!("Write `{name}` for {path} in {language}.\n\n{said}\n\n```{language}\n{signature}\n```");
    Some((question, format!("```{language}\n{code}\n```")))
}

/// Some lines of the body, from what stands around them.
pub(super) fn hole(file: &File, function: &Function) -> Option<(String, String)> {
    let code = outdent(&function.text.lines().collect::<Vec<_>>());
    let lines: Vec<&str> = code.lines().collect();
    if lines.len() < 5 || !LINES.contains(&lines.len()) {
        return None;
    }
    // Neither the head nor the end; which lines is decided by the text, so that it is the same every time.
    let hash = Sha256::digest(code.as_bytes());
    let inner = lines.len() - 3;
    let count = 1 + usize::from(hash[0]) % inner.min(6);
    let first = 2 + usize::from(hash[1]) % (inner + 1 - count);
    let text = lines[first..first + count].join("\n");
    if text.chars().filter(|c| c.is_alphanumeric()).count() < 4 {
        return None;
    }
    let before = lines[..first].join("\n") + "\n";
    let after = "\n".to_owned() + &lines[first + count..].join("\n");
    let question = format!(
        "{}\n\nIt is `{}` of {}.",
        fill_in(&file.language, &before, &after),
        function.name,
        file.path
    );
    Some((question, text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hole_and_frame_are_the_function() {
        let text = "fn a() {\n    one();\n    two();\n    three();\n    four();\n}";
        let function = Function { name: "a".into(), signature: "fn a()".into(), text: text.into() };
        let file = File { path: "a.rs".into(), language: "rust".into(), functions: Vec::new() };
        let (question, answer) = hole(&file, &function).unwrap();
        assert!(question.replace("<HOLE>. ", "").replacen("<HOLE>", &answer, 1).contains(text), "{question}");
        assert!(from_comment(&file, &function).is_none());
        let short = Function { text: "fn a() {\n}\n".into(), ..function };
        assert!(hole(&file, &short).is_none());
    }
}
