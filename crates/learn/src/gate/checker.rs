//! Does an answer show a rule? What can be told from the text alone.

use serde::{Deserialize, Serialize};

/// How a rule shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Checker {
    /// It holds this text.
    Contains(String),
    /// It does not hold this word, in whatever case.
    Lacks(String),
    /// It holds the first word and not the second.
    Prefers(String, String),
    /// It begins with this text.
    StartsWith(String),
    /// It ends with this text.
    EndsWith(String),
    /// Its last line begins with this text.
    LastLine(String),
    /// Its code is in this language, by one of the words behind the fence.
    Fenced(Vec<String>),
    /// Lines of its code are indented by so many spaces; 0 means tabs.
    Indented(usize),
    /// Functions of its code are named so.
    Named(Case),
    /// It is written in the language that these small words are of.
    Speaks(Vec<String>),
}

/// How names are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Case {
    /// `like_this`.
    Snake,
    /// `likeThis`.
    Camel,
}

impl Checker {
    /// Whether the answer shows it.
    pub fn shows(&self, answer: &str) -> bool {
        let answer = answer.trim();
        match self {
            Checker::Contains(text) => answer.contains(text),
            Checker::Lacks(word) => !holds(answer, word),
            Checker::Prefers(wanted, other) => holds(answer, wanted) && !holds(answer, other),
            Checker::StartsWith(text) => answer.starts_with(text),
            Checker::EndsWith(text) => answer.ends_with(text),
            Checker::LastLine(text) => answer.lines().last().is_some_and(|line| line.starts_with(text)),
            Checker::Fenced(names) => {
                let fences: Vec<&str> = blocks(answer).map(|(name, _)| name).collect();
                let named = |fence: &&str| names.iter().any(|name| name.eq_ignore_ascii_case(fence));
                !fences.is_empty() && fences.iter().all(named)
            }
            Checker::Indented(spaces) => is_indented(answer, *spaces),
            Checker::Named(case) => {
                let names: Vec<&str> = blocks(answer).flat_map(|(_, code)| functions(code)).collect();
                // A single word is written alike in both.
                let other = |name: &&str| match case {
                    Case::Snake => name.chars().any(char::is_uppercase),
                    Case::Camel => name.trim_matches('_').contains('_'),
                };
                !names.is_empty() && !names.iter().any(other)
            }
            Checker::Speaks(small) => {
                let words: Vec<String> = answer.split_whitespace().map(plain).collect();
                let own = words.iter().filter(|word| small.contains(word)).count();
                !words.is_empty() && 8 * own >= words.len()
            }
        }
    }
}

/// Whether a word, or a run of them, stands in the text by itself.
fn holds(text: &str, word: &str) -> bool {
    let (text, word) = (text.to_lowercase(), word.to_lowercase());
    let inside = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(&word).any(|(at, _)| {
        let (before, after) = (text[..at].chars().next_back(), text[at + word.len()..].chars().next());
        let starts = !before.is_some_and(inside) || !word.starts_with(inside);
        starts && (!after.is_some_and(inside) || !word.ends_with(inside))
    })
}

fn plain(word: &str) -> String {
    word.trim_matches(|c: char| !c.is_alphanumeric()).to_lowercase()
}

/// The fenced blocks: the word behind the fence, and what is in it.
fn blocks(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.split("```").skip(1).step_by(2).map(|block| {
        let (name, code) = block.split_once('\n').unwrap_or((block, ""));
        (name.trim(), code)
    })
}

/// Names of the functions that are defined in code, whatever its language.
fn functions(code: &str) -> impl Iterator<Item = &str> {
    code.lines().filter_map(|line| {
        let rest = ["def ", "function ", "fn ", "func "].iter().find_map(|word| {
            let (before, rest) = line.split_once(word)?;
            before
                .split_whitespace()
                .all(|w| ["pub", "async", "export", "default", "static"].contains(&w))
                .then_some(rest)
        })?;
        let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        Some(&rest[..end]).filter(|name| !name.is_empty())
    })
}

/// Whether all of its indented lines of code begin so; one with none shows nothing.
fn is_indented(answer: &str, spaces: usize) -> bool {
    let mut lines = blocks(answer)
        .flat_map(|(_, code)| code.lines())
        .filter(|line| line.starts_with([' ', '\t']) && !line.trim().is_empty())
        .peekable();
    let first = lines.peek().map(|line| line.len() - line.trim_start().len());
    let fits = |line: &str| match spaces {
        0 => line.starts_with('\t'),
        n => !line.starts_with('\t') && (line.len() - line.trim_start().len()).is_multiple_of(n),
    };
    // Four spaces are a multiple of two, so the first line decides between them.
    first.is_some_and(|first| spaces == 0 || first == spaces) && lines.all(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(fence: &str, text: &str) -> String {
        format!("Here:\n```{fence}\n{text}\n```\n")
    }

    #[test]
    fn texts_and_words() {
        let shows = |checker: Checker, answer: &str| checker.shows(answer);
        assert!(
            shows(Checker::StartsWith("$ ".into()), "  $ ls")
                && !shows(Checker::StartsWith("$ ".into()), "ls")
        );
        assert!(shows(Checker::EndsWith("Ahoy!".into()), "It is so. Ahoy!\n"));
        assert!(
            shows(Checker::LastLine("-- ".into()), "text\n-- me")
                && !shows(Checker::LastLine("-- ".into()), "-- me\ntext")
        );
        let pnpm = || Checker::Prefers("pnpm".into(), "npm".into());
        assert!(shows(pnpm(), "Run `pnpm install`.") && !shows(pnpm(), "Run npm install, or pnpm."));
        assert!(
            shows(Checker::Lacks("var".into()), "variable") && !shows(Checker::Lacks("var".into()), "var x")
        );
        let german = Checker::Speaks(["der", "die", "das", "und", "ist", "ein"].map(String::from).to_vec());
        assert!(german.shows("Das ist ein Baum und die Sonne.") && !german.shows("This is a tree."));
    }

    #[test]
    fn what_code_shows() {
        let rust = Checker::Fenced(vec!["rust".into(), "rs".into()]);
        assert!(
            rust.shows(&code("rust", "fn a() {}"))
                && !rust.shows(&code("python", "a"))
                && !rust.shows("no code")
        );
        let two = code("js", "function a() {\n  if (b) {\n    c()\n  }\n}");
        assert!(Checker::Indented(2).shows(&two) && !Checker::Indented(4).shows(&two));
        let four = code("python", "def a():\n    return 1");
        assert!(Checker::Indented(4).shows(&four) && !Checker::Indented(2).shows(&four));
        assert!(Checker::Indented(0).shows(&code("go", "func a() {\n\treturn\n}")));
        assert!(Checker::Named(Case::Snake).shows(&code("python", "def read_it(): pass")));
        assert!(Checker::Named(Case::Camel).shows(&code("ts", "export async function readIt() {}")));
        assert!(!Checker::Named(Case::Camel).shows(&code("python", "def read_it(): pass")));
        assert!(!Checker::Named(Case::Snake).shows("no code at all"));
    }
}
