//! Reads numbers.

use std::fmt;

/// Most digits of a number.
pub const MOST: usize = 20;

/// Where reading stands.
#[derive(Debug)]
pub struct Parser<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Parser<'a> {
    /// Starts at the beginning of a text. The text is borrowed for as long as the parser lives, and is never
    /// copied, so that large files cost nothing beyond what they take themselves.
    pub fn new(text: &'a str) -> Parser<'a> {
        Parser { text, at: 0 }
    }

    /// The next number, or nothing at the end. Blanks before it are left out, and what is no digit ends it; a
    /// number of more digits than `MOST` is cut there and goes on as another one.
    pub fn next(&mut self) -> Option<u64> {
        let rest = self.text[self.at..].trim_start();
        self.at = self.text.len() - rest.len();
        let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len()).min(MOST);
        self.at += end;
        rest[..end].parse().ok()
    }

    /// What is left of the text after all the numbers that were read up to now, with its blanks, as it stands in
    /// the text. Useful for errors, which can show where they are.
    pub fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }
}

impl fmt::Display for Parser<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at {}", self.at)
    }
}

mod tests {
    #[test]
    fn reads() {
        assert_eq!(super::Parser::new("1 2").next(), Some(1));
    }
}
