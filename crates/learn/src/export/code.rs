//! The fenced blocks of an answer: are they closed, and does their code parse?

use super::{Parses, Reason};

/// An answer apart.
pub(super) struct Fences {
    /// What stands outside of blocks.
    pub(super) prose: String,
    /// The word behind each fence, in lower case, and the lines up to the next one.
    pub(super) blocks: Vec<(String, String)>,
    /// Whether the last block ends.
    pub(super) closed: bool,
}

/// Takes an answer apart, by the rules of CommonMark: a block ends with a fence as long as its first.
pub(super) fn fences(answer: &str) -> Fences {
    let mut fences = Fences { prose: String::new(), blocks: Vec::new(), closed: true };
    let mut open: Option<&str> = None;
    for line in answer.lines() {
        let fence = fence(line);
        let into = match (open, fence) {
            (None, Some((marks, word))) => {
                open = Some(marks);
                fences.blocks.push((word.to_ascii_lowercase(), String::new()));
                continue;
            }
            (Some(first), Some((marks, ""))) if marks.starts_with(first) => {
                open = None;
                continue;
            }
            (Some(_), _) => fences.blocks.last_mut().map(|(_, code)| code),
            (None, None) => Some(&mut fences.prose),
        };
        if let Some(into) = into {
            into.push_str(line);
            into.push('\n');
        }
    }
    fences.closed = open.is_none();
    fences
}

/// The marks of a fence and the word behind it.
fn fence(line: &str) -> Option<(&str, &str)> {
    let line = line.trim_start();
    let mark = line.chars().next().filter(|c| matches!(c, '`' | '~'))?;
    let word = line.trim_start_matches(mark);
    let marks = &line[..line.len() - word.len()];
    let word = word.split_whitespace().next().unwrap_or_default();
    // "```rust```" is code in a line.
    (marks.len() >= 3 && !word.contains('`')).then_some((marks, word))
}

/// A block that does not parse is no example.
pub(super) fn check(answer: &str, parses: &Parses) -> Option<Reason> {
    let blocks = fences(answer).blocks;
    blocks.iter().any(|(word, code)| parses(word, code) == Some(false)).then_some(Reason::BrokenCode)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_end_where_commonmark_ends_them() {
        let text = "a\n```Rust ignore\nlet x;\n```\nb `c`\n~~~~\n~~~\n```\n~~~~\n```rust```\n";
        let fences = fences(text);
        assert_eq!(fences.prose, "a\nb `c`\n```rust```\n");
        assert_eq!(fences.blocks, [("rust".into(), "let x;\n".into()), (String::new(), "~~~\n```\n".into())]);
        assert!(fences.closed && !super::fences("```\nx").closed);
    }

    #[test]
    fn broken_code_is_found_by_the_checker() {
        let parses: Parses = std::sync::Arc::new(|word, code| (word == "x").then(|| code == "good\n"));
        assert_eq!(check("```x\ngood\n```\n```y\nbad\n```", &parses), None);
        assert_eq!(check("```x\nbad\n```", &parses), Some(Reason::BrokenCode));
    }
}
