//! Commands in the documents must exist: every `hone …` in a code span is compared with `--help`.

use crate::tree::Tree;
use std::collections::HashMap;
use std::path::Path;

/// Runs the program with these words and `--help`; `None` where it fails.
type Ask<'a> = dyn Fn(&[&str]) -> anyhow::Result<Option<String>> + 'a;

/// Where `hone help` texts come from, by subcommand words; kept, because each is one run of the program.
pub(crate) struct Help<'a> {
    ask: Box<Ask<'a>>,
    known: HashMap<Vec<String>, Option<String>>,
}

impl<'a> Help<'a> {
    /// Asks the program itself.
    pub(crate) fn of_binary(hone: &'a Path) -> anyhow::Result<Self> {
        let ask = |words: &[&str]| crate::output_of(hone, &[words, &["--help"]].concat());
        ask(&[])?;
        Ok(Help { ask: Box::new(ask), known: HashMap::new() })
    }

    /// The help of `words`, or `None` where there is no such command.
    fn get(&mut self, words: &[&str]) -> anyhow::Result<Option<&str>> {
        let key: Vec<String> = words.iter().map(|w| w.to_string()).collect();
        if !self.known.contains_key(&key) {
            self.known.insert(key.clone(), (self.ask)(words)?);
        }
        Ok(self.known[&key].as_deref())
    }
}

/// Every documented command or flag that the program does not know.
pub(crate) fn check(tree: &Tree, help: &mut Help<'_>) -> anyhow::Result<Vec<String>> {
    let mut findings = Vec::new();
    for file in tree.ending(".md").filter(|f| is_document(&f.path)) {
        for (line, span) in code_spans(&file.text) {
            for call in calls(span) {
                if let Some(problem) = problem(&call, help)? {
                    findings.push(format!("{}:{line}: `hone {}`: {problem}", file.path, call.join(" ")));
                }
            }
        }
    }
    Ok(findings)
}

/// Documents of the root and of `docs/`. The change log may name what is gone.
fn is_document(path: &str) -> bool {
    (!path.contains('/') || path.starts_with("docs/")) && path != "CHANGELOG.md"
}

/// Code spans and lines of fenced blocks, with their line numbers.
fn code_spans(text: &str) -> Vec<(usize, &str)> {
    let mut spans = Vec::new();
    let mut fenced = false;
    for (number, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        } else if fenced {
            spans.push((number + 1, line));
        } else {
            spans.extend(line.split('`').skip(1).step_by(2).map(|span| (number + 1, span)));
        }
    }
    spans
}

/// The words after `hone` in every simple command of a shell line.
fn calls(span: &str) -> Vec<Vec<&str>> {
    let before_comment = span.split(" #").next().unwrap_or_default();
    let parts = before_comment.split([';', '|', '&', '(', ')']);
    let words = parts.map(|part| part.split_whitespace().collect::<Vec<_>>());
    words.filter_map(|words| after_program(&words)).collect()
}

/// Skips `$`, `VAR=value` and folders; `None` where the program is another one.
fn after_program<'t>(words: &[&'t str]) -> Option<Vec<&'t str>> {
    let skip = words.iter().take_while(|w| **w == "$" || w.contains('=')).count();
    let (program, rest) = words[skip..].split_first()?;
    let is_hone = *program == "hone" || program.ends_with("/hone");
    is_hone.then(|| rest.to_vec())
}

/// What is wrong with one call.
fn problem(call: &[&str], help: &mut Help<'_>) -> anyhow::Result<Option<String>> {
    let mut command: Vec<&str> = call.iter().copied().take_while(|w| !w.starts_with('-')).take(2).collect();
    // The second word may be a command of the first, or only what it is about.
    if command.len() == 2 && help.get(&command)?.is_none() {
        command.pop();
    }
    let Some(text) = help.get(&command)? else {
        return Ok(Some("no such command".into()));
    };
    let flags = call.iter().filter(|w| w.starts_with('-') && w.len() > 1);
    let unknown = flags.map(|w| w.split('=').next().unwrap_or(w)).find(|flag| !names_flag(text, flag));
    Ok(unknown.map(|flag| format!("no flag {flag}")))
}

/// Whether a help text lists `flag` as a word of its own.
fn names_flag(help: &str, flag: &str) -> bool {
    help.split(|c: char| c.is_whitespace() || ",[]=<>.".contains(c)).any(|word| word == flag)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn help() -> Help<'static> {
        let ask = |words: &[&str]| {
            Ok(match words {
                [] => Some("Options:\n  -V, --version\n".into()),
                ["chat"] => Some("  -p, --prompt <TEXT>  Answer once\n      --seed=<N>\n".into()),
                ["list"] => Some("      --json\n".into()),
                ["data"] => Some("  fetch\n".into()),
                ["data", "fetch"] => Some("      --seed <N>\n".into()),
                _ => None,
            })
        };
        Help { ask: Box::new(ask), known: HashMap::new() }
    }

    fn findings(document: &str) -> Vec<String> {
        check(&Tree::of(&[("README.md", document)]), &mut help()).unwrap()
    }

    #[test]
    fn known_commands_pass() {
        let good = "Say `hone chat -p TEXT`, `hone -V` or `hone`.\n```sh\n$ HONE_HOME=/x ./target/release/hone list --json | jq . # --all\n```\nThe word hone train outside code is prose.\n";
        assert_eq!(findings(good), [] as [&str; 0]);
    }

    #[test]
    fn unknown_commands_are_found() {
        assert_eq!(findings("\nRun `hone fly home`.\n"), ["README.md:2: `hone fly home`: no such command"]);
        assert_eq!(findings("```\ncd x && hone fly\n```\n"), ["README.md:2: `hone fly`: no such command"]);
    }

    #[test]
    fn unknown_flags_are_found() {
        assert_eq!(findings("`hone chat --see 1`"), ["README.md:1: `hone chat --see 1`: no flag --see"]);
        assert_eq!(findings("`hone list -p x`"), ["README.md:1: `hone list -p x`: no flag -p"]);
        assert_eq!(findings("`hone data fetch x --seed 1`"), [] as [&str; 0]);
        assert_eq!(
            findings("`hone data fetch --json`"),
            ["README.md:1: `hone data fetch --json`: no flag --json"]
        );
    }
}
