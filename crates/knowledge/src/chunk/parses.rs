//! Does a piece of code parse? Asked of the blocks of answers.

use super::languages::Language;
use super::{guard, outline};

/// Names of languages, as they stand behind a fence, that are not those of the table or its endings.
const ALIASES: [(&str, &str); 13] = [
    ("rust", "rs"),
    ("python", "py"),
    ("python3", "py"),
    ("typescript", "ts"),
    ("javascript", "js"),
    ("golang", "go"),
    ("c++", "cpp"),
    ("csharp", "cs"),
    ("c#", "cs"),
    ("ruby", "rb"),
    ("shell", "sh"),
    ("node", "js"),
    ("kotlin", "kt"),
];

/// Languages whose snippets are whole by themselves. A fragment of HTML or YAML always parses, SQL has too many dialects,
/// and a shell session is no script.
const JUDGED: [&str; 11] =
    ["rust", "python", "typescript", "tsx", "javascript", "go", "c", "cpp", "ruby", "json", "java"];

/// Whether the code between fences parses, by the word behind the fence; `None` where nobody can tell. Statements that
/// stand alone are tried in a function too: a snippet needs no frame.
pub fn parses(word: &str, code: &str) -> Option<bool> {
    let ending = ALIASES.iter().find(|(name, _)| *name == word).map_or(word, |(_, ending)| ending);
    let language = Language::of(&format!("a.{ending}")).filter(|l| JUDGED.contains(&l.name))?;
    let whole = |text: &str| match guard::admits(language.name, text) {
        true => outline::is_whole(language, text),
        false => None,
    };
    let frame = match language.name {
        "rust" => Some(("fn f() {\n", "\n}")),
        "go" => Some(("package p\nfunc f() {\n", "\n}")),
        "c" | "cpp" => Some(("void f() {\n", "\n}")),
        "java" => Some(("class A {\n", "\n}")),
        _ => None,
    };
    let alone = whole(code)?;
    let inside = frame.and_then(|(before, after)| whole(&format!("{before}{code}{after}")));
    let deeper =
        (language.name == "java").then(|| whole(&format!("class A {{ void f() {{\n{code}\n}} }}"))).flatten();
    Some(alone || inside == Some(true) || deeper == Some(true))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn snippets_parse_and_broken_ones_do_not() {
        for (word, code) in [
            ("rust", "let x = 1;\nprintln!(\"{x}\");"),
            ("rs", "fn main() {}"),
            ("python", "def f(x):\n    return x\n"),
            ("js", "const a = () => 1"),
            ("go", "x := 1\n_ = x"),
            ("c++", "int x = 1; x++;"),
            ("java", "int x = 1;"),
            ("json", "{\"a\": 1}"),
        ] {
            assert_eq!(parses(word, code), Some(true), "{word} {code}");
        }
        for (word, code) in [
            ("rust", "fn main( {"),
            ("python", "def f(x:\n    return x\n"),
            ("typescript", "const a = ((1"),
            ("json", "{\"a\": }"),
            ("c", "int x = ;"),
        ] {
            assert_eq!(parses(word, code), Some(false), "{word} {code}");
        }
        for word in ["", "text", "sql", "diff", "console", "yaml"] {
            assert_eq!(parses(word, "x ( ="), None, "{word}");
        }
    }
}
