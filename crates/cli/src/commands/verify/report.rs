//! What `hone verify` prints: the answers side by side, and a verdict for each check.

use super::python::SyntaxError;
use crate::output::table;
use serde::Serialize;
use std::fmt::Write;

/// Columns where standard output is no terminal.
const WIDTH: usize = 120;

/// One answer, and what is in it.
#[derive(Debug, Serialize)]
pub(super) struct Answer {
    pub(super) text: String,
    pub(super) tokens: usize,
    /// Whether it reached `--max-tokens`.
    pub(super) cut: bool,
    pub(super) code: Option<String>,
    pub(super) parses: bool,
    pub(super) error: Option<SyntaxError>,
}

/// Mean loss of held-out examples, in nats a token.
#[derive(Debug, Serialize)]
pub(super) struct Loss {
    pub(super) data: String,
    pub(super) examples: usize,
    pub(super) base: f64,
    pub(super) adapter: f64,
}

/// A verdict.
#[derive(Debug, Serialize)]
pub(super) struct Check {
    pub(super) name: &'static str,
    /// `None` where it could not be checked.
    pub(super) passed: Option<bool>,
    pub(super) why: String,
}

#[derive(Debug, Serialize)]
pub(super) struct Report {
    pub(super) model: String,
    /// Id of the adapter.
    pub(super) adapter: String,
    pub(super) name: String,
    pub(super) prompt: String,
    pub(super) base_answer: Answer,
    pub(super) adapter_answer: Answer,
    pub(super) loss: Option<Loss>,
    pub(super) checks: Vec<Check>,
    /// Whether no check failed.
    pub(super) passed: bool,
}

impl Report {
    /// As text of so many columns.
    pub(super) fn as_text(&self, width: usize) -> String {
        let (left, right) =
            (format!("{} alone", self.model), format!("with {} ({})", self.name, self.adapter));
        let mut text = format!("{}\n\n", self.prompt);
        text += &side_by_side((&left, &self.base_answer.text), (&right, &self.adapter_answer.text), width);
        text.push('\n');
        let row = |check: &Check| {
            let verdict = match check.passed {
                Some(true) => "ok",
                Some(false) => "FAILED",
                None => "not checked",
            };
            vec![check.name.to_owned(), verdict.to_owned(), check.why.clone()]
        };
        text + &table(&self.checks.iter().map(row).collect::<Vec<_>>())
    }
}

/// Two texts in columns, each under its title.
fn side_by_side(left: (&str, &str), right: (&str, &str), width: usize) -> String {
    let column = width.saturating_sub(3).max(40) / 2;
    let side = |(title, text): (&str, &str)| {
        let title: String = title.chars().take(column).collect();
        let mut lines = vec![title, "─".repeat(column)];
        lines.extend(text.trim_end().lines().flat_map(|line| wrapped(line, column)));
        lines
    };
    let (left, right) = (side(left), side(right));
    let mut text = String::new();
    for i in 0..left.len().max(right.len()) {
        let line = |side: &[String]| side.get(i).cloned().unwrap_or_default();
        let row = format!("{:column$} │ {}", line(&left), line(&right));
        let _ = writeln!(text, "{}", row.trim_end());
    }
    text
}

/// A line in pieces of at most so many characters.
fn wrapped(line: &str, column: usize) -> Vec<String> {
    let chars: Vec<char> = line.replace('\t', "    ").chars().collect();
    if chars.is_empty() {
        return vec![String::new()];
    }
    chars.chunks(column).map(|piece| piece.iter().collect()).collect()
}

/// Columns of the terminal.
pub(super) fn width() -> usize {
    #[cfg(unix)]
    if let Ok(size) = rustix::termios::tcgetwinsize(std::io::stdout())
        && size.ws_col > 0
    {
        return size.ws_col.into();
    }
    WIDTH
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_whatever_is_in_them() {
        let long = "x".repeat(50);
        let text = side_by_side(("a", "one\n\n\ttwo"), ("b", &long), 83);
        let rows: Vec<&str> = text.lines().collect();
        assert_eq!(rows.len(), 5);
        assert!(rows.iter().all(|row| row.chars().nth(41) == Some('│')), "{text}");
        assert!(rows.iter().all(|row| row.chars().count() <= 83));
        assert!(rows[2].ends_with(&"x".repeat(40)) && rows[3].ends_with(&format!("│ {}", "x".repeat(10))));
        assert!(rows[4].starts_with("    two"));
    }
}
