//! The comment of a function, and the function without it.

/// What comments begin with, the longest first.
const MARKS: [&str; 8] = ["///", "//!", "//", "#", "--", "/**", "/*", "*"];

/// The words of the comment above or at the beginning of a function, and its code; none where nothing is said.
pub(super) fn split(language: &str, text: &str) -> Option<(String, String)> {
    let lines: Vec<&str> = text.lines().collect();
    let attribute = |line: &str| line.starts_with("#[") || line.starts_with('@') || line.starts_with("#!");
    let comment = |line: &&&str| {
        let line = line.trim_start();
        !attribute(line) && (line.is_empty() || MARKS.iter().any(|mark| line.starts_with(mark)))
    };
    let above = lines.iter().take_while(comment).count();
    let (said, code) = lines.split_at(above);
    let words = words(said);
    match words.is_empty() && language == "python" {
        true => docstring(&lines),
        false => (!words.is_empty()).then(|| (words, outdent(code))),
    }
}

fn words(lines: &[&str]) -> String {
    let word = |line: &&str| {
        let mut line = line.trim().trim_end_matches("*/");
        while let Some(rest) = MARKS.iter().find_map(|mark| line.strip_prefix(mark)) {
            line = rest.trim_start();
        }
        line.trim().to_owned()
    };
    lines.iter().map(word).collect::<Vec<_>>().join("\n").trim().to_owned()
}

/// The text between three quotes after the head of a Python function.
fn docstring(lines: &[&str]) -> Option<(String, String)> {
    let head = lines.iter().position(|line| line.trim_end().ends_with(':'))?;
    let first = lines.get(head + 1)?.trim();
    let quotes = ["\"\"\"", "'''"].into_iter().find(|quotes| first.starts_with(quotes))?;
    let mut said = Vec::new();
    let mut end = None;
    for (at, line) in lines.iter().enumerate().skip(head + 1) {
        let inner = if at == head + 1 { &line.trim()[3..] } else { line.trim() };
        match inner.find(quotes) {
            Some(close) => {
                said.push(&inner[..close]);
                end = Some(at + 1);
                break;
            }
            None => said.push(inner),
        }
    }
    let rest: Vec<&str> = lines[..=head].iter().chain(&lines[end?..]).copied().collect();
    let words = said.join("\n").trim().to_owned();
    (!words.is_empty()).then(|| (words, outdent(&rest)))
}

/// Without the indentation that all lines have.
pub(super) fn outdent(lines: &[&str]) -> String {
    let indent = |line: &&&str| line.len() - line.trim_start().len();
    let least =
        lines.iter().filter(|line| !line.trim().is_empty()).map(|line| indent(&line)).min().unwrap_or(0);
    let cut = |line: &&str| line.get(least..).unwrap_or_default().trim_end().to_owned();
    lines.iter().map(cut).collect::<Vec<_>>().join("\n").trim_matches('\n').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_of_any_kind_are_read() {
        for (language, text, words, code) in [
            (
                "rust",
                "    /// Adds.\n    ///\n    /// Twice.\n    #[inline]\n    fn a() {}\n",
                "Adds.\n\nTwice.",
                "#[inline]\nfn a() {}",
            ),
            ("java", "/**\n * Adds.\n */\nint a() {}\n", "Adds.", "int a() {}"),
            (
                "python",
                "def a(x):\n    \"\"\"Adds.\n\n    Twice.\n    \"\"\"\n    return x\n",
                "Adds.\n\nTwice.",
                "def a(x):\n    return x",
            ),
            ("python", "def a(x):\n    '''Adds.'''\n    return x", "Adds.", "def a(x):\n    return x"),
            ("bash", "# Adds.\na() { :; }", "Adds.", "a() { :; }"),
        ] {
            assert_eq!(split(language, text), Some((words.into(), code.into())), "{text}");
        }
        assert_eq!(split("python", "def a(x):\n    return x"), None);
        assert_eq!(split("rust", "fn a() {}"), None);
        assert_eq!(split("python", "def a(x):\n    \"\"\"never closed\n"), None);
    }
}
