//! What every source file keeps: a header, a readable length, `unsafe` in its one home.

use crate::tree::{File, Tree};

/// The longest source file that is still read as one.
const MAX_LINES: usize = 600;
/// ARCHITECTURE.md is read in one sitting.
const MAX_ARCHITECTURE_LINES: usize = 199;
/// Where `unsafe` may be.
const UNSAFE_HOME: &str = "crates/kernels/";
/// Package registries are a matter of the user's pip, cargo and npm settings, so no file names one.
const REGISTRIES: [&str; 5] = [
    concat!("py", "pi.org"),
    concat!("files.python", "hosted.org"),
    concat!("crates", ".io/api"),
    concat!("static.crates", ".io"),
    concat!("registry.npm", "js.org"),
];

/// Every file that breaks a rule.
pub(crate) fn check(tree: &Tree) -> Vec<String> {
    let mut findings = Vec::new();
    for file in &tree.files {
        if is_source(&file.path) {
            findings.extend(too_long(file, MAX_LINES));
        }
        if file.path.ends_with(".rs") {
            findings.extend(no_header(file));
            findings.extend(stray_unsafe(file));
        }
        if file.path == "ARCHITECTURE.md" {
            findings.extend(too_long(file, MAX_ARCHITECTURE_LINES));
        }
        findings.extend(registry(file));
    }
    findings
}

/// What is written by hand; `.d.ts` is generated.
fn is_source(path: &str) -> bool {
    !path.ends_with(".d.ts")
        && [".rs", ".py", ".sh", ".ts", ".tsx"].iter().any(|suffix| path.ends_with(suffix))
}

fn too_long(file: &File, limit: usize) -> Option<String> {
    let lines = file.text.lines().count();
    (lines > limit).then(|| format!("{}: {lines} lines, at most {limit}: split it", file.path))
}

fn no_header(file: &File) -> Option<String> {
    let first = file.text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    (!first.starts_with("//! "))
        .then(|| format!("{}: starts without a `//!` line that says what it is for", file.path))
}

fn stray_unsafe(file: &File) -> Option<String> {
    let stray = !file.path.starts_with(UNSAFE_HOME) && has_word(&code_only(&file.text), "unsafe");
    stray.then(|| format!("{}: `unsafe` outside {UNSAFE_HOME}", file.path))
}

fn registry(file: &File) -> Option<String> {
    // A lock file records where packages came from; that is its job.
    let named = REGISTRIES.iter().find(|host| file.text.contains(**host) && !file.path.ends_with(".lock"));
    named.map(|host| format!("{}: names the package registry {host}", file.path))
}

/// Whether `word` stands in `text` by itself, not as a part of a longer name.
fn has_word(text: &str, word: &str) -> bool {
    let is_name = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(word)
        .any(|(at, _)| !text[..at].ends_with(is_name) && !text[at + word.len()..].starts_with(is_name))
}

/// Rust source without comments and without the contents of string and character literals.
fn code_only(source: &str) -> String {
    let mut code = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(next) = rest.chars().next() {
        let skip = match next {
            '/' if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            '/' if rest.starts_with("/*") => block_comment(rest),
            '"' => string(rest),
            'r' if !code.ends_with(|c: char| c.is_alphanumeric() || c == '_') => raw_string(rest),
            '\'' => character(rest),
            _ => 0,
        };
        if skip == 0 {
            code.push(next);
        } else {
            code.push(' ');
        }
        rest = &rest[skip.max(next.len_utf8())..];
    }
    code
}

/// Length of the block comment at the start of `text`; they nest.
fn block_comment(text: &str) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < text.len() {
        let (step, change) = match &text.as_bytes()[at..] {
            [b'/', b'*', ..] => (2, 1),
            [b'*', b'/', ..] => (2, -1),
            _ => (1, 0),
        };
        (at, depth) = (at + step, depth + change);
        if depth == 0 {
            break;
        }
    }
    at
}

/// Length of the string literal at the start of `text`.
fn string(text: &str) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            '"' if !escaped => return at + 1,
            '\\' => escaped = !escaped,
            _ => escaped = false,
        }
    }
    text.len()
}

/// Length of the raw string at the start of `text`, 0 where there is none.
fn raw_string(text: &str) -> usize {
    let hashes = text[1..].bytes().take_while(|b| *b == b'#').count();
    if !text[1 + hashes..].starts_with('"') {
        return 0;
    }
    let end = format!("\"{}", "#".repeat(hashes));
    let body = 2 + hashes;
    text[body..].find(&end).map_or(text.len(), |at| body + at + end.len())
}

/// Length of the character literal at the start of `text`, 0 for a lifetime.
fn character(text: &str) -> usize {
    let mut chars = text.char_indices().skip(1);
    match chars.next() {
        Some((_, '\\')) => text[3..].find('\'').map_or(0, |at| 3 + at + 1),
        Some(_) => chars.next().filter(|(_, c)| *c == '\'').map_or(0, |(at, _)| at + 1),
        None => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(path: &str, text: &str) -> Vec<String> {
        check(&Tree::of(&[(path, text)]))
    }

    #[test]
    fn a_good_file_passes() {
        let good = "//! Adds.\n\n/// unsafe in a comment\nfn unsafe_free() { let _ = (\"unsafe\", r#\"un\"safe \"unsafe\"#, 'u'); }\n";
        assert_eq!(findings("crates/cli/src/a.rs", good), [] as [&str; 0]);
    }

    #[test]
    fn a_missing_header_is_found() {
        assert!(findings("crates/cli/src/a.rs", "\nfn main() {}\n")[0].contains("`//!`"));
        assert!(findings("crates/cli/src/a.rs", "")[0].contains("`//!`"));
    }

    #[test]
    fn stray_unsafe_is_found_and_its_home_is_left_alone() {
        let bad = "//! A.\nfn f<'a>(x: &'a str) { let q = '\"'; /* /* \" */ */ unsafe { g(x, '\\'', \"\\\"\") } }\n";
        assert_eq!(
            findings("crates/cli/src/a.rs", bad),
            ["crates/cli/src/a.rs: `unsafe` outside crates/kernels/"]
        );
        assert_eq!(findings("crates/kernels/src/a.rs", bad), [] as [&str; 0]);
    }

    #[test]
    fn long_files_are_found() {
        let long = "//! A.\n".to_string() + &"\n".repeat(MAX_LINES);
        assert!(findings("crates/cli/src/a.rs", &long)[0].contains("601 lines"));
        assert!(findings("ARCHITECTURE.md", &"x\n".repeat(200))[0].contains("200 lines"));
        assert_eq!(findings("README.md", &"x\n".repeat(700)), [] as [&str; 0]);
    }

    #[test]
    fn registry_names_are_found() {
        let text = format!("pip install --index-url https://{}/simple x", REGISTRIES[0]);
        assert!(findings("start", &text)[0].contains("names the package registry"));
        assert_eq!(findings("Cargo.lock", &text), [] as [&str; 0]);
    }
}
