//! Which texts a grammar may see.
//!
//! The scanners of grammars are C, and keep their state in 1,024 bytes: nothing checks that it fits. A text that could
//! make it larger (tests/knowledge/chunks.rs has some) would end the process, so it is cut by its lines instead. The
//! bounds follow from what each scanner keeps for a column of indentation, and are far from what people write.

/// Longest line, in bytes: what is longer was made by a program, and columns beyond 32,767 are negative to a scanner.
const LINE: usize = 20_000;
/// Deepest indentation, in columns: Python's scanner keeps 2 bytes for each.
const INDENT: usize = 240;
/// Last column where something begins in YAML, whose scanner keeps 8 bytes for each.
const YAML: usize = 110;
/// Longest end mark of a here-document, in bytes: Ruby's scanner keeps its length in one.
const MARK: usize = 120;

/// Whether the grammar of a language may see a text.
pub(super) fn admits(language: &str, text: &str) -> bool {
    text.split('\n').all(|line| line.len() <= LINE && indentation(line) <= INDENT)
        && (language != "yaml" || text.split('\n').all(|line| last_start(line) <= YAML))
        && (language != "ruby" || marks_end(text))
}

/// Columns before the first character, tabs to the next multiple of eight.
fn indentation(line: &str) -> usize {
    line.bytes().take_while(|b| b" \t\x0c\r".contains(b)).fold(0, |column, b| match b {
        b'\t' => column / 8 * 8 + 8,
        _ => column + 1,
    })
}

/// The last column of a line where a mapping, a sequence or a text may begin.
fn last_start(line: &str) -> usize {
    let bytes = line.as_bytes();
    let mut marks =
        bytes.windows(2).enumerate().filter(|(_, w)| b"-?:".contains(&w[0]) && b" \t\r".contains(&w[1]));
    marks.next_back().map_or(0, |(at, _)| at + 2).max(indentation(line))
}

/// Whether the end mark of every here-document is short.
fn marks_end(text: &str) -> bool {
    text.match_indices("<<").all(|(at, _)| {
        let mark = text[at + 2..].trim_start_matches(['-', '~']);
        let within = &mark.as_bytes()[..mark.len().min(MARK)];
        match within.first() {
            Some(quote @ (b'\'' | b'"' | b'`')) => within[1..].contains(quote),
            _ => {
                mark.len() <= MARK
                    || within.iter().any(|b| b.is_ascii() && !b.is_ascii_alphanumeric() && *b != b'_')
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_write_is_admitted() {
        let deep = " ".repeat(100) + "x: 1\n";
        for (language, text) in [
            ("yaml", "a:\n  - b: c\n    d: |\n      text\n"),
            ("yaml", deep.as_str()),
            ("ruby", "x = <<~EOS\n  text\nEOS\ny << 'short'\nz << value"),
            ("python", "if a:\n\tif b:\n\t\tc"),
            ("rust", ""),
        ] {
            assert!(admits(language, text), "{language} {text:?}");
        }
    }

    #[test]
    fn what_could_overflow_a_scanner_is_not() {
        let steps: String = (0..300).map(|n| " ".repeat(n) + "- a:\n").collect();
        for (language, text) in [
            ("yaml", "- ".repeat(60)),
            ("yaml", "? ".repeat(60)),
            ("yaml", steps),
            ("python", "\t".repeat(31) + "x"),
            ("ruby", format!("<<~\"{}\"", "a b\n".repeat(100))),
            ("ruby", format!("<<{}", "A".repeat(300))),
            ("c", "x".repeat(20_001)),
        ] {
            assert!(!admits(language, &text), "{language} {:?}", &text[..40]);
        }
    }
}
