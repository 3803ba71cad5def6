//! Prompts and a checker for a taught rule, where its text has a form that can be checked.
//!
//! The forms are few and plain; a rule of another one is not probed, and the report says so. Prompts are of our own: they
//! must be the same every night, and no example of the user's may be among them.

use super::{Case, Checker, RuleProbes};

/// Prompts that are answered with code, in no language by name.
const CODE: [&str; 4] = [
    "Write a function that returns the larger of two numbers.",
    "Write a function that counts the words of a text.",
    "Write a function that reverses a list.",
    "Write a function that checks whether a number is even.",
];
/// The same in a language that has type hints, docstrings and indentation.
const PYTHON: [&str; 4] = [
    "Write a Python function that returns the larger of two numbers.",
    "Write a Python function that counts the words of a text.",
    "Write a Python function that reverses a list.",
    "Write a Python function that checks whether a number is even.",
];
/// Prompts about nothing of the kind.
const OTHER: [&str; 4] = [
    "What is the capital of Norway?",
    "Explain in one sentence what rain is.",
    "Name a fruit that is yellow.",
    "Who was Marie Curie?",
];

/// Programming languages, with the words that stand behind fences.
const LANGUAGES: [(&str, &[&str]); 12] = [
    ("typescript", &["typescript", "ts", "tsx"]),
    ("javascript", &["javascript", "js", "jsx"]),
    ("python", &["python", "py", "python3"]),
    ("rust", &["rust", "rs"]),
    ("go", &["go", "golang"]),
    ("java", &["java"]),
    ("kotlin", &["kotlin", "kt"]),
    ("ruby", &["ruby", "rb"]),
    ("swift", &["swift"]),
    ("bash", &["bash", "sh", "shell"]),
    ("c++", &["cpp", "c++"]),
    ("c#", &["csharp", "cs", "c#"]),
];

/// Spoken languages, with the small words that make up a good part of any text in them.
const SPOKEN: [(&str, &str); 4] = [
    ("english", "the a an of and to is in it that for with are on as was by this you or"),
    ("german", "der die das und ist ein eine in zu den von mit nicht es auf für im dem sich auch"),
    ("french", "le la les de des un une et est en que qui dans pour à il ce du au pas"),
    ("spanish", "el la los las de un una y es en que por con para se no lo del al su"),
];

/// The probes of a rule; none where its form is not one of those that can be checked.
pub fn probes(rule: &str) -> Option<RuleProbes> {
    let words = Words::of(rule);
    let (checker, positive, negative) = match words.has(&FORBIDDING) {
        // What is forbidden is not what the rule is about in any other form.
        true => preference(&words).or_else(|| avoided(&words)),
        false => FORMS.iter().find_map(|form| form(&words)),
    }?;
    Some(RuleProbes { rule: rule.to_owned(), checker, positive, negative })
}

/// A checker with prompts on which the rule must show, and others on which it must not.
type Form = (Checker, Vec<String>, Vec<String>);

/// The forms of rules that ask for something.
const FORMS: [fn(&Words<'_>) -> Option<Form>; 7] =
    [framed, preference, indented, named, python, spoken, language];

/// Words that turn a rule round.
const FORBIDDING: [&str; 5] = ["never", "not", "don't", "avoid", "no"];

/// A rule, and its words in small letters without what stands in quotes.
struct Words<'a> {
    rule: &'a str,
    words: Vec<String>,
}

impl Words<'_> {
    fn of(rule: &str) -> Words<'_> {
        let lower =
            quoted(rule).map_or_else(|| rule.to_owned(), |text| rule.replace(&text, "")).to_lowercase();
        let words = lower.split(|c: char| c.is_whitespace() || ",.;:!".contains(c));
        Words { rule, words: words.filter(|word| !word.is_empty()).map(str::to_owned).collect() }
    }

    /// Whether one of these is among them.
    fn has(&self, any: &[&str]) -> bool {
        self.position(any).is_some()
    }

    fn position(&self, any: &[&str]) -> Option<usize> {
        self.words.iter().position(|word| any.contains(&word.as_str()))
    }
}

fn texts(prompts: &[&str]) -> Vec<String> {
    prompts.iter().map(|prompt| (*prompt).to_owned()).collect()
}

/// How every answer begins or ends: there is nothing that it must leave alone.
fn framed(rule: &Words<'_>) -> Option<Form> {
    let text = quoted(rule.rule)?;
    if !rule.has(&["answer", "answers", "reply", "replies", "message", "everything"]) {
        return None;
    }
    let checker = if rule.has(&["end", "finish", "close", "sign"]) {
        Checker::EndsWith(text)
    } else if rule.has(&["begin", "start", "open"]) {
        Checker::StartsWith(text)
    } else {
        return None;
    };
    Some((checker, texts(&[CODE[0], CODE[1], OTHER[0], OTHER[1]]), Vec::new()))
}

/// One word instead of another.
fn preference(rule: &Words<'_>) -> Option<Form> {
    let (wanted, other) = preferred(rule)?;
    let about = [
        "Show a short example of {}.",
        "How do I use {} in a project?",
        "Which one do you use: {} or another one?",
        "I use {}. What do I type first?",
    ];
    let about = about.map(|text| text.replace("{}", &other)).to_vec();
    Some((Checker::Prefers(wanted, other), about, texts(&OTHER)))
}

/// One word that code must not hold.
fn avoided(rule: &Words<'_>) -> Option<Form> {
    let at = rule.position(&["use", "using", "write", "avoid"])?;
    let last = rule.words.get(at + 1..)?;
    let word = quoted(rule.rule).or_else(|| (last.len() == 1).then(|| last[0].clone()))?;
    if word == "tabs" {
        return Some((Checker::Lacks("\t".into()), texts(&PYTHON), Vec::new()));
    }
    Some((Checker::Lacks(word), texts(&CODE), Vec::new()))
}

/// By tabs, or by so many spaces.
fn indented(rule: &Words<'_>) -> Option<Form> {
    let spaces = match rule.position(&["spaces", "space"]) {
        Some(at) => {
            let count = &rule.words[..at].last()?[..];
            let spelled = ["two", "three", "four"].iter().position(|n| *n == count).map(|n| n + 2);
            spelled.or_else(|| count.parse().ok()).filter(|count| (1..=8).contains(count))?
        }
        None if rule.has(&["tabs"]) => 0,
        None => return None,
    };
    Some((Checker::Indented(spaces), texts(&PYTHON), texts(&OTHER)))
}

fn named(rule: &Words<'_>) -> Option<Form> {
    let case = match () {
        () if rule.has(&["snake_case"]) => Case::Snake,
        () if rule.has(&["camelcase"]) => Case::Camel,
        () => return None,
    };
    Some((Checker::Named(case), texts(&CODE), texts(&OTHER)))
}

/// Type hints and docstrings.
fn python(rule: &Words<'_>) -> Option<Form> {
    let mark = match () {
        () if rule.has(&["type"]) && rule.has(&["hints", "annotations"]) => ") -> ",
        () if rule.has(&["docstring", "docstrings"]) => "\"\"\"",
        () => return None,
    };
    Some((Checker::Contains(mark.into()), texts(&PYTHON), texts(&OTHER)))
}

/// The language that is spoken.
fn spoken(rule: &Words<'_>) -> Option<Form> {
    if !rule.has(&["answer", "reply", "speak", "respond"]) {
        return None;
    }
    let (_, small) = SPOKEN.iter().find(|(name, _)| rule.has(&[name]))?;
    let all = ["What is rain?", "What does a baker do?", "Why do people sleep?", "What is a bridge for?"];
    Some((Checker::Speaks(small.split(' ').map(str::to_owned).collect()), texts(&all), Vec::new()))
}

/// The one language that code is written in.
fn language(rule: &Words<'_>) -> Option<Form> {
    if !rule.has(&["use", "write", "prefer"]) || rule.words.len() > 6 {
        return None;
    }
    let mut named = LANGUAGES.iter().filter(|(name, _)| rule.has(&[name]));
    let (Some((_, fences)), None) = (named.next(), named.next()) else { return None };
    Some((Checker::Fenced(texts(fences)), texts(&CODE), texts(&OTHER)))
}

/// What stands in the only quotes or backticks of a rule.
fn quoted(rule: &str) -> Option<String> {
    ['`', '"', '“'].iter().find_map(|open| {
        let (_, rest) = rule.split_once(*open)?;
        let close = if *open == '“' { '”' } else { *open };
        let (text, after) = rest.split_once(close)?;
        (!text.trim().is_empty() && !after.contains(*open)).then(|| text.trim().to_owned())
    })
}

/// `use X instead of Y`, `X rather than Y`, `prefer X over Y`, `use X, not Y`: single words both.
fn preferred(rule: &Words<'_>) -> Option<(String, String)> {
    let verb = rule.position(&["use", "prefer"])?;
    if rule.position(&FORBIDDING).is_some_and(|at| at < verb) {
        return None;
    }
    let words: Vec<&str> = rule.words[verb + 1..].iter().map(String::as_str).collect();
    let (wanted, rest) = words.split_first()?;
    let other = match rest {
        ["instead", "of", other]
        | ["rather", "than", other]
        | ["over", other]
        | ["not", other]
        | ["never", other] => other,
        _ => return None,
    };
    let plain = |word: &str| word.trim_matches(['`', '"', '\'']).to_owned();
    Some((plain(wanted), plain(other)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_that_can_be_checked() {
        let text = |text: &str| text.to_owned();
        for (rule, expected) in [
            (
                "Always use TypeScript",
                Checker::Fenced(["typescript", "ts", "tsx"].map(String::from).to_vec()),
            ),
            ("Use 4 spaces", Checker::Indented(4)),
            ("Indent with two spaces.", Checker::Indented(2)),
            ("Indent with tabs", Checker::Indented(0)),
            ("End every answer with `-- hone`", Checker::EndsWith(text("-- hone"))),
            ("End every answer with \"no more\"", Checker::EndsWith(text("no more"))),
            ("Begin each reply with \"Ahoy\"", Checker::StartsWith(text("Ahoy"))),
            ("Use pnpm instead of npm", Checker::Prefers(text("pnpm"), text("npm"))),
            ("use pnpm, not npm", Checker::Prefers(text("pnpm"), text("npm"))),
            ("Never use var", Checker::Lacks(text("var"))),
            ("Never use tabs", Checker::Lacks(text("\t"))),
            ("Do not use `unwrap()` in libraries", Checker::Lacks(text("unwrap()"))),
            ("Write functions in snake_case", Checker::Named(Case::Snake)),
            ("Always add type hints", Checker::Contains(text(") -> "))),
        ] {
            let probes = probes(rule).unwrap_or_else(|| panic!("{rule}"));
            assert_eq!(probes.checker, expected, "{rule}");
            assert_eq!(probes.positive.len(), 4, "{rule}");
            assert!([0, 4].contains(&probes.negative.len()));
        }
        assert!(matches!(probes("From now on, answer in German.").unwrap().checker, Checker::Speaks(_)));
    }

    #[test]
    fn others_are_not_probed() {
        for rule in [
            "Be kind",
            "Our database is called zoo",
            "Use Python for scripts and Rust for everything else",
            "Never end an answer with `bye`",
            "Do not use tabs instead of spaces",
            "",
            "`",
        ] {
            assert_eq!(probes(rule), None, "{rule}");
        }
    }
}
