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
    let (checker, positive, negative) = form(rule)?;
    Some(RuleProbes { rule: rule.to_owned(), checker, positive, negative })
}

type Form = (Checker, Vec<String>, Vec<String>);

fn form(rule: &str) -> Option<Form> {
    let lower = rule.to_lowercase();
    let words: Vec<&str> =
        lower.split(|c: char| c.is_whitespace() || ",.;:!".contains(c)).filter(|w| !w.is_empty()).collect();
    let has = |word: &str| words.contains(&word);
    let texts = |prompts: &[&str]| prompts.iter().map(|prompt| (*prompt).to_owned()).collect::<Vec<_>>();

    if let Some(text) = quoted(rule)
        && (has("answer")
            || has("answers")
            || has("reply")
            || has("replies")
            || has("message")
            || has("everything"))
    {
        // About every answer: there is nothing that it must leave alone.
        let all = texts(&[CODE[0], CODE[1], OTHER[0], OTHER[1]]);
        if ["end", "finish", "close", "sign"].iter().any(|word| has(word)) {
            return Some((Checker::EndsWith(text), all, Vec::new()));
        }
        if ["begin", "start", "open"].iter().any(|word| has(word)) {
            return Some((Checker::StartsWith(text), all, Vec::new()));
        }
    }
    if let Some((wanted, other)) = preference(&words) {
        let about = [
            "Show a short example of {}.",
            "How do I use {} in a project?",
            "Which one do you use: {} or another one?",
            "I use {}. What do I type first?",
        ];
        let about = about.map(|text| text.replace("{}", &other)).to_vec();
        return Some((Checker::Prefers(wanted, other), about, texts(&OTHER)));
    }
    let negated = ["never", "not", "don't", "avoid", "no"].iter().any(|word| has(word));
    if negated {
        let at = words.iter().position(|word| ["use", "using", "write", "avoid"].contains(word))?;
        let last = words.get(at + 1..)?;
        let word = quoted(rule).or_else(|| (last.len() == 1).then(|| last[0].to_owned()))?;
        return Some((Checker::Lacks(word), texts(&CODE), Vec::new()));
    }
    if has("tabs") && !has("spaces") {
        return Some((Checker::Indented(0), texts(&PYTHON), texts(&OTHER)));
    }
    if let Some(at) = words.iter().position(|word| *word == "spaces" || *word == "space") {
        let count = words[..at].last()?;
        let count = ["two", "three", "four"]
            .iter()
            .position(|n| n == count)
            .map(|n| n + 2)
            .or_else(|| count.parse().ok())?;
        return (1..=8).contains(&count).then(|| (Checker::Indented(count), texts(&PYTHON), texts(&OTHER)));
    }
    if has("snake_case") || has("camelcase") {
        let case = if has("snake_case") { Case::Snake } else { Case::Camel };
        return Some((Checker::Named(case), texts(&CODE), texts(&OTHER)));
    }
    if has("type") && (has("hints") || has("annotations")) {
        return Some((Checker::Contains(") -> ".into()), texts(&PYTHON), texts(&OTHER)));
    }
    if has("docstring") || has("docstrings") {
        return Some((Checker::Contains("\"\"\"".into()), texts(&PYTHON), texts(&OTHER)));
    }
    if ["answer", "reply", "speak", "respond"].iter().any(|word| has(word))
        && let Some((_, small)) = SPOKEN.iter().find(|(name, _)| has(name))
    {
        let small = small.split(' ').map(str::to_owned).collect();
        let all = ["What is rain?", "What does a baker do?", "Why do people sleep?", "What is a bridge for?"];
        return Some((Checker::Speaks(small), texts(&all), Vec::new()));
    }
    if ["use", "write", "prefer"].iter().any(|word| has(word)) && words.len() <= 6 {
        let mut named = LANGUAGES.iter().filter(|(name, _)| has(name));
        if let (Some((_, fences)), None) = (named.next(), named.next()) {
            let fences = fences.iter().map(|name| (*name).to_owned()).collect();
            return Some((Checker::Fenced(fences), texts(&CODE), texts(&OTHER)));
        }
    }
    None
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
fn preference(words: &[&str]) -> Option<(String, String)> {
    let verb = words.iter().position(|word| ["use", "prefer"].contains(word))?;
    let (wanted, rest) = words.get(verb + 1..)?.split_first()?;
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
            ("Begin each reply with \"Ahoy\"", Checker::StartsWith(text("Ahoy"))),
            ("Use pnpm instead of npm", Checker::Prefers(text("pnpm"), text("npm"))),
            ("use pnpm, not npm", Checker::Prefers(text("pnpm"), text("npm"))),
            ("Never use var", Checker::Lacks(text("var"))),
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
            "",
            "`",
        ] {
            assert_eq!(probes(rule), None, "{rule}");
        }
    }
}
