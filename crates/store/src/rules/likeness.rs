//! Which rules say the same as a new one, and which say the opposite. Simple, so that it can be explained: words are
//! compared, meanings are not.

use super::{Rule, Scope};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// A rule that resembles another one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Resemblance {
    /// The rule that was there.
    pub rule: Rule,
    /// In which way.
    pub likeness: Likeness,
    /// Why, for a person.
    pub why: String,
}

/// How two rules resemble each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Likeness {
    /// The same words, apart from case, punctuation and filling.
    Duplicate,
    /// Mostly the same words.
    Near,
    /// The same subject, the opposite demand.
    Contradiction,
}

/// Of `rules` those that resemble `text`, contradictions last.
pub(super) fn among(text: &str, scope: &Scope, rules: Vec<Rule>) -> Vec<Resemblance> {
    let new = Demand::of(text);
    let near = |rule: &Rule| meet(scope, &rule.scope);
    let judge = |rule: Rule| {
        let (likeness, why) = new.beside(&Demand::of(&rule.text))?;
        Some(Resemblance { rule, likeness, why })
    };
    let mut found: Vec<Resemblance> = rules.into_iter().filter(near).filter_map(judge).collect();
    found.sort_by_key(|found| found.likeness);
    found
}

/// Whether two rules can hold for one file.
fn meet(a: &Scope, b: &Scope) -> bool {
    let apart = |a: &Option<String>, b: &Option<String>| matches!((a, b), (Some(a), Some(b)) if a != b);
    !apart(&a.project, &b.project) && !apart(&a.files, &b.files)
}

/// A rule in words: what it wants or forbids, of what.
#[derive(Debug)]
struct Demand {
    forbids: bool,
    /// The words that carry meaning, without endings.
    words: BTreeSet<String>,
    /// What it is about: all of them but those that name one of several ways.
    way: Option<(&'static [&'static str], &'static str)>,
}

/// Words that turn a demand around.
const NOT: &[&str] =
    &["never", "no", "not", "dont", "avoid", "without", "stop", "cannot", "shouldnt", "mustnt"];

/// Words that carry no meaning of their own.
const FILLING: &[&str] = &[
    "always", "please", "use", "using", "used", "prefer", "write", "make", "keep", "do", "does", "be", "is",
    "are", "the", "a", "an", "in", "for", "of", "to", "with", "on", "and", "or", "all", "every", "any", "i",
    "we", "you", "my", "our", "your", "it", "should", "must", "want", "like", "only", "when", "as", "that",
    "this", "instead", "than", "rather", "from", "by", "at", "code", "new", "ever",
];

/// Things of which one is chosen: a rule for one speaks against another of the same line.
const WAYS: &[&[&str]] = &[
    &["tab", "space"],
    &["typescript", "javascript"],
    &["npm", "yarn", "pnpm", "bun"],
    &["pip", "poetry", "uv", "conda"],
    &["single", "double"],
    &["camelcase", "snakecase", "kebabcase", "pascalcase"],
    &["pytest", "unittest", "nose"],
    &["jest", "vitest", "mocha"],
    &["tokio", "smol"],
    &["async", "sync", "synchronous"],
    &["postgres", "postgresql", "mysql", "sqlite"],
    &["anyhow", "thiserror"],
    &["class", "function"],
    &["british", "american"],
    &["english", "german", "french", "spanish"],
    &["short", "long", "detailed"],
    &["light", "dark"],
    &["rest", "graphql", "grpc"],
    &["black", "ruff", "yapf"],
    &["prettier", "biome"],
    &["merge", "rebase"],
    &["println", "tracing"],
    &["print", "logging"],
    &["unwrap", "expect"],
];

impl Demand {
    fn of(text: &str) -> Demand {
        // `Don't` is one word, and so is `snake_case`.
        let text: String = text.to_lowercase().chars().filter(|c| !matches!(c, '\'' | '’' | '_')).collect();
        let text = text.replace("snake case", "snakecase").replace("camel case", "camelcase");
        let text = text.replace("do not", "dont");
        // What stands after `instead of` is what is not wanted: it is not what the rule is for.
        let (text, _) = ["instead of", "rather than", "and not", ", not "]
            .iter()
            .find_map(|turn| text.split_once(turn))
            .unwrap_or((&text, ""));
        let all: Vec<&str> = text
            .split(|c: char| !c.is_alphanumeric() && c != '+' && c != '#')
            .filter(|w| !w.is_empty())
            .collect();
        let forbids = all.iter().filter(|word| NOT.contains(word)).count() % 2 == 1;
        let carry = |word: &&&str| !NOT.contains(*word) && !FILLING.contains(*word);
        let words: BTreeSet<String> = all.iter().filter(carry).map(|word| stem(word)).collect();
        let way = WAYS.iter().find_map(|ways| {
            let mut named = ways.iter().filter(|way| words.contains(&stem(way)));
            let way = named.next()?;
            named.next().is_none().then_some((*ways, *way))
        });
        Demand { forbids, words, way }
    }

    /// How this new demand stands to one that was there.
    fn beside(&self, old: &Demand) -> Option<(Likeness, String)> {
        let shared = self.words.intersection(&old.words).count();
        let all = self.words.union(&old.words).count();
        if all == 0 {
            return None;
        }
        let overlap = shared as f64 / all as f64;
        let list = || self.words.intersection(&old.words).cloned().collect::<Vec<_>>().join(", ");
        if self.forbids != old.forbids {
            // `Never use tabs` and `Use tabs for indentation`: one of them says nothing else.
            let contained = shared > 0 && (shared == self.words.len() || shared == old.words.len());
            let opposite = overlap >= 0.5 || contained;
            let why = || format!("one wants and the other forbids: {}", list());
            return opposite.then(|| (Likeness::Contradiction, why()));
        }
        if let (Some((ways, new)), Some((others, was))) = (self.way, old.way)
            && std::ptr::eq(ways, others)
            && new != was
            && !self.forbids
        {
            // The rest must not name different things: `Use tabs in Go`, `Use spaces in Python`.
            let without = |words: &BTreeSet<String>, way: &str| {
                words.iter().filter(|word| **word != stem(way)).cloned().collect::<BTreeSet<_>>()
            };
            let (mine, theirs) = (without(&self.words, new), without(&old.words, was));
            if mine.is_subset(&theirs) || theirs.is_subset(&mine) || !mine.is_disjoint(&theirs) {
                return Some((Likeness::Contradiction, format!("one is for {new}, the other for {was}")));
            }
        }
        match overlap {
            1.0 => Some((Likeness::Duplicate, "the same words".into())),
            o if o >= 0.6 => Some((Likeness::Near, format!("both say: {}", list()))),
            _ => None,
        }
    }
}

/// Without the commonest endings of English, so that `tabs` and `tab` are one word.
fn stem(word: &str) -> String {
    for ending in ["ation", "ing", "es", "s", "ed"] {
        if let Some(start) = word.strip_suffix(ending)
            && start.chars().count() >= 3
            && !start.ends_with('s')
        {
            return start.trim_end_matches('e').to_owned();
        }
    }
    word.trim_end_matches('e').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(new: &str, old: &str) -> Option<Likeness> {
        Demand::of(new).beside(&Demand::of(old)).map(|(likeness, _)| likeness)
    }

    #[test]
    fn the_same_in_other_words_is_a_duplicate() {
        for (new, old) in [
            ("Always use TypeScript", "always use typescript."),
            ("Use TypeScript!", "Please always use TypeScript"),
            ("Don't use tabs", "Never use tabs"),
            ("Write short commit messages", "Keep commit messages short"),
        ] {
            assert_eq!(judged(new, old), Some(Likeness::Duplicate), "{new} / {old}");
        }
        assert_eq!(
            judged(
                "Write unit tests for public functions",
                "Write unit tests for all public functions and types"
            ),
            Some(Likeness::Near)
        );
    }

    #[test]
    fn opposites_contradict() {
        for (new, old) in [
            ("Always use semicolons", "Never use semicolons"),
            ("Use tabs", "Don't use tabs"),
            ("Avoid unwrap", "Use unwrap in tests"),
            ("Use tabs", "Use spaces"),
            ("Use spaces for indentation", "Indent with tabs"),
            ("Always use TypeScript", "Use JavaScript"),
            ("Use npm", "Use pnpm instead of npm"),
            ("Use single quotes", "Use double quotes"),
            ("Name functions in snake_case", "Name functions in camelCase"),
        ] {
            assert_eq!(judged(new, old), Some(Likeness::Contradiction), "{new} / {old}");
            assert_eq!(judged(old, new), Some(Likeness::Contradiction), "{old} / {new}");
        }
    }

    #[test]
    fn different_subjects_have_nothing_to_do_with_each_other() {
        for (new, old) in [
            ("Always use TypeScript", "Write commit messages in the imperative"),
            ("Never use semicolons", "Use four spaces"),
            ("Use tabs in Go", "Use spaces in Python"),
            ("Prefer thiserror in libraries", "Run the tests before every commit"),
            ("", "Use tabs"),
            ("Always", "Never"),
        ] {
            assert_eq!(judged(new, old), None, "{new} / {old}");
        }
    }
}
