//! Passages of small files in every language, beside what they should be (`tests/chunks/expected.txt`).

use knowledge::chunk::{Language, chunk};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

/// Each chunk as a line: file, lines, kind, name, signature.
fn outline_of(folder: &Path) -> String {
    let mut files: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name != "expected.txt")
        .collect();
    files.sort();
    let mut text = String::new();
    for file in files {
        let (language, chunks) = chunk(&file, &fs::read_to_string(folder.join(&file)).unwrap());
        let _ = writeln!(text, "{file} ({language})");
        for c in chunks {
            let name = c.name.unwrap_or_default();
            let signature = c.signature.unwrap_or_default().replace('\n', " | ");
            let _ = writeln!(text, "  {}-{} {} [{name}] {signature}", c.lines.0, c.lines.1, c.kind);
        }
    }
    text
}

#[test]
fn every_language_is_cut_as_expected() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/chunks");
    let made = outline_of(&folder);
    let expected = folder.join("expected.txt");
    if std::env::var_os("HONE_TEST_UPDATE").is_some() {
        fs::write(&expected, &made).unwrap();
    }
    assert_eq!(made, fs::read_to_string(expected).unwrap(), "HONE_TEST_UPDATE=1 accepts what is made");
}

#[test]
fn every_language_has_a_sample() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/chunks");
    let there: Vec<&str> = fs::read_dir(folder)
        .unwrap()
        .filter_map(|entry| Language::of(entry.unwrap().file_name().to_str().unwrap()))
        .map(|language| language.name)
        .collect();
    for language in Language::all() {
        assert!(there.contains(&language.name), "{}", language.name);
    }
}

/// Every line with something in it is in exactly one passage, whatever the file is.
fn assert_covers(path: &str, text: &str) {
    let (_, chunks) = chunk(path, text);
    let mut next = 1;
    let lines: Vec<&str> = text.split('\n').collect();
    for c in &chunks {
        assert!(c.lines.0 <= c.lines.1 && c.lines.1 as usize <= lines.len(), "{path}: {:?}", c.lines);
        assert!(c.lines.0 >= next || c.lines.0 == c.lines.1, "{path}: {:?} begins before {next}", c.lines);
        for line in next..c.lines.0 {
            let text = lines[line as usize - 1];
            assert!(!text.chars().any(char::is_alphanumeric), "{path}:{line} is in no passage: {text:?}");
        }
        assert!(c.text.len() <= 2000, "{path}: {} bytes", c.text.len());
        next = c.lines.1 + 1;
    }
    for (n, line) in lines.iter().enumerate().skip(next as usize - 1) {
        assert!(!line.chars().any(char::is_alphanumeric), "{path}:{} is in no passage", n + 1);
    }
}

#[test]
fn no_line_is_lost_or_there_twice() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/chunks");
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        let name = path.file_name().unwrap().to_str().unwrap();
        assert_covers(name, &text);
        // The same text under any other name, cut short, doubled, and as one line.
        for language in
            ["x.rs", "x.py", "x.tsx", "x.cpp", "x.md", "x.yaml", "x.html", "x.sql", "x.php", "x.txt"]
        {
            assert_covers(language, &text);
            assert_covers(language, &text[..text.floor_char_boundary(text.len() * 2 / 3)]);
            assert_covers(language, &text.replace('\n', " "));
            assert_covers(language, &text.replace('\n', "\r\n"));
        }
    }
}

#[test]
fn hostile_files_are_cut_in_bounded_time() {
    let deep = |open: &str, n: usize| open.repeat(n);
    for (path, text) in [
        ("deep.json", deep("[", 300_000)),
        ("deep.rs", deep("{(", 200_000)),
        ("deep.py", deep("(", 300_000)),
        ("deep.c", deep("{", 500_000)),
        ("deep.html", deep("<a>", 100_000)),
        ("deep.md", deep(">", 200_000)),
        ("deep.yaml", deep("- ", 200_000)),
        ("deep.ts", deep("a?b:", 200_000)),
        ("deep.cpp", deep("a<", 200_000)),
        ("deep.sh", deep("$(", 200_000)),
        ("steps.yaml", (0..400).map(|n| " ".repeat(n) + "- a:\n").collect()),
        ("steps.py", (0..700).map(|n| " ".repeat(n) + "if a:\n").collect()),
        (
            "strings.py",
            deep("f\"{f'{", 400)
                + &(0..239).map(|n| "\n".to_owned() + &" ".repeat(n) + "if a:").collect::<String>(),
        ),
        ("mark.rb", format!("x = <<~\"{}\"\n", "a b\n".repeat(100))),
        ("marks.rb", deep("x(<<A, ", 400)),
        ("nested.rb", deep("\"#{", 400)),
        ("nested.cs", deep("$\"{", 400)),
        ("marks.php", format!("<?php {}", deep("f(<<<A\n", 400))),
        ("tag.sql", format!("${}$", "a".repeat(3000))),
        ("steps.md", (0..240).map(|n| " ".repeat(n) + "- a\n").collect()),
        ("quotes.md", deep("> ", 9000)),
        ("long.js", "x=1;".repeat(250_000)),
        ("long.css", "a{b:c}".repeat(150_000)),
        ("long.txt", "word ".repeat(2_000_000)),
        ("nothing.rs", String::new()),
        ("blank.py", "\n".repeat(100_000)),
        ("nul.rb", "\u{1}\u{2}\u{fffd}".repeat(1000)),
        ("wide.md", "🦀é漢".repeat(50_000)),
    ] {
        let began = std::time::Instant::now();
        let (_, chunks) = chunk(path, &text);
        println!("{path}: {} bytes, {} passages, {:?}", text.len(), chunks.len(), began.elapsed());
        assert!(chunks.iter().all(|c| c.text.len() <= 2000), "{path}");
        assert!(text.len() < 10 || text.starts_with('\n') || !chunks.is_empty(), "{path}");
    }
}
